//! Normalisations by norms and by neighbours.

use burn::backend::ops::FloatTensorOps;
use burn::backend::{Dispatch, Scalar};

use super::mapping::{Matrix, mapped};
use super::reduction::reduction;
use crate::operator::{Call, Fault, Outcome, one};
use crate::value::dimensions;

/// Divided by the norm along an axis.
pub(in crate::operator) fn lp_normalization(call: &mut Call, first: bool, axis: usize) -> Outcome {
    let x = call.tensor(0)?;
    let operator = if first { "ReduceL1" } else { "ReduceL2" };
    let norm = reduction(operator, x.clone(), &[axis]).expect("both norms are known");
    one(Dispatch::float_div(x, norm))
}

/// Krizhevsky, Sutskever and Hinton (2012): the sum over neighbouring channels is a linear map of the squares.
pub(in crate::operator) fn local_response_normalization(call: &mut Call) -> Outcome {
    let (alpha, beta) = (call.number("alpha", 1e-4)?, call.number("beta", 0.75)?);
    let (bias, size) = (call.number("bias", 1.0)?, call.size("size", 1)?.max(1));
    let x = call.tensor(0)?;
    let channels = *dimensions(&x).get(1).ok_or_else(|| Fault::because("there are no channels"))?;
    let mut matrix = Matrix::zeros(channels, channels);
    for to in 0..channels {
        let (low, high) = (to.saturating_sub((size - 1) / 2), (to + size / 2).min(channels - 1));
        (low..=high).for_each(|from| matrix.add(from, to, alpha / size as f64));
    }
    let squares = mapped(call, Dispatch::float_mul(x.clone(), x.clone()), 1, matrix);
    let divisor = Dispatch::float_add_scalar(squares, Scalar::Float(bias));
    one(Dispatch::float_mul(x, Dispatch::float_powf_scalar(divisor, Scalar::Float(-beta))))
}
