//! Element-wise arithmetic with broadcasting.

use briq_graph::ElementType;
use burn::backend::ops::{BoolTensorOps, FloatTensorOps};
use burn::backend::{Dispatch, Scalar};
use burn::tensor::{Shape, TensorData};

use super::space::{broadcast, spread};
use super::{Call, Fault, Operator, Outcome, one};
use crate::value::{DeviceTensor, Elements, HostTensor, Value, align};

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("Add", |call| binary(call, Dispatch::float_add, |a, b| a + b, |a, b| a + b)),
    ("Sub", |call| binary(call, Dispatch::float_sub, |a, b| a - b, |a, b| a - b)),
    ("Mul", |call| binary(call, Dispatch::float_mul, |a, b| a * b, |a, b| a * b)),
    ("Div", |call| binary(call, Dispatch::float_div, |a, b| a / b, |a, b| a.checked_div(b).unwrap_or(0))),
    ("Pow", pow),
    ("Mod", modulo),
    ("Clip", clip),
    ("Max", |call| fold(call, greater, |a, b| if a.is_nan() || a > b { a } else { b }, Ord::max)),
    ("Min", |call| fold(call, lesser, |a, b| if a.is_nan() || a < b { a } else { b }, Ord::min)),
    ("Sum", sum),
    ("Mean", mean),
    ("Where", select),
];

type OnDevice = fn(DeviceTensor, DeviceTensor) -> DeviceTensor;
type Floats = fn(f64, f64) -> f64;
type Integers = fn(i128, i128) -> i128;

pub(super) fn broadcast_device(left: DeviceTensor, right: DeviceTensor, function: OnDevice) -> DeviceTensor {
    let (left, right) = align(left, right);
    function(left, right)
}

fn binary(call: &mut Call, device: OnDevice, floats: Floats, integers: Integers) -> Outcome {
    if call.any_on_device() {
        let (left, right) = (call.tensor(0)?, call.tensor(1)?);
        return one(broadcast_device(left, right, device));
    }
    let (left, right) = (call.host(0)?, call.host(1)?);
    call.answer(combined(&left, &right, floats, integers)?)
}

/// A function of two tensors of the left one's type.
pub(super) fn combined(
    left: &HostTensor,
    right: &HostTensor,
    floats: Floats,
    integers: Integers,
) -> Result<HostTensor, Fault> {
    let shape = broadcast(&left.shape, &right.shape)?;
    let places = || spread(&left.shape, &shape).zip(spread(&right.shape, &shape));
    Ok(match (&left.data, &right.data) {
        (Elements::Integers(a), Elements::Integers(b)) => {
            HostTensor::integers(left.element, &shape, places().map(|(i, j)| integers(a[i], b[j])))
        }
        _ => {
            let (a, b) = (left.to_floats(), right.to_floats());
            HostTensor::floats(left.element, &shape, places().map(|(i, j)| floats(a[i], b[j])))
        }
    })
}

/// The exponent may be of another type than the base.
fn pow(call: &mut Call) -> Outcome {
    let single = |value: &Option<Value>| value.as_ref().is_some_and(|value| value.element() == ElementType::F32);
    if call.any_on_device() && call.inputs.iter().all(single) {
        return binary(call, Dispatch::float_powf, f64::powf, |a, _| a);
    }
    let (base, exponent) = (call.host(0)?, call.host(1)?);
    let exponent = if exponent.element.is_float() { exponent } else { exponent.cast(ElementType::F64) };
    call.answer(combined(&base, &exponent, f64::powf, |a, _| a)?)
}

/// The sign follows the divisor, as in Python, or the dividend, as in C.
fn modulo(call: &mut Call) -> Outcome {
    let as_in_c = call.flag("fmod", false)?;
    let (left, right) = (call.host(0)?, call.host(1)?);
    let floored = |a: f64, b: f64| a - b * (a / b).floor();
    let floored_integer = |a: i128, b: i128| if b == 0 { 0 } else { a - b * (a as f64 / b as f64).floor() as i128 };
    call.answer(if as_in_c {
        combined(&left, &right, |a, b| a % b, |a, b| a.checked_rem(b).unwrap_or(0))?
    } else {
        combined(&left, &right, floored, floored_integer)?
    })
}

fn clip(call: &mut Call) -> Outcome {
    if !call.on_device(0) {
        return clip_host(call);
    }
    let (least, most) = (bound(call, 1, "min")?, bound(call, 2, "max")?);
    let mut x = call.tensor(0)?;
    if let Some(minimum) = least {
        x = Dispatch::float_clamp_min(x, Scalar::Float(minimum));
    }
    if let Some(maximum) = most {
        x = Dispatch::float_clamp_max(x, Scalar::Float(maximum));
    }
    one(x)
}

