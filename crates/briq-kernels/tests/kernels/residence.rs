//! Packed weights whose place a file takes.

use std::io::Write as _;
use std::sync::Arc;

use briq_kernels::matrix::{PackedMatrix, Transposed, multiply};
use briq_kernels::{Epilogue, residence};

use crate::noise;

/// A multiple of every page size.
const OFFSET: usize = 64 << 10;

#[test]
fn a_file_with_the_same_bytes_takes_the_place_of_weights() {
    let (rows, columns) = (250, 500);
    let matrix = PackedMatrix::pack(&noise(rows * columns, 1), rows, columns, Transposed::No);
    let small = PackedMatrix::pack(&noise(64, 2), 8, 8, Transposed::No);
    let answer = || {
        let mut out = vec![0.0; columns];
        multiply(&noise(rows, 3), 1, &matrix, &Epilogue::NONE, &mut out);
        out
    };
    let before = answer();
    let parts = residence::settled();
    let of = |parts: &[residence::Part], matrix: &PackedMatrix| {
        parts.iter().position(|part| size_of_val(part.numbers()) == matrix.bytes())
    };
    let part = &parts[of(&parts, &matrix).expect("the matrix is settled")];
    assert_eq!(of(&parts, &small), None, "a small one is not worth a page");
    let mut file = tempfile::tempfile().expect("there is a temporary folder");
    let mut contents = vec![7; OFFSET];
    contents.extend_from_slice(residence::bytes(part.numbers()));
    contents.resize(contents.len().next_multiple_of(OFFSET), 0);
    file.write_all(&contents).expect("it can be written");
    let file = Arc::new(file);
    assert!(!part.lay_upon(&file, 0).expect("the file is mapped"), "other bytes do not take its place");
    assert!(part.lay_upon(&file, OFFSET as u64).expect("the file is mapped"));
    assert_eq!(answer(), before);
    assert_eq!(of(&residence::settled(), &matrix), None, "each part is told once");
}
