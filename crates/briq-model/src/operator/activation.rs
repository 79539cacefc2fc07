//! Element-wise non-linearities and softmax.

use burn::backend::ops::{ActivationOps, FloatTensorOps};
use burn::backend::{Dispatch, Scalar};

use super::{Call, Operator, Outcome, axis, one};
use crate::value::{DeviceTensor, dimensions};

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("Relu", |call| unary(call, Dispatch::relu)),
    ("Tanh", |call| unary(call, Dispatch::float_tanh)),
    ("Sigmoid", |call| unary(call, Dispatch::sigmoid)),
    ("Erf", |call| unary(call, Dispatch::float_erf)),
    ("Elu", elu),
    ("Gelu", gelu),
    ("LeakyRelu", leaky_relu),
    ("Softmax", softmax),
    ("LogSoftmax", log_softmax),
];

pub(super) fn unary(call: &mut Call, function: fn(DeviceTensor) -> DeviceTensor) -> Outcome {
    one(function(call.tensor(0)?))
}

fn leaky_relu(call: &mut Call) -> Outcome {
    let slope = f64::from(call.float("alpha", 0.01)?);
    one(Dispatch::leaky_relu(call.tensor(0)?, Scalar::Float(slope)))
}

/// `max(x, 0) + alpha (exp(min(x, 0)) - 1)`: both branches stay finite for every finite `x`.
fn elu(call: &mut Call) -> Outcome {
    let alpha = f64::from(call.float("alpha", 1.0)?);
    let x = call.tensor(0)?;
    let negative = Dispatch::float_clamp_max(x.clone(), Scalar::Float(0.0));
    let exponential = Dispatch::float_sub_scalar(Dispatch::float_exp(negative), Scalar::Float(1.0));
    let scaled = Dispatch::float_mul_scalar(exponential, Scalar::Float(alpha));
    one(Dispatch::float_add(Dispatch::relu(x), scaled))
}

fn gelu(call: &mut Call) -> Outcome {
    let tanh = call.string("approximate")? == Some("tanh");
    let x = call.tensor(0)?;
    one(if tanh { gelu_tanh(x) } else { Dispatch::gelu(x) })
}

/// The tanh approximation of Hendrycks and Gimpel (2016), section 2.
fn gelu_tanh(x: DeviceTensor) -> DeviceTensor {
    let cube = Dispatch::float_mul(Dispatch::float_mul(x.clone(), x.clone()), x.clone());
    let cubic = Dispatch::float_mul_scalar(cube, Scalar::Float(0.044_715));
    let inner = Dispatch::float_add(x.clone(), cubic);
    let root = (2.0 / std::f64::consts::PI).sqrt();
    let tanh = Dispatch::float_tanh(Dispatch::float_mul_scalar(inner, Scalar::Float(root)));
    let gate = Dispatch::float_add_scalar(tanh, Scalar::Float(1.0));
    Dispatch::float_mul_scalar(Dispatch::float_mul(x, gate), Scalar::Float(0.5))
}

fn softmax(call: &mut Call) -> Outcome {
    let given = call.int("axis", -1)?;
    let x = call.tensor(0)?;
    let axis = axis(given, dimensions(&x).len())?;
    one(Dispatch::softmax(x, axis))
}

fn log_softmax(call: &mut Call) -> Outcome {
    let given = call.int("axis", -1)?;
    let x = call.tensor(0)?;
    let axis = axis(given, dimensions(&x).len())?;
    one(Dispatch::log_softmax(x, axis))
}
