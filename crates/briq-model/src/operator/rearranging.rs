//! Operators that move elements without changing them.

use burn::backend::Dispatch;
use burn::backend::ops::FloatTensorOps;

use super::space::{coordinates, position, strides};
use super::{Call, Fault, Operator, Outcome, axes, one};
use crate::value::{HostTensor, Value};

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("Transpose", transpose),
    ("Tile", tile),
    ("DepthToSpace", depth_to_space),
    ("SpaceToDepth", space_to_depth),
    ("Trilu", trilu),
    ("ReverseSequence", reverse_sequence),
];

fn transpose(call: &mut Call) -> Outcome {
    let rank = call.shape(0)?.len();
    let order = match call.ints("perm")? {
        None => (0..rank).rev().collect(),
        Some(given) => axes(&given, rank)?,
    };
    if order.len() != rank {
        return Err(Fault::because(format!("{order:?} does not order {rank} axes")));
    }
    if call.on_device(0) {
        return one(Dispatch::float_permute(call.tensor(0)?, &order));
    }
    let x = call.host(0)?;
    call.answer(permuted(&x, &order))
}

/// The axes in another order.
pub(super) fn permuted(x: &HostTensor, order: &[usize]) -> HostTensor {
    let shape: Vec<usize> = order.iter().map(|&axis| x.shape[axis]).collect();
    let own = strides(&x.shape);
    let moved: Vec<usize> = order.iter().map(|&axis| own[axis]).collect();
    x.pick(&shape, coordinates(&shape).map(|at| position(&at, &moved)))
}

fn tile(call: &mut Call) -> Outcome {
    let repeats = super::shape::sizes(call, 1)?;
    let x = call.value(0)?;
    let from = x.shape();
    if repeats.len() != from.len() {
        return Err(Fault::because(format!("{repeats:?} does not repeat {} axes", from.len())));
    }
    let shape: Vec<usize> = from.iter().zip(&repeats).map(|(length, times)| length * times).collect();
    let strides = strides(&from);
    let source = |at: Vec<usize>| {
        let inside: Vec<usize> = at.iter().zip(&from).map(|(index, length)| index % length).collect();
        position(&inside, &strides)
    };
    Ok(vec![call.picked(x, &shape, coordinates(&shape).map(source), None)?])
}

/// Six axes in some order, as four.
fn blocks(call: &mut Call, split: &[usize], order: [usize; 6], shape: &[usize]) -> Outcome {
    Ok(match call.value(0)? {
        Value::Device(x) => {
            let x = Dispatch::float_permute(crate::value::reshape(x, split), &order);
            vec![Value::Device(crate::value::reshape(x, shape))]
        }
        Value::Host(x) => vec![call.place(permuted(&x.reshaped(split), &order).reshaped(shape))],
        _ => return Err(Fault::WrongKind { index: 0, expected: "a tensor" }),
    })
}

/// An image: batch, channels, height, width.
pub(super) fn image(call: &Call) -> Result<[usize; 4], Fault> {
    let shape = call.shape(0)?;
    <[usize; 4]>::try_from(shape).map_err(|shape| Fault::because(format!("{shape:?} is no batch of images")))
}

fn depth_to_space(call: &mut Call) -> Outcome {
    let [n, c, h, w] = image(call)?;
    let b = call.size("blocksize", 1)?.max(1);
    let depth = c / (b * b);
    let shape = [n, depth, h * b, w * b];
    if call.string("mode")? == Some("CRD") {
        return blocks(call, &[n, depth, b, b, h, w], [0, 1, 4, 2, 5, 3], &shape);
    }
    blocks(call, &[n, b, b, depth, h, w], [0, 3, 4, 1, 5, 2], &shape)
}

fn space_to_depth(call: &mut Call) -> Outcome {
    let [n, c, h, w] = image(call)?;
    let b = call.size("blocksize", 1)?.max(1);
    blocks(call, &[n, c, h / b, b, w / b, b], [0, 3, 5, 1, 2, 4], &[n, c * b * b, h / b, w / b])
}

/// The triangle of each matrix above or below a diagonal; zero elsewhere.
fn trilu(call: &mut Call) -> Outcome {
    let upper = call.flag("upper", true)?;
    let diagonal = call.integers(1)?.and_then(|given| given.first().copied()).unwrap_or(0);
    let x = call.value(0)?;
    let shape = x.shape();
    let &[.., rows, columns] = shape.as_slice() else {
        return Err(Fault::because(format!("{shape:?} holds no matrices")));
    };
    let keeps = |flat: usize| {
        let (row, column) = ((flat / columns % rows) as i64, (flat % columns) as i64);
        let beyond = column - row;
        if upper { beyond >= diagonal } else { beyond <= diagonal }
    };
    let outside = shape.iter().product();
    let places = (0..outside).map(|flat| if keeps(flat) { flat } else { outside });
    let zero = HostTensor::floats(x.element(), &[1], [0.0]);
    Ok(vec![call.picked(x, &shape, places, Some(&zero))?])
}

fn reverse_sequence(call: &mut Call) -> Outcome {
    let (batch, time) = (call.size("batch_axis", 1)?, call.size("time_axis", 0)?);
    let lengths = super::shape::sizes(call, 1)?;
    let x = call.value(0)?;
    let shape = x.shape();
    if batch.max(time) >= shape.len() || lengths.len() != shape[batch] {
        return Err(Fault::because(format!("{lengths:?} are not the lengths of {shape:?}")));
    }
    let strides = strides(&shape);
    let source = |mut at: Vec<usize>| {
        let length = lengths[at[batch]];
        if at[time] < length {
            at[time] = length - 1 - at[time];
        }
        position(&at, &strides)
    };
    Ok(vec![call.picked(x, &shape, coordinates(&shape).map(source), None)?])
}
