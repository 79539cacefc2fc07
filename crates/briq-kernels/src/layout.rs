//! Moves the channels of images: NCHW to NHWC and back, and transposes in general.

use std::ops::Range;

use crate::parallel::{self, Cost, SharedMut};
use crate::simd::{Kernel, Simd, Unit};

/// From NCHW to NHWC; `pixels` is height times width.
///
/// # Panics
/// If a slice is not `batch · channels · pixels` long.
pub fn to_channels_last(input: &[f32], batch: usize, channels: usize, pixels: usize, out: &mut [f32]) {
    transpose(input, batch, channels, pixels, out);
}

/// From NHWC to NCHW; `pixels` is height times width.
///
/// # Panics
/// If a slice is not `batch · channels · pixels` long.
pub fn to_channels_first(input: &[f32], batch: usize, channels: usize, pixels: usize, out: &mut [f32]) {
    transpose(input, batch, pixels, channels, out);
}

/// Transposes each of `batch` matrices of `rows × columns`.
///
/// # Panics
/// If a slice is not `batch · rows · columns` long.
pub fn transpose(input: &[f32], batch: usize, rows: usize, columns: usize, out: &mut [f32]) {
    assert_eq!(input.len(), batch * rows * columns, "matrices of rows × columns");
    assert_eq!(out.len(), input.len(), "a result of the input's size");
    if rows == 1 || columns == 1 {
        return out.copy_from_slice(input);
    }
    let unit = Unit::current();
    // A stripe is as many columns as a register has lanes: whole rows of the result.
    let stripes = columns.div_ceil(unit.lanes());
    let out = SharedMut::new(out);
    parallel::for_each_range(batch * stripes, Cost::per_item(rows * 4), |stripes| {
        unit.run(Stripes { input, rows, columns, stripes, out });
    });
}

/// Puts rows beside one another: row `i` of `out` is row `i` of the first part, then of the second, and so on. Each part comes with
/// the length of its rows.
///
/// # Panics
/// If a part does not have as many whole rows as `out`.
pub fn beside(parts: &[(&[f32], usize)], out: &mut [f32]) {
    let width: usize = parts.iter().map(|(_, width)| width).sum();
    if out.is_empty() {
        return;
    }
    let rows = out.len() / width;
    assert_eq!(rows * width, out.len(), "whole rows of the result");
    assert!(parts.iter().all(|(numbers, width)| numbers.len() == rows * width), "as many rows of each part");
    parallel::for_each_chunk(out, width, Cost::per_item(width / 4 + 8 * parts.len()), |first, out| {
        for (index, mut row) in out.chunks_exact_mut(width).enumerate() {
            for (numbers, width) in parts {
                let (own, rest) = row.split_at_mut(*width);
                own.copy_from_slice(&numbers[(first + index) * width..][..*width]);
                row = rest;
            }
        }
    });
}

/// Some stripes of columns, counted over all matrices.
struct Stripes<'a> {
    input: &'a [f32],
    rows: usize,
    columns: usize,
    stripes: Range<usize>,
    out: SharedMut<'a>,
}

impl Kernel for Stripes<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (rows, columns) = (self.rows, self.columns);
        let per_matrix = columns.div_ceil(S::LANES);
        for stripe in self.stripes {
            let (matrix, column) = (stripe / per_matrix, stripe % per_matrix * S::LANES);
            let width = S::LANES.min(columns - column);
            let input = &self.input[matrix * rows * columns..][..rows * columns];
            // SAFETY: a stripe is whole rows of the result, and is handed out once.
            let out = unsafe { self.out.slice(matrix * rows * columns + column * rows, width * rows) };
            for row in (0..rows).step_by(S::LANES) {
                let height = S::LANES.min(rows - row);
                let mut block = [simd.zero(); 16];
                for (index, line) in block[..height].iter_mut().enumerate() {
                    *line = simd.load(&input[(row + index) * columns + column..][..width]);
                }
                for (index, &line) in simd.transpose(block)[..width].iter().enumerate() {
                    simd.store(&mut out[index * rows + row..][..height], line);
                }
            }
        }
    }
}
