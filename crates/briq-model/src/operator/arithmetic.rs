//! Element-wise arithmetic with broadcasting.

use burn::backend::Dispatch;
use burn::backend::Scalar;
use burn::backend::ops::FloatTensorOps;

use super::activation::unary;
use super::{Call, Fault, Operator, Outcome, one};
use crate::value::{DeviceTensor, align, download};

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("Add", |call| binary(call, Dispatch::float_add)),
    ("Sub", |call| binary(call, Dispatch::float_sub)),
    ("Mul", |call| binary(call, Dispatch::float_mul)),
    ("Div", |call| binary(call, Dispatch::float_div)),
    ("Pow", |call| binary(call, Dispatch::float_powf)),
    ("Sqrt", |call| unary(call, Dispatch::float_sqrt)),
    ("Exp", |call| unary(call, Dispatch::float_exp)),
    ("Log", |call| unary(call, Dispatch::float_log)),
    ("Neg", |call| unary(call, Dispatch::float_neg)),
    ("Abs", |call| unary(call, Dispatch::float_abs)),
    ("Reciprocal", |call| unary(call, Dispatch::float_recip)),
    ("Clip", clip),
];

fn binary(call: &mut Call, function: fn(DeviceTensor, DeviceTensor) -> DeviceTensor) -> Outcome {
    let (left, right) = align(call.tensor(0)?, call.tensor(1)?);
    one(function(left, right))
}

fn clip(call: &mut Call) -> Outcome {
    let mut x = call.tensor(0)?;
    if let Some(minimum) = bound(call, 1)? {
        x = Dispatch::float_clamp_min(x, minimum);
    }
    if let Some(maximum) = bound(call, 2)? {
        x = Dispatch::float_clamp_max(x, maximum);
    }
    one(x)
}

fn bound(call: &mut Call, index: usize) -> Result<Option<Scalar>, Fault> {
    let Some(tensor) = call.optional(index)? else { return Ok(None) };
    let values = download(tensor).map_err(Fault::Unsupported)?;
    Ok(values.first().map(|value| Scalar::Float(f64::from(*value))))
}
