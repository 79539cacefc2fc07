//! Functions of one number, element by element.

use burn::backend::Dispatch;
use burn::backend::ops::FloatTensorOps;

use super::{Call, Operator, Outcome, one};
use crate::value::{DeviceTensor, Elements, HostTensor, Value, on_every_backend};

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("Acos", |call| unary(call, Dispatch::float_acos, f64::acos)),
    ("Acosh", |call| unary(call, Dispatch::float_acosh, f64::acosh)),
    ("Asin", |call| unary(call, Dispatch::float_asin, f64::asin)),
    ("Asinh", |call| unary(call, Dispatch::float_asinh, f64::asinh)),
    ("Atan", |call| unary(call, Dispatch::float_atan, f64::atan)),
    ("Atanh", |call| unary(call, Dispatch::float_atanh, f64::atanh)),
    ("Ceil", |call| unary(call, Dispatch::float_ceil, f64::ceil)),
    ("Cos", |call| unary(call, Dispatch::float_cos, f64::cos)),
    ("Cosh", |call| unary(call, Dispatch::float_cosh, f64::cosh)),
    ("Erf", |call| on_device(call, Dispatch::float_erf)),
    ("Exp", |call| unary(call, Dispatch::float_exp, f64::exp)),
    ("Floor", |call| unary(call, Dispatch::float_floor, f64::floor)),
    ("Log", |call| unary(call, Dispatch::float_log, f64::ln)),
    ("Reciprocal", |call| unary(call, Dispatch::float_recip, f64::recip)),
    ("Round", |call| unary(call, Dispatch::float_round, f64::round_ties_even)),
    ("Sin", |call| unary(call, Dispatch::float_sin, f64::sin)),
    ("Sinh", |call| unary(call, Dispatch::float_sinh, f64::sinh)),
    ("Sqrt", |call| unary(call, Dispatch::float_sqrt, f64::sqrt)),
    ("Tan", |call| unary(call, Dispatch::float_tan, f64::tan)),
    ("Abs", |call| signed(call, Dispatch::float_abs, f64::abs, i128::abs)),
    ("Neg", |call| signed(call, Dispatch::float_neg, |x| -x, |x| -x)),
    ("Sign", |call| signed(call, Dispatch::float_sign, sign, i128::signum)),
];

/// On the device where the input is, else on the host in double precision.
pub(super) fn unary(call: &mut Call, device: fn(DeviceTensor) -> DeviceTensor, host: impl Fn(f64) -> f64) -> Outcome {
    if call.on_device(0) {
        return one(device(call.tensor(0)?));
    }
    let x = call.host(0)?;
    call.answer(HostTensor::floats(x.element, &x.shape, x.to_floats().into_iter().map(host)))
}

/// On the device always, in the shape of the input; where the device has no such shape, as a list.
pub(super) fn on_device(call: &mut Call, device: impl Fn(DeviceTensor) -> DeviceTensor) -> Outcome {
    let shape = call.shape(0)?;
    if call.on_device(0) || on_every_backend(&shape) {
        return one(device(call.tensor(0)?));
    }
    let x = call.host(0)?;
    let (element, count) = (x.element, x.count());
    if count == 0 {
        return call.answer(x);
    }
    call.inputs[0] = Some(Value::Host(x.reshaped(&[count])));
    let y = device(call.tensor(0)?);
    Ok(vec![Value::Host(super::call::fetch(y)?.cast(element).reshaped(&shape))])
}

/// Of numbers and of integers.
fn signed(
    call: &mut Call,
    device: fn(DeviceTensor) -> DeviceTensor,
    floats: fn(f64) -> f64,
    integers: fn(i128) -> i128,
) -> Outcome {
    if call.on_device(0) {
        return one(device(call.tensor(0)?));
    }
    let x = call.host(0)?;
    let y = match &x.data {
        Elements::Integers(numbers) => HostTensor::integers(x.element, &x.shape, numbers.iter().map(|n| integers(*n))),
        _ => HostTensor::floats(x.element, &x.shape, x.to_floats().into_iter().map(floats)),
    };
    call.answer(y)
}

fn sign(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x.signum() }
}
