//! Reductions over axes.

use burn::backend::Dispatch;
use burn::backend::ops::FloatTensorOps;

use super::space::{coordinates, position, strides};
use super::{Call, Fault, Operator, Outcome, axes, one};
use crate::value::{DeviceTensor, HostTensor, limits, reshape};

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("ReduceMean", |call| reduce(call, Some(Dispatch::float_mean_dim), mean)),
    ("ReduceSum", |call| reduce(call, Some(Dispatch::float_sum_dim), sum)),
    ("ReduceMax", |call| reduce(call, Some(Dispatch::float_max_dim), greatest)),
    ("ReduceMin", |call| reduce(call, Some(Dispatch::float_min_dim), least)),
    ("ReduceProd", |call| reduce(call, None, |numbers| numbers.iter().product())),
    ("ReduceL1", |call| reduce(call, None, |numbers| numbers.iter().map(|x| x.abs()).sum())),
    ("ReduceL2", |call| reduce(call, None, |numbers| squares(numbers).sqrt())),
    ("ReduceSumSquare", |call| reduce(call, None, squares)),
    ("ReduceLogSum", |call| reduce(call, None, |numbers| sum(numbers).ln())),
    ("ReduceLogSumExp", |call| reduce(call, None, log_sum_exp)),
];

type Along = fn(DeviceTensor, usize) -> DeviceTensor;

fn sum(numbers: &[f64]) -> f64 {
    numbers.iter().sum()
}

fn mean(numbers: &[f64]) -> f64 {
    sum(numbers) / numbers.len() as f64
}

fn squares(numbers: &[f64]) -> f64 {
    numbers.iter().map(|x| x * x).sum()
}

fn greatest(numbers: &[f64]) -> f64 {
    numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

fn least(numbers: &[f64]) -> f64 {
    numbers.iter().copied().fold(f64::INFINITY, f64::min)
}

/// Around the greatest number, so that nothing overflows.
fn log_sum_exp(numbers: &[f64]) -> f64 {
    let top = greatest(numbers);
    if top.is_infinite() {
        return top;
    }
    numbers.iter().map(|x| (x - top).exp()).sum::<f64>().ln() + top
}

/// Axes come as an input (opset 18) or as an attribute (before); none means all of them.
fn reduce(call: &mut Call, device: Option<Along>, host: fn(&[f64]) -> f64) -> Outcome {
    let keep = call.flag("keepdims", true)?;
    let shape = call.shape(0)?;
    let axes = reduced(call, shape.len())?;
    let left: Vec<_> = (0..shape.len()).filter(|axis| keep || !axes.contains(axis)).collect();
    let left: Vec<_> = left.iter().map(|axis| if axes.contains(axis) { 1 } else { shape[*axis] }).collect();
    match device {
        Some(along) if call.on_device(0) && (!left.is_empty() || call.learns(0)) => {
            let x = call.tensor(0)?;
            one(reshape(axes.iter().fold(x, |x, axis| along(x, *axis)), &left))
        }
        None if call.learns(0) => {
            let reduced = super::gradient::reduction(&call.node.operator, call.tensor(0)?, &axes);
            one(reshape(reduced.ok_or_else(|| Fault::because("no gradient flows through this operator"))?, &left))
        }
        _ => {
            let x = call.host(0)?;
            call.answer(reduced_host(&x, &axes, host).reshaped(&left))
        }
    }
}

fn reduced_host(x: &HostTensor, axes: &[usize], function: fn(&[f64]) -> f64) -> HostTensor {
    let kept: Vec<usize> =
        (0..x.shape.len()).map(|axis| if axes.contains(&axis) { 1 } else { x.shape[axis] }).collect();
    let mut own = strides(&kept);
    axes.iter().for_each(|&axis| own[axis] = 0);
    let mut groups = vec![Vec::new(); kept.iter().product()];
    for (at, number) in coordinates(&x.shape).zip(x.to_floats()) {
        groups[position(&at, &own)].push(number);
    }
    let clamp = |number: f64| match (x.element.is_float(), number.is_infinite()) {
        (false, true) if number > 0.0 => limits(x.element).1 as f64,
        (false, true) => limits(x.element).0 as f64,
        _ => number,
    };
    HostTensor::floats(x.element, &kept, groups.iter().map(|group| clamp(function(group))))
}

/// The axes that a reduction is over.
pub(crate) fn reduced(call: &mut Call, rank: usize) -> Result<Vec<usize>, Fault> {
    match call.integers_or(1, "axes")? {
        Some(given) if !given.is_empty() => axes(&given, rank),
        _ if call.flag("noop_with_empty_axes", false)? => Ok(Vec::new()),
        _ => Ok((0..rank).collect()),
    }
}
