//! Layers that make one value of several.

use crate::keras::call::{Call, Emitted};
use crate::keras::emitter::Flow;

pub(super) fn add(call: &mut Call<'_>) -> Emitted {
    fold(call, "Add")
}

pub(super) fn subtract(call: &mut Call<'_>) -> Emitted {
    fold(call, "Sub")
}

pub(super) fn multiply(call: &mut Call<'_>) -> Emitted {
    fold(call, "Mul")
}

pub(super) fn maximum(call: &mut Call<'_>) -> Emitted {
    all(call, "Max")
}

pub(super) fn minimum(call: &mut Call<'_>) -> Emitted {
    all(call, "Min")
}

pub(super) fn average(call: &mut Call<'_>) -> Emitted {
    all(call, "Mean")
}

/// The inputs in one layout: turned where all of them are.
fn values(call: &mut Call<'_>) -> (Vec<String>, bool) {
    let inputs = call.inputs.clone();
    let turned = inputs.iter().all(|input| input.turned && input.rank() == inputs[0].rank());
    let value = |input: &Flow| if turned { call.emitter.turned(input) } else { call.emitter.plain(input) };
    (inputs.iter().map(value).collect(), turned)
}

fn fold(call: &mut Call<'_>, operator: &str) -> Emitted {
    let (values, turned) = values(call);
    let mut value = values[0].clone();
    for next in &values[1..] {
        value = call.node(operator, &[&value, next], |node| node);
    }
    let shape = broadcast(&call.inputs);
    Ok(vec![call.done(&value, shape, turned)])
}

fn all(call: &mut Call<'_>, operator: &str) -> Emitted {
    let (values, turned) = values(call);
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let value = call.node(operator, &values, |node| node);
    let shape = broadcast(&call.inputs);
    Ok(vec![call.done(&value, shape, turned)])
}

/// A length of 1 stretches; an open one stays open.
fn broadcast(inputs: &[Flow]) -> Vec<Option<usize>> {
    let longest = inputs.iter().max_by_key(|input| input.rank()).expect("a layer has an input");
    let mut shape = longest.shape.clone();
    for input in inputs {
        let skipped = shape.len() - input.rank();
        for (own, other) in shape[skipped..].iter_mut().zip(&input.shape) {
            *own = if *own == Some(1) { *other } else { own.or(*other).filter(|_| other.is_some() && own.is_some()) };
        }
    }
    shape
}

pub(super) fn concatenate(call: &mut Call<'_>) -> Emitted {
    let rank = call.inputs[0].rank();
    let given = call.option("axis").as_i64().unwrap_or(-1);
    let axis = usize::try_from(if given < 0 { given + rank as i64 } else { given }).ok();
    let fits = |axis: &usize| (1..rank).contains(axis) && call.inputs.iter().all(|input| input.rank() == rank);
    let axis = axis.filter(fits).ok_or_else(|| call.malformed(format!("its axis is {given}")))?;
    let (values, turned) = values(call);
    let place = match axis {
        axis if !turned => axis,
        axis if axis == rank - 1 => 1,
        axis => axis + 1,
    };
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let value = call.node("Concat", &values, |node| node.with("axis", place as i64));
    let mut shape = call.inputs[0].shape.clone();
    shape[axis] = call.inputs.iter().map(|input| input.shape[axis]).sum();
    Ok(vec![call.done(&value, shape, turned)])
}
