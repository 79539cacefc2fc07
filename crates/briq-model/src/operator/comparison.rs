//! Comparisons, logic and bits: element by element, with broadcasting.

use std::cmp::Ordering;

use super::arithmetic::combined;
use super::space::{broadcast, spread};
use super::{Call, Fault, Operator, Outcome};
use crate::value::{Elements, HostTensor};

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("Equal", |call| compare(call, |order| order == Some(Ordering::Equal))),
    ("Greater", |call| compare(call, |order| order == Some(Ordering::Greater))),
    ("GreaterOrEqual", |call| compare(call, |order| order.is_some_and(Ordering::is_ge))),
    ("Less", |call| compare(call, |order| order == Some(Ordering::Less))),
    ("LessOrEqual", |call| compare(call, |order| order.is_some_and(Ordering::is_le))),
    ("And", |call| bits(call, |a, b| a & b)),
    ("Or", |call| bits(call, |a, b| a | b)),
    ("Xor", |call| bits(call, |a, b| a ^ b)),
    ("BitwiseAnd", |call| bits(call, |a, b| a & b)),
    ("BitwiseOr", |call| bits(call, |a, b| a | b)),
    ("BitwiseXor", |call| bits(call, |a, b| a ^ b)),
    ("BitwiseNot", bitwise_not),
    ("BitShift", bit_shift),
    ("Not", not),
    ("IsNaN", |call| test(call, f64::is_nan)),
    ("IsInf", is_infinite),
];

/// What is not a number compares as nothing.
fn compare(call: &mut Call, accepts: fn(Option<Ordering>) -> bool) -> Outcome {
    let (left, right) = (call.detached(0)?, call.detached(1)?);
    let shape = broadcast(&left.shape, &right.shape)?;
    let places = spread(&left.shape, &shape).zip(spread(&right.shape, &shape));
    let truths: Vec<bool> = match (&left.data, &right.data) {
        (Elements::Integers(a), Elements::Integers(b)) => places.map(|(i, j)| accepts(Some(a[i].cmp(&b[j])))).collect(),
        (Elements::Texts(a), Elements::Texts(b)) => places.map(|(i, j)| accepts(Some(a[i].cmp(&b[j])))).collect(),
        (Elements::Floats(a), Elements::Floats(b)) => places.map(|(i, j)| accepts(a[i].partial_cmp(&b[j]))).collect(),
        _ => return Err(Fault::because(format!("{} and {} do not compare", left.element, right.element))),
    };
    call.answer(HostTensor::bools(&shape, truths))
}

fn bits(call: &mut Call, function: fn(i128, i128) -> i128) -> Outcome {
    let (left, right) = (call.host(0)?, call.host(1)?);
    if left.element.is_float() || right.element.is_float() {
        return Err(Fault::WrongKind { index: 0, expected: "integers" });
    }
    call.answer(combined(&left, &right, |a, _| a, function)?)
}

fn bitwise_not(call: &mut Call) -> Outcome {
    let x = call.host(0)?;
    call.answer(HostTensor::integers(x.element, &x.shape, x.to_integers().into_iter().map(|number| !number)))
}

fn bit_shift(call: &mut Call) -> Outcome {
    let left = call.string("direction")? == Some("LEFT");
    let (x, by) = (call.host(0)?, call.host(1)?);
    let up = |a: i128, b: i128| if (0..64).contains(&b) { a << b } else { 0 };
    let down = |a: i128, b: i128| if (0..64).contains(&b) { a >> b } else { 0 };
    call.answer(combined(&x, &by, |a, _| a, if left { up } else { down })?)
}

fn not(call: &mut Call) -> Outcome {
    let x = call.host(0)?;
    call.answer(HostTensor::bools(&x.shape, x.to_bools().into_iter().map(|truth| !truth)))
}

fn test(call: &mut Call, holds: impl Fn(f64) -> bool) -> Outcome {
    let x = call.detached(0)?;
    call.answer(HostTensor::bools(&x.shape, x.to_floats().into_iter().map(holds)))
}

fn is_infinite(call: &mut Call) -> Outcome {
    let (negative, positive) = (call.flag("detect_negative", true)?, call.flag("detect_positive", true)?);
    test(call, |x| x == f64::INFINITY && positive || x == f64::NEG_INFINITY && negative)
}
