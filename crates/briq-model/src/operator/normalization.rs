//! Normalisation and dropout: the operators that behave otherwise while training.

use burn::backend::ops::{FloatTensorOps, ModuleOps};
use burn::backend::{AutodiffBackend as _, Dispatch, Scalar, TensorMetadata};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Call, Fault, Operator, Outcome, axis, one};
use crate::value::{DeviceTensor, dimensions, upload};

pub(super) const OPERATORS: &[(&str, Operator)] =
    &[("BatchNormalization", batch_normalization), ("LayerNormalization", layer_normalization), ("Dropout", dropout)];

/// Ioffe and Szegedy (2015): batch statistics while training, running ones otherwise.
fn batch_normalization(call: &mut Call) -> Outcome {
    let epsilon = f64::from(call.float("epsilon", 1e-5)?);
    let momentum = f64::from(call.float("momentum", 0.9)?);
    let x = call.tensor(0)?;
    let (scale, bias) = (call.tensor(1)?, call.tensor(2)?);
    let (mean, variance) = (call.tensor(3)?, call.tensor(4)?);
    let names = [call.node.inputs[3].clone(), call.node.inputs[4].clone()];
    let Some(training) = &mut call.run.training else {
        return one(Dispatch::batch_norm(x, scale, bias, mean, variance, epsilon));
    };
    let trained = Dispatch::batch_norm_train(x, scale, bias, epsilon);
    let running = [(mean, trained.mean), (variance, trained.variance)];
    for (name, (old, new)) in names.into_iter().zip(running) {
        training.statistics.push((name, blend(old, new, momentum)));
    }
    one(trained.output)
}

/// `momentum · old + (1 - momentum) · new`, outside the gradient's graph.
fn blend(old: DeviceTensor, new: DeviceTensor, momentum: f64) -> DeviceTensor {
    let old = Dispatch::float_mul_scalar(Dispatch::inner(old), Scalar::Float(momentum));
    let new = Dispatch::float_mul_scalar(Dispatch::inner(new), Scalar::Float(1.0 - momentum));
    Dispatch::float_add(old, new)
}

/// Ba, Kiros and Hinton (2016), over the last axis.
fn layer_normalization(call: &mut Call) -> Outcome {
    let epsilon = f64::from(call.float("epsilon", 1e-5)?);
    let given = call.int("axis", -1)?;
    let x = call.tensor(0)?;
    let rank = dimensions(&x).len();
    if axis(given, rank)? + 1 != rank {
        return Err(Fault::Unsupported(format!("LayerNormalization over axis {given} of rank {rank}")));
    }
    let (scale, bias) = (call.tensor(1)?, call.optional(2)?);
    one(Dispatch::layer_norm(x, scale, bias, epsilon))
}

/// Srivastava et al. (2014), scaled while training so that inference is the identity.
fn dropout(call: &mut Call) -> Outcome {
    let x = call.tensor(0)?;
    let Some(seed) = call.run.training.as_ref().map(|training| training.seed) else { return one(x) };
    let rate = ratio(call)?;
    if rate <= 0.0 {
        return one(x);
    }
    let mask = mask(&dimensions(&x), rate, seed_of(seed, &call.node.name));
    let device = Dispatch::inner(x.clone()).device();
    let mask = Dispatch::from_inner(upload(mask, &dimensions(&x), &device));
    one(Dispatch::float_mul(x, mask))
}

fn ratio(call: &mut Call) -> Result<f32, Fault> {
    match call.optional(1)? {
        None => Ok(0.5),
        Some(tensor) => {
            let values = crate::value::download(Dispatch::inner(tensor)).map_err(Fault::Unsupported)?;
            Ok(values.first().copied().unwrap_or(0.5))
        }
    }
}

/// Zero with probability `rate`, else `1 / (1 - rate)`; drawn on the host, so that every backend drops the same units.
fn mask(shape: &[usize], rate: f32, seed: u64) -> Vec<f32> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let keep = 1.0 / (1.0 - rate);
    let count = shape.iter().product();
    (0..count).map(|_| if random.random::<f32>() < rate { 0.0 } else { keep }).collect()
}

/// FNV-1a over the node's name, so that two dropouts of one step differ.
fn seed_of(step: u64, node: &str) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325 ^ step;
    node.bytes().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}
