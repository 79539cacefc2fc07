//! Operators that carry out a body: `If`, `Loop`, `Scan`, `SequenceMap`.

use super::slicing::joined;
use super::space::Around;
use super::{Call, Fault, Operator, Outcome, axis};
use crate::network::Body;
use crate::value::{HostTensor, Value};

pub(super) const OPERATORS: &[(&str, Operator)] =
    &[("If", branch), ("Loop", repeat), ("Scan", scan), ("SequenceMap", sequence_map)];

fn carry_out(body: &Body, call: &mut Call, inputs: Vec<Value>, captured: &[Value]) -> Outcome {
    let all = inputs.into_iter().chain(captured.iter().cloned()).collect();
    body.run(all, call.run).map_err(|error| Fault::Body(Box::new(error)))
}

fn branch(call: &mut Call) -> Outcome {
    let condition = truth(&call.value(0)?)?;
    let (body, captured) = call.body(if condition { "then_branch" } else { "else_branch" })?;
    carry_out(body, call, Vec::new(), &captured)
}

fn truth(value: &Value) -> Result<bool, Fault> {
    let constant = match value.clone() {
        Value::Device(tensor) => Value::Device(crate::value::detached(tensor)),
        other => other,
    };
    let tensor = super::sequence::host(constant)?;
    tensor.to_bools().first().copied().ok_or_else(|| Fault::because("the condition is empty"))
}

/// The most rounds of a loop that does not say how many it takes.
const MAX_ROUNDS: i64 = 1 << 40;

fn repeat(call: &mut Call) -> Outcome {
    let rounds = call.integers(0)?.and_then(|given| given.first().copied()).unwrap_or(MAX_ROUNDS);
    let mut goes_on = if call.has(1) { truth(&call.value(1)?)? } else { true };
    let count = call.node.inputs.len().saturating_sub(2);
    let mut state = (2..2 + count).map(|index| call.value(index)).collect::<Result<Vec<_>, _>>()?;
    let (body, captured) = call.body("body")?;
    let collected = body.graph().outputs.len().saturating_sub(1 + count);
    let mut lists = vec![Vec::new(); collected];
    let mut round = 0;
    while goes_on && round < rounds {
        let head = [HostTensor::indices(&[], [round as usize]), HostTensor::bools(&[], [goes_on])];
        let inputs = head.into_iter().map(Value::Host).chain(state).collect();
        let mut results = carry_out(body, call, inputs, &captured)?.into_iter();
        goes_on = truth(&results.next().ok_or(Fault::MissingInput(1))?)?;
        state = results.by_ref().take(count).collect();
        lists.iter_mut().zip(results).for_each(|(list, value)| list.push(value));
        round += 1;
    }
    for list in lists {
        state.push(stacked(call, list, 0, false)?);
    }
    Ok(state)
}

/// Values one above the other, along a new axis.
fn stacked(call: &Call, list: Vec<Value>, axis: usize, reverse: bool) -> Result<Value, Fault> {
    let mut parts = list.into_iter().map(super::sequence::host).collect::<Result<Vec<_>, _>>()?;
    if reverse {
        parts.reverse();
    }
    for part in &mut parts {
        let axis = axis.min(part.shape.len());
        part.shape.insert(axis, 1);
    }
    if parts.is_empty() {
        return Err(Fault::because("a loop without rounds leaves nothing to stack"));
    }
    Ok(call.place(joined(&parts, axis)?))
}

/// One slice of a tensor, without the axis that is cut.
fn slice(tensor: &HostTensor, axis: usize, index: usize) -> HostTensor {
    let mut shape = tensor.shape.clone();
    shape.remove(axis);
    let places: Vec<usize> = Around::new(&tensor.shape, axis).lanes().filter_map(|mut lane| lane.nth(index)).collect();
    tensor.pick(&shape, places)
}

fn directions(call: &Call, name: &'static str, count: usize) -> Result<Vec<i64>, Fault> {
    let mut given = call.ints(name)?.unwrap_or_default();
    given.resize(count, 0);
    Ok(given)
}

