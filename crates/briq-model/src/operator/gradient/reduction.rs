//! Reductions that are made of simpler ones.

use burn::backend::ops::FloatTensorOps;
use burn::backend::{AutodiffBackend as _, Dispatch};

use crate::value::{DeviceTensor, is_learnt};

type Along = fn(DeviceTensor, usize) -> DeviceTensor;

fn over(x: DeviceTensor, axes: &[usize], along: Along) -> DeviceTensor {
    axes.iter().fold(x, |x, &axis| along(x, axis))
}

fn sum(x: DeviceTensor, axes: &[usize]) -> DeviceTensor {
    over(x, axes, Dispatch::float_sum_dim)
}

fn squares(x: DeviceTensor, axes: &[usize]) -> DeviceTensor {
    sum(Dispatch::float_mul(x.clone(), x), axes)
}

/// Around the greatest number, which is a constant: what it adds and what it takes away cancel.
fn log_sum_exp(x: DeviceTensor, axes: &[usize]) -> DeviceTensor {
    let constant = if is_learnt(&x) { Dispatch::inner(x.clone()) } else { x.clone() };
    let top = over(constant, axes, Dispatch::float_max_dim);
    let small = Dispatch::float_exp(Dispatch::float_sub(x, top.clone()));
    Dispatch::float_add(Dispatch::float_log(sum(small, axes)), top)
}

/// The reduction of an operator over some axes, which stay with length 1.
pub(in crate::operator) fn reduction(operator: &str, x: DeviceTensor, axes: &[usize]) -> Option<DeviceTensor> {
    Some(match operator {
        "ReduceProd" => over(x, axes, Dispatch::float_prod_dim),
        "ReduceL1" => sum(Dispatch::float_abs(x), axes),
        "ReduceL2" => Dispatch::float_sqrt(squares(x, axes)),
        "ReduceSumSquare" => squares(x, axes),
        "ReduceLogSum" => Dispatch::float_log(sum(x, axes)),
        "ReduceLogSumExp" => log_sum_exp(x, axes),
        _ => return None,
    })
}
