//! Pooling in any number of dimensions: the elements under each place of the window side by side, then reduced.

use burn::backend::ops::FloatTensorOps;
use burn::backend::{Dispatch, Scalar};

use super::{selected, with_fill};
use crate::operator::{Call, Fault, Outcome, one};
use crate::value::{DeviceTensor, dimensions, reshape};

/// The windows of a pooling: which elements lie under each place.
pub(in crate::operator) struct Windows {
    /// The shape of the result.
    pub(in crate::operator) shape: Vec<usize>,
    /// Positions in the flat input, window by window; the number of elements stands for what lies outside.
    pub(in crate::operator) positions: Vec<usize>,
    /// How many numbers each window's mean is over.
    pub(in crate::operator) parts: Vec<f64>,
}

impl Windows {
    /// `[places, elements of a window]`.
    fn rows(&self, call: &Call, x: DeviceTensor) -> Result<DeviceTensor, Fault> {
        let places = self.parts.len();
        let shape = [places, self.positions.len() / places.max(1)];
        selected(call, with_fill(call, x, Some(0.0)), &shape, &self.positions)
    }
}

pub(in crate::operator) fn average_pool(call: &mut Call, windows: &Windows) -> Outcome {
    let x = call.tensor(0)?;
    let sums = Dispatch::float_sum_dim(windows.rows(call, x)?, 1);
    let shares = windows.parts.iter().map(|parts| (1.0 / parts) as f32).collect();
    let means = Dispatch::float_mul(sums, call.upload(shares, &[windows.parts.len(), 1]));
    one(reshape(means, &windows.shape))
}

pub(in crate::operator) fn lp_pool(call: &mut Call, windows: &Windows, p: f64) -> Outcome {
    let x = call.tensor(0)?;
    one(reshape(norms(windows.rows(call, x)?, p), &windows.shape))
}

/// The mean over all spatial dimensions.
pub(in crate::operator) fn global_mean(call: &mut Call, pooled: &[usize]) -> Outcome {
    one(reshape(Dispatch::float_mean_dim(planes(call)?, 1), pooled))
}

/// The norm over all spatial dimensions.
pub(in crate::operator) fn lp_norm(call: &mut Call, pooled: &[usize], p: f64) -> Outcome {
    one(reshape(norms(planes(call)?, p), pooled))
}

/// `[batch × channels, elements of a plane]`.
fn planes(call: &mut Call) -> Result<DeviceTensor, Fault> {
    let x = call.tensor(0)?;
    let shape = dimensions(&x);
    Ok(reshape(x, &[shape[..2].iter().product(), shape[2..].iter().product()]))
}

fn norms(rows: DeviceTensor, p: f64) -> DeviceTensor {
    let powers = Dispatch::float_powf_scalar(Dispatch::float_abs(rows), Scalar::Float(p));
    Dispatch::float_powf_scalar(Dispatch::float_sum_dim(powers, 1), Scalar::Float(p.recip()))
}
