//! Linear maps along one axis: resizing, running sums, sums over neighbours.

use burn::backend::Dispatch;
use burn::backend::ops::FloatTensorOps;

use crate::operator::Call;
use crate::value::{DeviceTensor, dimensions, reshape};

/// Weights from each element along an axis to each element of the result.
pub(in crate::operator) struct Matrix {
    to: usize,
    /// Row-major: a row for each element of the input.
    weights: Vec<f32>,
}

impl Matrix {
    /// No weight from any of `from` elements to any of `to`.
    pub(in crate::operator) fn zeros(from: usize, to: usize) -> Self {
        Self { to, weights: vec![0.0; from * to] }
    }

    /// Adds to the weight from one element to another.
    pub(in crate::operator) fn add(&mut self, from: usize, to: usize, weight: f64) {
        self.weights[from * self.to + to] += weight as f32;
    }
}

/// Maps the elements along an axis.
pub(in crate::operator) fn mapped(call: &Call, x: DeviceTensor, axis: usize, matrix: Matrix) -> DeviceTensor {
    let rank = dimensions(&x).len();
    let mut order: Vec<usize> = (0..rank).filter(|other| *other != axis).chain([axis]).collect();
    let last = Dispatch::float_permute(x, &order);
    let mut shape = dimensions(&last);
    let from = shape[rank - 1];
    let rows = shape[..rank - 1].iter().product();
    let weights = call.upload(matrix.weights, &[from, matrix.to]);
    let y = Dispatch::float_matmul(reshape(last, &[rows, from]), weights);
    shape[rank - 1] = matrix.to;
    for (place, axis) in order.clone().into_iter().enumerate() {
        order[axis] = place;
    }
    Dispatch::float_permute(reshape(y, &shape), &order)
}
