//! Element-wise non-linearities.

use burn::backend::ops::{ActivationOps, FloatTensorOps};
use burn::backend::{Dispatch, Scalar};

use super::arithmetic::broadcast_device;
use super::unary::{on_device, unary};
use super::{Call, Fault, Operator, Outcome, one};
use crate::value::{DeviceTensor, HostTensor, reshape};

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("Relu", relu),
    ("Tanh", |call| unary(call, Dispatch::float_tanh, f64::tanh)),
    ("Sigmoid", |call| unary(call, Dispatch::sigmoid, sigmoid)),
    ("Elu", elu),
    ("Gelu", gelu),
    ("LeakyRelu", leaky_relu),
    ("PRelu", prelu),
    ("Celu", celu),
    ("HardSigmoid", hard_sigmoid),
    ("HardSwish", |call| on_device(call, hard_swish)),
    ("Mish", |call| on_device(call, mish)),
    ("Selu", selu),
    ("Shrink", shrink),
    ("Softplus", |call| on_device(call, softplus)),
    ("Softsign", |call| on_device(call, softsign)),
    ("Swish", swish),
    ("ThresholdedRelu", thresholded_relu),
];

pub(super) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn relu(call: &mut Call) -> Outcome {
    unary(call, Dispatch::relu, |x| if x > 0.0 { x } else { 0.0 })
}

fn leaky_relu(call: &mut Call) -> Outcome {
    let slope = call.number("alpha", 0.01)?;
    on_device(call, |x| Dispatch::leaky_relu(x, Scalar::Float(slope)))
}

/// `scale (max(x, 0) + alpha (exp(min(x / width, 0)) - 1))`: both branches stay finite for every finite `x`.
pub(super) fn scaled_exponential(x: DeviceTensor, alpha: f64, width: f64) -> DeviceTensor {
    let negative = Dispatch::float_clamp_max(x.clone(), Scalar::Float(0.0));
    let negative = if width == 1.0 { negative } else { scale(negative, width.recip()) };
    let exponential = Dispatch::float_sub_scalar(Dispatch::float_exp(negative), Scalar::Float(1.0));
    Dispatch::float_add(Dispatch::relu(x), scale(exponential, alpha))
}

fn scale(x: DeviceTensor, factor: f64) -> DeviceTensor {
    Dispatch::float_mul_scalar(x, Scalar::Float(factor))
}

/// Clevert, Unterthiner and Hochreiter (2015).
fn elu(call: &mut Call) -> Outcome {
    let alpha = call.number("alpha", 1.0)?;
    on_device(call, |x| scaled_exponential(x, alpha, 1.0))
}

/// Barron (2017).
fn celu(call: &mut Call) -> Outcome {
    let alpha = call.number("alpha", 1.0)?;
    on_device(call, |x| scaled_exponential(x, alpha, alpha))
}

/// Klambauer et al. (2017).
fn selu(call: &mut Call) -> Outcome {
    let alpha = call.number("alpha", 1.673_263_192_176_818_8)?;
    let gamma = call.number("gamma", 1.050_701_022_148_132_3)?;
    on_device(call, |x| scale(scaled_exponential(x, alpha, 1.0), gamma))
}

fn gelu(call: &mut Call) -> Outcome {
    let tanh = call.string("approximate")? == Some("tanh");
    on_device(call, if tanh { gelu_tanh } else { Dispatch::gelu })
}

/// The tanh approximation of Hendrycks and Gimpel (2016), section 2.
pub(super) fn gelu_tanh(x: DeviceTensor) -> DeviceTensor {
    let cube = Dispatch::float_mul(Dispatch::float_mul(x.clone(), x.clone()), x.clone());
    let inner = Dispatch::float_add(x.clone(), scale(cube, 0.044_715));
    let root = (2.0 / std::f64::consts::PI).sqrt();
    let tanh = Dispatch::float_tanh(scale(inner, root));
    let gate = Dispatch::float_add_scalar(tanh, Scalar::Float(1.0));
    scale(Dispatch::float_mul(x, gate), 0.5)
}

fn hard_sigmoid(call: &mut Call) -> Outcome {
    let (alpha, beta) = (call.number("alpha", 0.2)?, call.number("beta", 0.5)?);
    on_device(call, |x| ramp(x, alpha, beta))
}

/// `max(0, min(1, alpha x + beta))`.
pub(super) fn ramp(x: DeviceTensor, alpha: f64, beta: f64) -> DeviceTensor {
    let line = Dispatch::float_add_scalar(scale(x, alpha), Scalar::Float(beta));
    Dispatch::float_clamp(line, Scalar::Float(0.0), Scalar::Float(1.0))
}

/// Howard et al. (2019).
pub(super) fn hard_swish(x: DeviceTensor) -> DeviceTensor {
    Dispatch::float_mul(x.clone(), ramp(x, 1.0 / 6.0, 0.5))
}

