//! Many products of matrices that both vary, such as the scores of attention.

use super::packed::{PackedMatrix, Transposed};
use super::product::{Product, Strided};
use crate::buffer::{give_back, take};
use crate::epilogue::Epilogue;
use crate::parallel::{Cost, SharedMut, for_each_range};
use crate::simd::Unit;

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
    let unit = Unit::current();
    let steps = (spec.rows / unit.lanes() + 2) * spec.columns * spec.depth;
    let out = SharedMut::new(out);
    let job = Job { spec, left, right, scale, out };
    if spec.batch < rayon::current_num_threads() {
        return (0..spec.batch).for_each(|index| job.multiply(index, true));
    }
    for_each_range(spec.batch, Cost::per_item(steps), |range| {
        unit.force(|| range.for_each(|index| job.multiply(index, false)));
    });
}

struct Job<'a> {
    spec: &'a BatchSpec,
    left: &'a [f32],
    right: &'a [f32],
    scale: f32,
    out: SharedMut<'a>,
}

impl Job<'_> {
    /// Computes one product, on several threads if `spread` says so.
    fn multiply(&self, index: usize, spread: bool) {
        let BatchSpec { rows, depth, columns, left_stride, right_stride, transposed, .. } = *self.spec;
        let left = &self.left[index * left_stride..][..rows * depth];
        let right = &self.right[index * right_stride..][..depth * columns];
        let matrix = PackedMatrix::pack_into(take(), right, depth, columns, transposed, self.scale);
        let product = Product {
            rows: Strided { values: left, stride: depth },
            count: rows,
            taps: 1,
            depth,
            matrix: &matrix,
            epilogue: Epilogue::NONE,
            stride: columns,
            column: 0,
        };
        // SAFETY: each index has its own part of the result, and is handed out once.
        let out = SharedMut::new(unsafe { self.out.slice(index * rows * columns, rows * columns) });
        if spread {
            product.run(out)
        } else {
            product.run_here(out)
        }
        give_back(matrix.into_buffer());
    }
}
