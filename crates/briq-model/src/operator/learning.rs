//! Operators of the domain `ai.onnx.ml`: what is left of classical machine learning.

mod linear;

use super::indexing::indices;
use super::space::Around;
use super::{Call, Fault, Operator, Outcome};
use crate::value::HostTensor;

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("ArrayFeatureExtractor", extract),
    ("Binarizer", binarize),
    ("LinearClassifier", linear::classify),
    ("LinearRegressor", linear::regress),
    ("Normalizer", linear::normalize),
    ("Scaler", linear::scale),
];

/// Some columns of the last axis.
fn extract(call: &mut Call) -> Outcome {
    let (x, index) = (call.host(0)?, call.host(1)?);
    let Some(last) = x.shape.len().checked_sub(1) else { return Err(Fault::because("a scalar has no columns")) };
    let chosen = indices(&index, x.shape[last])?;
    let around = Around::new(&x.shape, last);
    let rows = (0..around.before).flat_map(|row| chosen.iter().map(move |column| row * around.length + column));
    let shape = if last == 0 { vec![1, chosen.len()] } else { [&x.shape[..last], &[chosen.len()]].concat() };
    call.answer(x.pick(&shape, rows))
}

/// One above a threshold, zero elsewhere.
fn binarize(call: &mut Call) -> Outcome {
    let threshold = call.number("threshold", 0.0)?;
    let x = call.host(0)?;
    let bits = x.to_floats().into_iter().map(|number| f64::from(u8::from(number > threshold)));
    call.answer(HostTensor::floats(x.element, &x.shape, bits))
}
