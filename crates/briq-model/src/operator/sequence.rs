//! Lists of tensors, and options.

use super::slicing::{joined, pieces};
use super::{Call, Fault, Operator, Outcome, axis};
use crate::value::{HostTensor, Value};

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("SequenceEmpty", |_| Ok(vec![Value::Sequence(Vec::new())])),
    ("SequenceConstruct", construct),
    ("SequenceInsert", insert),
    ("SequenceErase", erase),
    ("SequenceAt", at),
    ("SequenceLength", length),
    ("SplitToSequence", split_to_sequence),
    ("ConcatFromSequence", concat_from_sequence),
    ("Optional", |call| Ok(vec![call.value(0).unwrap_or(Value::Absent)])),
    ("OptionalHasElement", has_element),
    ("OptionalGetElement", get_element),
];

fn construct(call: &mut Call) -> Outcome {
    let list = (0..call.inputs.len()).map(|index| call.value(index)).collect::<Result<_, _>>()?;
    Ok(vec![Value::Sequence(list)])
}

/// A place in a list, counted from the end where negative; `last` where the node leaves it out.
fn place(call: &mut Call, index: usize, length: usize, last: usize) -> Result<usize, Fault> {
    let Some(given) = call.constant(index)? else { return Ok(last) };
    let counted = if given < 0.0 { given + length as f64 } else { given };
    if counted < 0.0 || counted > length as f64 {
        return Err(Fault::because(format!("place {given} in a list of {length}")));
    }
    Ok(counted as usize)
}

fn insert(call: &mut Call) -> Outcome {
    let mut list = call.sequence(0)?;
    let value = call.value(1)?;
    let place = place(call, 2, list.len(), list.len())?;
    list.insert(place, value);
    Ok(vec![Value::Sequence(list)])
}

fn erase(call: &mut Call) -> Outcome {
    let mut list = call.sequence(0)?;
    let place = place(call, 1, list.len(), list.len().saturating_sub(1))?;
    if place >= list.len() {
        return Err(Fault::because(format!("there is no element {place}")));
    }
    list.remove(place);
    Ok(vec![Value::Sequence(list)])
}

fn at(call: &mut Call) -> Outcome {
    let list = call.sequence(0)?;
    let place = place(call, 1, list.len(), 0)?;
    let value = list.into_iter().nth(place);
    value.map(|value| vec![value]).ok_or_else(|| Fault::because(format!("there is no element {place}")))
}

fn length(call: &mut Call) -> Outcome {
    let count = call.sequence(0)?.len();
    call.answer(HostTensor::indices(&[], [count]))
}

fn split_to_sequence(call: &mut Call) -> Outcome {
    let keep = call.flag("keepdims", true)?;
    let given = call.int("axis", 0)?;
    let shape = call.shape(0)?;
    let axis = axis(given, shape.len())?;
    let single = !call.has(1);
    let scalar = call.has(1) && call.shape(1)?.is_empty();
    let sizes = match call.integers(1)? {
        None => vec![1; shape[axis]],
        Some(given) if scalar => {
            let size = given.first().copied().unwrap_or(1).max(1) as usize;
            (0..shape[axis].div_ceil(size)).map(|part| size.min(shape[axis] - part * size) as i64).collect()
        }
        Some(given) => given,
    };
    let value = call.value(0)?;
    let mut parts = pieces(call, &value, axis, &sizes)?;
    if single && !keep {
        let mut flat = shape;
        flat.remove(axis);
        parts = parts.into_iter().map(|part| squeezed(call, part, &flat)).collect::<Result<_, _>>()?;
    }
    Ok(vec![Value::Sequence(parts)])
}

fn squeezed(call: &Call, value: Value, shape: &[usize]) -> Result<Value, Fault> {
    Ok(match value {
        Value::Device(tensor) => call.place(super::call::fetch(tensor)?.reshaped(shape)),
        Value::Host(tensor) => call.place(tensor.reshaped(shape)),
        other => other,
    })
}

fn concat_from_sequence(call: &mut Call) -> Outcome {
    let (given, stack) = (call.int("axis", 0)?, call.flag("new_axis", false)?);
    let list = call.sequence(0)?;
    let mut parts = list.into_iter().map(host).collect::<Result<Vec<_>, _>>()?;
    let rank = parts.first().map_or(0, |part| part.shape.len()) + usize::from(stack);
    let axis = axis(given, rank)?;
    if stack {
        parts.iter_mut().for_each(|part| part.shape.insert(axis.min(part.shape.len()), 1));
    }
    call.answer(joined(&parts, axis)?)
}

/// An element of a list, in host memory.
pub(super) fn host(value: Value) -> Result<HostTensor, Fault> {
    match value {
        Value::Host(tensor) => Ok(tensor),
        Value::Device(tensor) => super::call::fetch(tensor),
        _ => Err(Fault::WrongKind { index: 0, expected: "a list of tensors" }),
    }
}

fn has_element(call: &mut Call) -> Outcome {
    let there = !matches!(call.value(0), Ok(Value::Absent) | Err(_));
    call.answer(HostTensor::bools(&[], [there]))
}

fn get_element(call: &mut Call) -> Outcome {
    match call.value(0)? {
        Value::Absent => Err(Fault::because("the option holds nothing")),
        value => Ok(vec![value]),
    }
}
