//! Reductions over axes.

use burn::backend::Dispatch;
use burn::backend::ops::FloatTensorOps;

use super::{Call, Fault, Operator, Outcome, axis, one};
use crate::value::{DeviceTensor, dimensions, reshape};

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("ReduceMean", |call| reduce(call, Dispatch::float_mean_dim)),
    ("ReduceSum", |call| reduce(call, Dispatch::float_sum_dim)),
    ("ReduceMax", |call| reduce(call, Dispatch::float_max_dim)),
    ("ReduceMin", |call| reduce(call, Dispatch::float_min_dim)),
];

/// Axes come as an input (opset 18) or as an attribute (before); none means all of them.
fn reduce(call: &mut Call, along: fn(DeviceTensor, usize) -> DeviceTensor) -> Outcome {
    let keep = call.int("keepdims", 1)? != 0;
    let mut x = call.tensor(0)?;
    let shape = dimensions(&x);
    let axes = axes(call, shape.len())?;
    for &axis in &axes {
        x = along(x, axis);
    }
    if !keep {
        let left: Vec<_> = (0..shape.len()).filter(|axis| !axes.contains(axis)).map(|axis| shape[axis]).collect();
        x = reshape(x, &left);
    }
    one(x)
}

fn axes(call: &mut Call, rank: usize) -> Result<Vec<usize>, Fault> {
    let given = match call.integers(1)? {
        Some(tensor) => Some(tensor.values),
        None => call.ints("axes")?,
    };
    match given {
        None if call.int("noop_with_empty_axes", 0)? != 0 => Ok(Vec::new()),
        None => Ok((0..rank).collect()),
        Some(axes) => axes.into_iter().map(|given| axis(given, rank)).collect(),
    }
}