/// `ln(1 + exp(-|x|)) + max(x, 0)`: finite for every finite `x`.
pub(super) fn softplus(x: DeviceTensor) -> DeviceTensor {
    let small = Dispatch::float_exp(Dispatch::float_neg(Dispatch::float_abs(x.clone())));
    Dispatch::float_add(Dispatch::float_log1p(small), Dispatch::relu(x))
}

/// Misra (2019): `x tanh(softplus(x))`, where the hyperbolic tangent is `n / (n + 2)` with `n = e^x (e^x + 2)`; beyond
/// 20 it is one in single precision.
pub(super) fn mish(x: DeviceTensor) -> DeviceTensor {
    let exponential = Dispatch::float_exp(Dispatch::float_clamp_max(x.clone(), Scalar::Float(20.0)));
    let shifted = Dispatch::float_add_scalar(exponential.clone(), Scalar::Float(2.0));
    let n = Dispatch::float_mul(exponential, shifted);
    let below = Dispatch::float_add_scalar(n.clone(), Scalar::Float(2.0));
    Dispatch::float_mul(x, Dispatch::float_div(n, below))
}

fn softsign(x: DeviceTensor) -> DeviceTensor {
    let below = Dispatch::float_add_scalar(Dispatch::float_abs(x.clone()), Scalar::Float(1.0));
    Dispatch::float_div(x, below)
}

/// Ramachandran, Zoph and Le (2017).
fn swish(call: &mut Call) -> Outcome {
    let alpha = call.number("alpha", 1.0)?;
    on_device(call, |x| Dispatch::float_mul(x.clone(), Dispatch::sigmoid(scale(x, alpha))))
}

/// He et al. (2015): a slope for each channel, learnt.
fn prelu(call: &mut Call) -> Outcome {
    let slopes = slopes(call)?;
    if !call.on_device(0) {
        let (x, slope) = (call.host(0)?, call.host(1)?.reshaped(&slopes));
        let numbers = slope.to_floats();
        let places = super::space::spread(&slopes, &x.shape);
        let y = x.to_floats().into_iter().zip(places).map(|(x, at)| if x < 0.0 { x * numbers[at] } else { x });
        return call.answer(HostTensor::floats(x.element, &x.shape, y));
    }
    let (x, slope) = (call.tensor(0)?, reshape(call.tensor(1)?, &slopes));
    let negative = Dispatch::float_clamp_max(x.clone(), Scalar::Float(0.0));
    let bent = broadcast_device(negative, slope, Dispatch::float_mul);
    one(Dispatch::float_add(Dispatch::relu(x), bent))
}

/// The shape in which the slopes broadcast: before operator set 7, a list of them was for the channels.
fn slopes(call: &Call) -> Result<Vec<usize>, Fault> {
    let (shape, slope) = (call.shape(0)?, call.shape(1)?);
    if call.opset >= 7 || slope.len() != 1 || shape.len() < 2 {
        return Ok(if slope.is_empty() { vec![1] } else { slope });
    }
    Ok([&slope[..], &vec![1; shape.len() - 2]].concat())
}

fn shrink(call: &mut Call) -> Outcome {
    let (bias, limit) = (call.number("bias", 0.0)?, call.number("lambd", 0.5)?);
    let x = call.host(0)?;
    let shrunk = move |x: f64| match x {
        x if x < -limit => x + bias,
        x if x > limit => x - bias,
        _ => 0.0,
    };
    call.answer(HostTensor::floats(x.element, &x.shape, x.to_floats().into_iter().map(shrunk)))
}

fn thresholded_relu(call: &mut Call) -> Outcome {
    let alpha = call.number("alpha", 1.0)?;
    let x = call.host(0)?;
    let kept = x.to_floats().into_iter().map(|x| if x > alpha { x } else { 0.0 });
    call.answer(HostTensor::floats(x.element, &x.shape, kept))
}

/// A non-linearity by the name that recurrent operators give it.
pub(super) fn named(name: &str, alpha: f64, beta: f64) -> Result<Box<dyn Fn(f64) -> f64>, Fault> {
    Ok(match name {
        "Relu" => Box::new(|x| x.max(0.0)),
        "Tanh" => Box::new(f64::tanh),
        "Sigmoid" => Box::new(sigmoid),
        "Affine" => Box::new(move |x| alpha * x + beta),
        "LeakyRelu" => Box::new(move |x| if x < 0.0 { alpha * x } else { x }),
        "ThresholdedRelu" => Box::new(move |x| if x > alpha { x } else { 0.0 }),
        "ScaledTanh" => Box::new(move |x| alpha * (beta * x).tanh()),
        "HardSigmoid" => Box::new(move |x| (alpha * x + beta).clamp(0.0, 1.0)),
        "Elu" => Box::new(move |x| if x < 0.0 { alpha * x.exp_m1() } else { x }),
        "Softsign" => Box::new(|x| x / (1.0 + x.abs())),
        "Softplus" => Box::new(|x| x.exp().ln_1p()),
        other => return Err(Fault::because(format!("activation `{other}` is not known"))),
    })
}