/// Operator set 8 scanned each example of a batch by itself, behind an input of lengths.
fn scan(call: &mut Call) -> Outcome {
    let scanned = call.size("num_scan_inputs", 1)?;
    let first = usize::from(call.opset < 9);
    let kept = call.node.inputs.len().checked_sub(scanned + first).ok_or(Fault::MissingInput(0))?;
    let state = (first..first + kept).map(|index| call.value(index)).collect::<Result<Vec<_>, _>>()?;
    let inputs = (first + kept..first + kept + scanned).map(|index| call.host(index)).collect::<Result<Vec<_>, _>>()?;
    if call.opset >= 9 {
        return scan_through(call, state, &inputs);
    }
    scan_batch(call, state, &inputs)
}

fn scan_batch(call: &mut Call, state: Vec<Value>, inputs: &[HostTensor]) -> Outcome {
    let state = state.into_iter().map(super::sequence::host).collect::<Result<Vec<_>, _>>()?;
    let examples = inputs.first().and_then(|input| input.shape.first().copied()).unwrap_or(0);
    let mut lists = vec![Vec::new(); call.node.outputs.len()];
    let held = call.inputs.clone();
    for example in 0..examples {
        call.inputs.clone_from(&held);
        let state = state.iter().map(|tensor| call.place(slice(tensor, 0, example))).collect();
        let inputs: Vec<_> = inputs.iter().map(|tensor| slice(tensor, 0, example)).collect();
        let results = scan_through(call, state, &inputs)?;
        lists.iter_mut().zip(results).for_each(|(list, value)| list.push(value));
    }
    lists.into_iter().map(|list| stacked(call, list, 0, false)).collect()
}

fn scan_through(call: &mut Call, mut state: Vec<Value>, inputs: &[HostTensor]) -> Outcome {
    let kept = state.len();
    let given = directions(call, "scan_input_axes", inputs.len())?;
    let axes = given.iter().zip(inputs).map(|(given, input)| axis(*given, input.shape.len()));
    let axes = axes.collect::<Result<Vec<_>, _>>()?;
    let backwards = directions(call, "scan_input_directions", inputs.len())?;
    let (body, captured) = call.body("body")?;
    let results = body.graph().outputs.len().saturating_sub(kept);
    let (out_axes, out_backwards) =
        (directions(call, "scan_output_axes", results)?, directions(call, "scan_output_directions", results)?);
    let rounds = inputs.iter().zip(&axes).map(|(input, axis)| input.shape[*axis]).min().unwrap_or(0);
    let mut lists = vec![Vec::new(); results];
    for round in 0..rounds {
        let cut = |(at, input): (usize, &HostTensor)| {
            slice(input, axes[at], if backwards[at] == 0 { round } else { rounds - 1 - round })
        };
        let cuts: Vec<Value> = inputs.iter().enumerate().map(cut).map(|tensor| call.place(tensor)).collect();
        let mut outputs = carry_out(body, call, state.into_iter().chain(cuts).collect(), &captured)?.into_iter();
        state = outputs.by_ref().take(kept).collect();
        lists.iter_mut().zip(outputs).for_each(|(list, value)| list.push(value));
    }
    for (at, list) in lists.into_iter().enumerate() {
        let rank = list.first().map_or(1, |value| value.shape().len() + 1);
        let axis = axis(out_axes[at], rank)?;
        state.push(stacked(call, list, axis, out_backwards[at] != 0)?);
    }
    Ok(state)
}

fn sequence_map(call: &mut Call) -> Outcome {
    let list = call.sequence(0)?;
    let others = (1..call.node.inputs.len()).map(|index| call.value(index)).collect::<Result<Vec<_>, _>>()?;
    let (body, captured) = call.body("body")?;
    let mut results = vec![Vec::new(); call.node.outputs.len()];
    for (index, element) in list.into_iter().enumerate() {
        let beside = others.iter().map(|other| match other {
            Value::Sequence(list) => {
                list.get(index).cloned().ok_or_else(|| Fault::because("the lists differ in length"))
            }
            other => Ok(other.clone()),
        });
        let beside = beside.collect::<Result<Vec<_>, _>>()?;
        let inputs = std::iter::once(element).chain(beside).collect();
        let outputs = carry_out(body, call, inputs, &captured)?;
        results.iter_mut().zip(outputs).for_each(|(list, value)| list.push(value));
    }
    Ok(results.into_iter().map(Value::Sequence).collect())
}
