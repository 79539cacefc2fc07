//! Matrix products.

use burn::backend::ops::FloatTensorOps;
use burn::backend::{Dispatch, Scalar};

use super::{Call, Operator, Outcome, one};
use crate::value::{DeviceTensor, align};

pub(super) const OPERATORS: &[(&str, Operator)] = &[("MatMul", matmul), ("Gemm", gemm)];

fn matmul(call: &mut Call) -> Outcome {
    let (left, right) = align(call.tensor(0)?, call.tensor(1)?);
    one(Dispatch::float_matmul(left, right))
}

/// `alpha · op(A) op(B) + beta · C`, as BLAS defines it.
fn gemm(call: &mut Call) -> Outcome {
    let alpha = f64::from(call.float("alpha", 1.0)?);
    let beta = f64::from(call.float("beta", 1.0)?);
    let left = transposed(call.tensor(0)?, call.int("transA", 0)? != 0);
    let right = transposed(call.tensor(1)?, call.int("transB", 0)? != 0);
    let product = scaled(Dispatch::float_matmul(left, right), alpha);
    let Some(bias) = call.optional(2)? else { return one(product) };
    let (product, bias) = align(product, scaled(bias, beta));
    one(Dispatch::float_add(product, bias))
}

fn transposed(tensor: DeviceTensor, transpose: bool) -> DeviceTensor {
    if transpose { Dispatch::float_transpose(tensor) } else { tensor }
}

fn scaled(tensor: DeviceTensor, factor: f64) -> DeviceTensor {
    if factor == 1.0 {
        return tensor;
    }
    Dispatch::float_mul_scalar(tensor, Scalar::Float(factor))
}
