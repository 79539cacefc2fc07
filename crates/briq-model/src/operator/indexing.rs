//! Operators that read elements by index.

use burn::backend::Dispatch;
use burn::backend::ops::{FloatTensorOps, IntTensorOps};
use burn::tensor::{Shape, TensorData};

use super::space::{coordinates, position, strides};
use super::{Call, Fault, Operator, Outcome, axis, one};
use crate::value::{HostTensor, reshape};

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("Gather", gather),
    ("GatherElements", gather_elements),
    ("GatherND", gather_nd),
    ("Compress", compress),
    ("NonZero", non_zero),
    ("OneHot", one_hot),
];

/// Indices that may count from the end.
pub(super) fn indices(tensor: &HostTensor, length: usize) -> Result<Vec<usize>, Fault> {
    let of = |index: i128| {
        let index = if index < 0 { index + length as i128 } else { index };
        let inside = usize::try_from(index).ok().filter(|index| *index < length);
        inside.ok_or_else(|| Fault::because(format!("index {index} is outside an axis of length {length}")))
    };
    tensor.to_integers().into_iter().map(of).collect()
}

fn gather(call: &mut Call) -> Outcome {
    let from = call.shape(0)?;
    let axis = axis(call.int("axis", 0)?, from.len())?;
    let index = call.host(1)?;
    let chosen = indices(&index, from[axis])?;
    let shape = [&from[..axis], &index.shape, &from[axis + 1..]].concat();
    if call.on_device(0) && !shape.is_empty() && !chosen.is_empty() {
        let count = chosen.len();
        let chosen: Vec<i64> = chosen.into_iter().map(|index| index as i64).collect();
        let chosen = Dispatch::int_from_data(TensorData::new(chosen, Shape::from([count])), call.device);
        return one(reshape(Dispatch::float_select(call.tensor(0)?, axis, chosen), &shape));
    }
    let x = call.host(0)?;
    let (before, after) = (from[..axis].iter().product::<usize>(), from[axis + 1..].iter().product::<usize>());
    let (length, chosen) = (from[axis], &chosen);
    let row = |row: usize| {
        let starts = chosen.iter().map(move |index| (row * length + index) * after);
        starts.flat_map(move |start| start..start + after).collect::<Vec<_>>()
    };
    let places: Vec<usize> = (0..before).flat_map(row).collect();
    call.answer(x.pick(&shape, places))
}

fn gather_elements(call: &mut Call) -> Outcome {
    let (x, index) = (call.value(0)?, call.host(1)?);
    let from = x.shape();
    let axis = axis(call.int("axis", 0)?, from.len())?;
    let chosen = indices(&index, from[axis])?;
    let strides = strides(&from);
    let source = |(mut at, chosen): (Vec<usize>, &usize)| {
        at[axis] = *chosen;
        position(&at, &strides)
    };
    Ok(vec![call.picked(x, &index.shape, coordinates(&index.shape).zip(&chosen).map(source), None)?])
}

/// The positions in a tensor that rows of coordinates point to: each the start of a block.
pub(super) fn pointed(shape: &[usize], index: &HostTensor, skip: usize) -> Result<Vec<usize>, Fault> {
    let depth = index.shape.last().copied().unwrap_or(0);
    if skip + depth > shape.len() || depth == 0 {
        return Err(Fault::because(format!("rows of {depth} indices do not point into {shape:?}")));
    }
    let strides = strides(shape);
    let block = |row: &[i128]| {
        row.iter().enumerate().try_fold(0, |sum, (at, &index)| {
            let length = shape[skip + at] as i128;
            let index = if index < 0 { index + length } else { index };
            let inside = (0..length).contains(&index);
            let outside = || Fault::because(format!("index {index} is outside an axis of length {length}"));
            inside.then(|| sum + index as usize * strides[skip + at]).ok_or_else(outside)
        })
    };
    index.to_integers().chunks(depth).map(block).collect()
}

fn gather_nd(call: &mut Call) -> Outcome {
    let batch = call.size("batch_dims", 0)?;
    let (x, index) = (call.value(0)?, call.host(1)?);
    let from = x.shape();
    let depth = index.shape.last().copied().unwrap_or(0);
    let starts = pointed(&from, &index, batch)?;
    let after: usize = from[batch + depth..].iter().product();
    let batches: usize = from[..batch].iter().product();
    let (each, stride) = (starts.len() / batches.max(1), from.iter().product::<usize>() / batches.max(1));
    let rows = starts.iter().enumerate().map(|(row, start)| row / each.max(1) * stride + start);
    let places = rows.flat_map(|start| start..start + after);
    let shape = [&index.shape[..index.shape.len() - 1], &from[batch + depth..]].concat();
    Ok(vec![call.picked(x, &shape, places, None)?])
}

/// What is true in a list of conditions, along an axis or of the flat elements.
fn compress(call: &mut Call) -> Outcome {
    let flat = !call.node.attributes.contains_key("axis");
    let x = call.host(0)?;
    let chosen: Vec<usize> =
        call.host(1)?.to_bools().iter().enumerate().filter_map(|(at, &is)| is.then_some(at)).collect();
    let x = if flat { HostTensor { shape: vec![x.count()], ..x } } else { x };
    let axis = axis(call.int("axis", 0)?, x.shape.len())?;
    if chosen.last().is_some_and(|last| *last >= x.shape[axis]) {
        return Err(Fault::because("there are more conditions than elements"));
    }
    let mut shape = x.shape.clone();
    shape[axis] = chosen.len();
    let strides = strides(&x.shape);
    let source = |mut at: Vec<usize>| {
        at[axis] = chosen[at[axis]];
        position(&at, &strides)
    };
    call.answer(x.pick(&shape, coordinates(&shape).map(source)))
}

fn non_zero(call: &mut Call) -> Outcome {
    let x = call.host(0)?;
    let truths = x.to_bools();
    let found: Vec<Vec<usize>> =
        coordinates(&x.shape).zip(truths).filter_map(|(at, truth)| truth.then_some(at)).collect();
    let by_axis = (0..x.shape.len()).flat_map(|axis| found.iter().map(move |at| at[axis]));
    call.answer(HostTensor::indices(&[x.shape.len(), found.len()], by_axis))
}

fn one_hot(call: &mut Call) -> Outcome {
    let given = call.int("axis", -1)?;
    let index = call.host(0)?;
    let depth = call.constant(1)?.ok_or(Fault::MissingInput(1))?;
    let values = call.host(2)?;
    let depth = if (1.0..1e9).contains(&depth) { depth as usize } else { return Err(Fault::because("no depth")) };
    let axis = axis(given, index.shape.len() + 1)?;
    let mut shape = index.shape.clone();
    shape.insert(axis, depth);
    let wanted = index.to_integers();
    let own = strides(&index.shape);
    let hot = |mut at: Vec<usize>| {
        let place = at.remove(axis) as i128;
        let wanted = wanted[position(&at, &own)];
        usize::from(place == if wanted < 0 { wanted + depth as i128 } else { wanted })
    };
    call.answer(values.pick(&shape, coordinates(&shape).map(hot)))
}
