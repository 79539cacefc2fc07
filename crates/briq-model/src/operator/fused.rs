//! The operators that graph passes make, out of Burn's functions: what every backend runs, and the default beside
//! the kernels for flex.

use briq_kernels::Activation;
use burn::backend::ops::{ActivationOps, FloatTensorOps};
use burn::backend::{DeviceOps as _, Dispatch, Scalar};
use burn::tensor::Shape;

use super::activation::{gelu_tanh, hard_swish, mish, ramp, scaled_exponential, softplus};
use super::{Call, Fault, Operator, Outcome, one};
use crate::kernel::activation;
use crate::value::{DeviceTensor, Value, align, dimensions, reshape};

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("Attention", attention),
    ("Conv", convolution),
    ("Gemm", product),
    ("Silu", |call| {
        let x = call.tensor(0)?;
        one(silu(x))
    }),
];

fn silu(x: DeviceTensor) -> DeviceTensor {
    Dispatch::float_mul(x.clone(), Dispatch::sigmoid(x))
}

/// `activation(Conv(X, W) + B + Z)`.
fn convolution(call: &mut Call) -> Outcome {
    let residual = call.optional(3)?;
    let x = super::convolution::conv(call)?;
    finished(call, x, residual)
}

/// `activation(A · W + B + Z)` over the last axis of `A`. Without rows nothing is multiplied: not every backend can.
fn product(call: &mut Call) -> Outcome {
    let (x, weights) = (call.tensor(0)?, call.tensor(1)?);
    let weights = if call.flag("transB", false)? { Dispatch::float_transpose(weights) } else { weights };
    let (mut shape, columns) = (dimensions(&x), dimensions(&weights)[1]);
    shape.pop();
    if shape.contains(&0) {
        shape.push(columns);
        return one(call.upload(Vec::new(), &shape));
    }
    let (bias, residual) = (call.optional(2)?, call.optional(3)?);
    let (x, weights) = align(x, weights);
    let product = sum(Dispatch::float_matmul(x, weights), bias);
    finished(call, vec![Value::Device(product)], residual)
}

fn sum(x: DeviceTensor, other: Option<DeviceTensor>) -> DeviceTensor {
    let Some(other) = other else { return x };
    let (x, other) = align(x, other);
    Dispatch::float_add(x, other)
}

fn finished(call: &Call, outputs: Vec<Value>, residual: Option<DeviceTensor>) -> Outcome {
    let Some(Value::Device(x)) = outputs.into_iter().next() else {
        return Err(Fault::WrongKind { index: 0, expected: "floating point" });
    };
    one(activated(sum(x, residual), activation(call)?)?)
}

fn activated(x: DeviceTensor, activation: Activation) -> Result<DeviceTensor, Fault> {
    let number = |number: f32| Scalar::Float(f64::from(number));
    Ok(match activation {
        Activation::Identity => x,
        Activation::Relu => Dispatch::relu(x),
        Activation::Clip { min, max } => Dispatch::float_clamp(x, number(min), number(max)),
        Activation::LeakyRelu(slope) => Dispatch::leaky_relu(x, number(slope)),
        Activation::Sigmoid => Dispatch::sigmoid(x),
        Activation::Tanh => Dispatch::float_tanh(x),
        Activation::Gelu => Dispatch::gelu(x),
        Activation::GeluTanh => gelu_tanh(x),
        Activation::Silu => silu(x),
        Activation::HardSigmoid { alpha, beta } => ramp(x, f64::from(alpha), f64::from(beta)),
        Activation::HardSwish => hard_swish(x),
        Activation::Elu(alpha) => scaled_exponential(x, f64::from(alpha), 1.0),
        Activation::Softplus => softplus(x),
        Activation::Mish => mish(x),
        other => return Err(Fault::because(format!("{other:?} has no form on this backend"))),
    })
}

/// Vaswani et al. (2017): `softmax(Q Kᵀ · scale + M) V` for each head, on `[batch, sequence, heads · depth]` or
/// `[batch, heads, sequence, depth]`, of which keys and values may have fewer heads. Guarded, weights that are not numbers
/// count for nothing.
fn attention(call: &mut Call) -> Outcome {
    let heads = call.size("num_heads", 1)?;
    let scale = call.number("scale", 1.0)?;
    let (q, k, v) = (by_head(call, 0, heads)?, by_head(call, 1, heads)?, by_head(call, 2, heads)?);
    let (k, v) = (repeated(k, heads)?, repeated(v, heads)?);
    let batches = [&q, &k, &v].map(|tensor| dimensions(tensor)[0]);
    if batches != [batches[0]; 3] {
        return Err(Fault::because(format!("queries, keys and values are batches of {batches:?}")));
    }
    let scores = Dispatch::float_matmul(q, Dispatch::float_swap_dims(k, 2, 3));
    let scores = Dispatch::float_mul_scalar(scores, Scalar::Float(scale));
    let scores = sum(scores, call.optional(3)?);
    let mut weights = Dispatch::softmax(scores, 3);
    if call.flag("guarded", false)? {
        let absent = Dispatch::float_is_nan(weights.clone(), call.device.defaults().bool_dtype);
        weights = Dispatch::float_mask_fill(weights, absent, Scalar::Float(0.0));
    }
    let result = Dispatch::float_swap_dims(Dispatch::float_matmul(weights, v), 1, 2);
    let shape = dimensions(&result);
    one(reshape(result, &[shape[0], shape[1], shape[2] * shape[3]]))
}

/// Each head as often as several heads of queries share it (Ainslie et al., 2023).
fn repeated(x: DeviceTensor, heads: usize) -> Result<DeviceTensor, Fault> {
    let shape = dimensions(&x);
    let (batch, own, positions, depth) = (shape[0], shape[1], shape[2], shape[3]);
    if own == heads {
        return Ok(x);
    }
    if own == 0 || !heads.is_multiple_of(own) {
        return Err(Fault::because(format!("{own} heads do not serve {heads}")));
    }
    let apart = reshape(x, &[batch, own, 1, positions, depth]);
    let whole = Dispatch::float_expand(apart, Shape::from([batch, own, heads / own, positions, depth]));
    Ok(reshape(whole, &[batch, heads, positions, depth]))
}

/// `[batch, sequence, heads · depth]` as `[batch, heads, sequence, depth]`, unless it is that.
fn by_head(call: &mut Call, index: usize, heads: usize) -> Result<DeviceTensor, Fault> {
    let x = call.tensor(index)?;
    match dimensions(&x)[..] {
        [_, _, _, _] => Ok(x),
        [batch, sequence, width] if heads > 0 && width % heads == 0 => {
            Ok(Dispatch::float_swap_dims(reshape(x, &[batch, sequence, heads, width / heads]), 1, 2))
        }
        ref shape => Err(Fault::because(format!("{shape:?} does not fall into {heads} heads"))),
    }
}
