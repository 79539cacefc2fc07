//! Operators that make tensors from little: constants, ranges, windows.

use std::f64::consts::PI;

use briq_graph::{Attribute, ElementType};

use super::{Call, Fault, Operator, Outcome};
use crate::value::{Elements, HostTensor};

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("Constant", constant),
    ("ConstantOfShape", constant_of_shape),
    ("Range", range),
    ("EyeLike", eye_like),
    ("HannWindow", |call| window(call, [0.5, 0.5, 0.0])),
    ("HammingWindow", |call| window(call, [25.0 / 46.0, 21.0 / 46.0, 0.0])),
    ("BlackmanWindow", |call| window(call, [0.42, 0.5, 0.08])),
];

fn constant(call: &mut Call) -> Outcome {
    if let Some(tensor) = call.literal("value")? {
        return call.answer(tensor);
    }
    let given = call.node.attributes.values().next().ok_or(Fault::MissingInput(0))?;
    call.answer(match given {
        Attribute::Float(number) => HostTensor::floats(ElementType::F32, &[], [f64::from(*number)]),
        Attribute::Floats(numbers) => {
            HostTensor::floats(ElementType::F32, &[numbers.len()], numbers.iter().map(|number| f64::from(*number)))
        }
        Attribute::Int(number) => HostTensor::integers(ElementType::I64, &[], [i128::from(*number)]),
        Attribute::Ints(numbers) => {
            HostTensor::integers(ElementType::I64, &[numbers.len()], numbers.iter().map(|number| i128::from(*number)))
        }
        Attribute::String(text) => HostTensor::texts(&[], vec![text.clone()]),
        Attribute::Strings(texts) => HostTensor::texts(&[texts.len()], texts.clone()),
        _ => return Err(Fault::because("its value is no tensor")),
    })
}

fn constant_of_shape(call: &mut Call) -> Outcome {
    let shape = super::shape::sizes(call, 0)?;
    let value = call.literal("value")?.unwrap_or_else(|| HostTensor::floats(ElementType::F32, &[1], [0.0]));
    call.answer(value.pick(&shape, std::iter::repeat_n(0, shape.iter().product())))
}

fn range(call: &mut Call) -> Outcome {
    let (start, limit, delta) = (call.host(0)?, call.host(1)?, call.host(2)?);
    let element = start.element;
    let first = |tensor: &HostTensor| tensor.to_floats().first().copied().ok_or(Fault::MissingInput(0));
    let (from, to, step) = (first(&start)?, first(&limit)?, first(&delta)?);
    let count = ((to - from) / step).ceil().max(0.0);
    if !count.is_finite() || count > 1e9 {
        return Err(Fault::because(format!("a range from {from} to {to} in steps of {step} has no end")));
    }
    let numbers = (0..count as usize).map(|index| from + index as f64 * step);
    call.answer(HostTensor::floats(element, &[count as usize], numbers))
}

fn eye_like(call: &mut Call) -> Outcome {
    let diagonal = call.int("k", 0)?;
    let element = call.datatype("dtype")?.map_or_else(|| call.element(0), Ok)?;
    let shape = call.shape(0)?;
    let &[rows, columns] = shape.as_slice() else { return Err(Fault::because(format!("{shape:?} is no matrix"))) };
    let one = |flat: usize| (flat % columns) as i64 - (flat / columns) as i64 == diagonal;
    let numbers = (0..rows * columns).map(|flat| i128::from(one(flat)));
    call.answer(HostTensor::integers(element, &shape, numbers))
}

/// `a - b cos(2 pi n / N) + c cos(4 pi n / N)`.
fn window(call: &mut Call, [a, b, c]: [f64; 3]) -> Outcome {
    let element = call.datatype("output_datatype")?.unwrap_or(ElementType::F32);
    let periodic = call.flag("periodic", true)?;
    let size = *super::shape::sizes(call, 0)?.first().ok_or(Fault::MissingInput(0))?;
    let length = if periodic { size } else { size.saturating_sub(1) } as f64;
    let angle = |n: usize| 2.0 * PI * n as f64 / length;
    let numbers = (0..size).map(|n| a - b * angle(n).cos() + c * (2.0 * angle(n)).cos());
    call.answer(HostTensor::floats(element, &[size], numbers))
}

/// Zeros of a type.
pub(super) fn zeros(element: ElementType, shape: &[usize]) -> HostTensor {
    let count = shape.iter().product();
    let data = match element {
        ElementType::Text => Elements::Texts(vec![String::new(); count]),
        float if float.is_float() => Elements::Floats(vec![0.0; count]),
        _ => Elements::Integers(vec![0; count]),
    };
    HostTensor { element, shape: shape.to_vec(), data }
}
