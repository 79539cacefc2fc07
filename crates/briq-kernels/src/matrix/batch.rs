//! Many products of matrices that both vary, such as the scores of attention.

use super::packed::{PackedMatrix, Transposed};
use super::product::{Product, Strided};
use crate::epilogue::Epilogue;
use crate::parallel::{Cost, SharedMut, for_each_range};

/// The sizes of a batch of products `out[i] = scale · left[i] · right[i]`, each matrix row by row.
#[derive(Clone, Copy, Debug)]
pub struct BatchSpec {
    /// Products.
    pub batch: usize,
    /// Rows of `left` and of `out`.
    pub rows: usize,
    /// Columns of `left` and rows of `right`.
    pub depth: usize,
    /// Columns of `right` and of `out`.
    pub columns: usize,
    /// Numbers from one matrix to the next in `left`; 0 where all products share one.
    pub left_stride: usize,
    /// Numbers from one matrix to the next in `right`; 0 where all products share one.
    pub right_stride: usize,
    /// How each `right` lies.
    pub transposed: Transposed,
}

/// Computes a batch of products; those of one batch entry lie one behind the other in `out`.
///
/// # Panics
/// If a slice is too short for the sizes, or `out` is not `batch · rows · columns` long.
pub fn multiply_batch(spec: &BatchSpec, left: &[f32], right: &[f32], scale: f32, out: &mut [f32]) {
    let size = spec.rows * spec.columns;
    assert_eq!(out.len(), spec.batch * size, "a result of batch × rows × columns");
    let unit = crate::simd::Unit::current();
    let steps = (spec.rows / unit.lanes() + 2) * spec.columns * spec.depth;
    let out = SharedMut::new(out);
    for_each_range(spec.batch, Cost::per_item(steps), |range| {
        unit.force(|| range.for_each(|index| multiply_one(spec, index, left, right, scale, out)));
    });
}

fn multiply_one(spec: &BatchSpec, index: usize, left: &[f32], right: &[f32], scale: f32, out: SharedMut<'_>) {
    let left = &left[index * spec.left_stride..][..spec.rows * spec.depth];
    let right = &right[index * spec.right_stride..][..spec.depth * spec.columns];
    let matrix = match spec.transposed {
        Transposed::No => PackedMatrix::pack_with(spec.depth, spec.columns, |k, n| scale * right[k * spec.columns + n]),
        Transposed::Yes => PackedMatrix::pack_with(spec.depth, spec.columns, |k, n| scale * right[n * spec.depth + k]),
    };
    let size = spec.rows * spec.columns;
    let product = Product {
        rows: Strided { values: left, stride: spec.depth },
        count: spec.rows,
        taps: 1,
        depth: spec.depth,
        matrix: &matrix,
        epilogue: Epilogue::NONE,
        stride: spec.columns,
        column: 0,
    };
    // SAFETY: each index has its own part of the result, and is handed out once.
    product.run_here(SharedMut::new(unsafe { out.slice(index * size, size) }));
}