fn clip_host(call: &mut Call) -> Outcome {
    let mut x = call.host(0)?;
    if let Some(least) = bound_host(call, 1, "min", x.element)? {
        x = combined(&x, &least, f64::max, Ord::max)?;
    }
    if let Some(most) = bound_host(call, 2, "max", x.element)? {
        x = combined(&x, &most, f64::min, Ord::min)?;
    }
    call.answer(x)
}

/// As [`bound`], exact for every type.
fn bound_host(
    call: &mut Call,
    index: usize,
    name: &'static str,
    element: ElementType,
) -> Result<Option<HostTensor>, Fault> {
    match call.host_or_none(index)? {
        None if call.node.attributes.contains_key(name) => {
            Ok(Some(HostTensor::floats(element, &[], [call.number(name, 0.0)?])))
        }
        given => Ok(given),
    }
}

/// Bounds are inputs since operator set 11, attributes before.
fn bound(call: &mut Call, index: usize, name: &'static str) -> Result<Option<f64>, Fault> {
    match call.constant(index)? {
        None if call.node.attributes.contains_key(name) => call.number(name, 0.0).map(Some),
        given => Ok(given),
    }
}

/// Any number of inputs, two at a time.
fn fold(call: &mut Call, device: OnDevice, floats: Floats, integers: Integers) -> Outcome {
    if call.any_on_device() {
        let mut result = call.tensor(0)?;
        for index in 1..call.inputs.len() {
            result = broadcast_device(result, call.tensor(index)?, device);
        }
        return one(result);
    }
    let mut result = call.host(0)?;
    for index in 1..call.inputs.len() {
        result = combined(&result, &call.host(index)?, floats, integers)?;
    }
    call.answer(result)
}

/// `b + relu(a - b)`, which every backend has, also under autodiff.
fn greater(left: DeviceTensor, right: DeviceTensor) -> DeviceTensor {
    let difference = Dispatch::float_sub(left, right.clone());
    Dispatch::float_add(Dispatch::float_clamp_min(difference, Scalar::Float(0.0)), right)
}

fn lesser(left: DeviceTensor, right: DeviceTensor) -> DeviceTensor {
    let difference = Dispatch::float_sub(left, right.clone());
    Dispatch::float_add(Dispatch::float_clamp_max(difference, Scalar::Float(0.0)), right)
}

fn sum(call: &mut Call) -> Outcome {
    fold(call, Dispatch::float_add, |a, b| a + b, |a, b| a + b)
}

fn mean(call: &mut Call) -> Outcome {
    let parts = call.inputs.len() as f64;
    let total = sum(call)?.pop();
    match total {
        Some(Value::Device(total)) => one(Dispatch::float_div_scalar(total, Scalar::Float(parts))),
        Some(Value::Host(total)) => {
            let means = total.to_floats().into_iter().map(|number| number / parts);
            call.answer(HostTensor::floats(total.element, &total.shape, means))
        }
        _ => Err(Fault::MissingInput(0)),
    }
}

/// `Where`: from the second input where the first is true, else from the third.
fn select(call: &mut Call) -> Outcome {
    let condition = call.detached(0)?;
    if call.any_learns() {
        return select_on_device(call, &condition);
    }
    let (yes, no) = (call.host(1)?, call.host(2)?);
    let shape = broadcast(&condition.shape, &broadcast(&yes.shape, &no.shape)?)?;
    let truths = condition.to_bools();
    let (yes, no) = (yes.pick(&shape, spread(&yes.shape, &shape)), no.pick(&shape, spread(&no.shape, &shape)));
    let mut result = no;
    for (position, from) in spread(&condition.shape, &shape).enumerate() {
        if truths[from] {
            result.put(position, &yes, position);
        }
    }
    call.answer(result)
}

fn select_on_device(call: &mut Call, condition: &HostTensor) -> Outcome {
    let (yes, no) = (call.tensor(1)?, call.tensor(2)?);
    let of = crate::value::dimensions;
    let shape = broadcast(&condition.shape, &broadcast(&of(&yes), &of(&no))?)?;
    let truths = condition.to_bools();
    let mask: Vec<bool> = spread(&condition.shape, &shape).map(|from| truths[from]).collect();
    let mask = Dispatch::bool_from_data(TensorData::new(mask, Shape::from(shape.clone())), call.device);
    let widened = |tensor| {
        let zeros = call.upload(vec![0.0; shape.iter().product()], &shape);
        broadcast_device(tensor, zeros, Dispatch::float_add)
    };
    one(Dispatch::float_mask_where(widened(no), mask, widened(yes)))
}
