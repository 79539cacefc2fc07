//! Matrix products with a packed right-hand matrix, and batches of products of matrices that both vary.

mod batch;
mod packed;
pub(crate) mod product;
mod tile;

pub use batch::{BatchSpec, multiply_batch};
pub(crate) use packed::PanelMut;
pub use packed::{PackedMatrix, Transposed};
pub(crate) use product::{Product, Rows, Strided, bounds};
pub(crate) use tile::MOST_ROWS;

use crate::epilogue::Epilogue;
use crate::parallel::SharedMut;

/// `out = activation(left · matrix + bias + residual)`: `left` is `rows × matrix.rows()`, `out` is `rows × matrix.columns()`.
///
/// # Panics
/// If a slice is not of that size.
///
/// ```
/// use briq_kernels::{Epilogue, matrix::{PackedMatrix, Transposed, multiply}};
///
/// let matrix = PackedMatrix::pack(&[1.0, 2.0, 3.0, 4.0], 2, 2, Transposed::No);
/// let mut out = [0.0; 2];
/// multiply(&[1.0, 10.0], 1, &matrix, &Epilogue::NONE, &mut out);
/// assert_eq!(out, [31.0, 42.0]);
/// ```
pub fn multiply(left: &[f32], rows: usize, matrix: &PackedMatrix, epilogue: &Epilogue<'_>, out: &mut [f32]) {
    assert_eq!(left.len(), rows * matrix.rows(), "a left-hand matrix of rows × depth");
    assert_eq!(out.len(), rows * matrix.columns(), "a result of rows × columns");
    let product = Product {
        rows: Strided { values: left, stride: matrix.rows() },
        count: rows,
        taps: 1,
        depth: matrix.rows(),
        matrix,
        epilogue: *epilogue,
        stride: matrix.columns(),
        column: 0,
    };
    product.run(SharedMut::new(out));
}
