//! Normalisation and dropout: the operators that behave otherwise while training.

use briq_graph::Node;
use burn::backend::ops::{FloatTensorOps, ModuleOps};
use burn::backend::{Dispatch, Scalar};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::arithmetic::broadcast_device;
use super::space::Around;
use super::{Call, Operator, Outcome, Training, axes, axis, one};
use crate::value::{DeviceTensor, HostTensor, Value, detached, dimensions, reshape};

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("BatchNormalization", batch_normalization),
    ("LayerNormalization", layer_normalization),
    ("RMSNormalization", rms_normalization),
    ("InstanceNormalization", instance_normalization),
    ("GroupNormalization", group_normalization),
    ("MeanVarianceNormalization", mean_variance_normalization),
    ("LpNormalization", lp_normalization),
    ("LRN", local_response_normalization),
    ("Dropout", dropout),
];

/// Ioffe and Szegedy (2015): batch statistics while training, running ones otherwise.
fn batch_normalization(call: &mut Call) -> Outcome {
    let epsilon = call.number("epsilon", 1e-5)?;
    let momentum = call.number("momentum", 0.9)?;
    let declared = call.flag("training_mode", false)?;
    let x = call.tensor(0)?;
    let (scale, bias) = (call.tensor(1)?, call.tensor(2)?);
    let (mean, variance) = (call.tensor(3)?, call.tensor(4)?);
    let frozen = |training: &Training| call.node.inputs[3..5].iter().all(|name| training.frozen.contains(name));
    if call.run.training.as_ref().map_or(!declared, frozen) {
        return one(Dispatch::batch_norm(x, scale, bias, mean, variance, epsilon));
    }
    let trained = Dispatch::batch_norm_train(x, scale, bias, epsilon);
    let Some(training) = &mut call.run.training else {
        let blend = |old, new| Value::Device(blend(old, new, momentum));
        return Ok(vec![Value::Device(trained.output), blend(mean, trained.mean), blend(variance, trained.variance)]);
    };
    let names = call.node.inputs[3..5].iter().cloned();
    let running = [(mean, trained.mean), (variance, trained.variance)];
    for (name, (old, new)) in names.zip(running) {
        training.statistics.push((name, blend(detached(old), detached(new), momentum)));
    }
    one(trained.output)
}

/// `momentum · old + (1 - momentum) · new`.
fn blend(old: DeviceTensor, new: DeviceTensor, momentum: f64) -> DeviceTensor {
    let old = Dispatch::float_mul_scalar(old, Scalar::Float(momentum));
    let new = Dispatch::float_mul_scalar(new, Scalar::Float(1.0 - momentum));
    Dispatch::float_add(old, new)
}

/// A tensor seen as rows, each of which is normalised by itself.
struct Rows {
    x: DeviceTensor,
    shape: Vec<usize>,
}

impl Rows {
    fn new(x: DeviceTensor, shape: Vec<usize>, count: usize) -> Self {
        let width = shape.iter().product::<usize>() / count.max(1);
        Self { x: reshape(x, &[count, width]), shape }
    }

    fn centre(self) -> (Self, DeviceTensor) {
        let mean = Dispatch::float_mean_dim(self.x.clone(), 1);
        (Self { x: Dispatch::float_sub(self.x, mean.clone()), shape: self.shape }, mean)
    }

    /// Divides by the root of the mean square; gives what it was multiplied with, too.
    fn scale(self, epsilon: f64) -> (DeviceTensor, DeviceTensor) {
        let square = Dispatch::float_mul(self.x.clone(), self.x.clone());
        let variance = Dispatch::float_mean_dim(square, 1);
        let root = Dispatch::float_sqrt(Dispatch::float_add_scalar(variance, Scalar::Float(epsilon)));
        let inverse = Dispatch::float_recip(root);
        (reshape(Dispatch::float_mul(self.x, inverse.clone()), &self.shape), inverse)
    }
}

/// Ba, Kiros and Hinton (2016), over the axes from one on.
fn layer_normalization(call: &mut Call) -> Outcome {
    let epsilon = call.number("epsilon", 1e-5)?;
    let shape = call.shape(0)?;
    let first = axis(call.int("axis", -1)?, shape.len())?;
    let x = call.tensor(0)?;
    let (scale, bias) = (call.tensor(1)?, call.optional(2)?);
    if first + 1 == shape.len() && call.node.outputs.len() == 1 && dimensions(&scale) == shape[first..] {
        return one(Dispatch::layer_norm(x, scale, bias, epsilon));
    }
    let (rows, mean) = Rows::new(x, shape.clone(), shape[..first].iter().product()).centre();
    let (y, inverse) = rows.scale(epsilon);
    let y = broadcast_device(y, scale, Dispatch::float_mul);
    let y = match bias {
        Some(bias) => broadcast_device(y, bias, Dispatch::float_add),
        None => y,
    };
    let mut kept = shape;
    kept[first..].fill(1);
    Ok([y, reshape(mean, &kept), reshape(inverse, &kept)].into_iter().map(Value::Device).collect())
}

/// Zhang and Sennrich (2019).
fn rms_normalization(call: &mut Call) -> Outcome {
    let epsilon = call.number("epsilon", 1e-5)?;
    let shape = call.shape(0)?;
    let first = axis(call.int("axis", -1)?, shape.len())?;
    let (x, scale) = (call.tensor(0)?, call.tensor(1)?);
    let (y, _) = Rows::new(x, shape.clone(), shape[..first].iter().product()).scale(epsilon);
    one(broadcast_device(y, scale, Dispatch::float_mul))
}

/// Scale and bias of each channel, the second axis.
fn by_channel(y: DeviceTensor, scale: DeviceTensor, bias: DeviceTensor) -> DeviceTensor {
    let mut broad = vec![1; dimensions(&y).len()];
    broad[1] = dimensions(&scale).iter().product();
    let y = Dispatch::float_mul(y, reshape(scale, &broad));
    Dispatch::float_add(y, reshape(bias, &broad))
}

/// Ulyanov, Vedaldi and Lempitsky (2016).
fn instance_normalization(call: &mut Call) -> Outcome {
    let epsilon = call.number("epsilon", 1e-5)?;
    let shape = call.shape(0)?;
    let (x, scale, bias) = (call.tensor(0)?, call.tensor(1)?, call.tensor(2)?);
    let (y, _) = Rows::new(x, shape.clone(), shape[..2].iter().product()).centre().0.scale(epsilon);
    one(by_channel(y, scale, bias))
}

/// Wu and He (2018); scale and bias belonged to the groups before operator set 21.
fn group_normalization(call: &mut Call) -> Outcome {
    let epsilon = call.number("epsilon", 1e-5)?;
    let groups = call.size("num_groups", 1)?.max(1);
    let shape = call.shape(0)?;
    let (x, scale, bias) = (call.tensor(0)?, call.tensor(1)?, call.tensor(2)?);
    let (y, _) = Rows::new(x, shape.clone(), shape[0] * groups).centre().0.scale(epsilon);
    if dimensions(&scale) == [shape[1]] {
        return one(by_channel(y, scale, bias));
    }
    let grouped = reshape(y, &[shape[0], groups, shape[1..].iter().product::<usize>() / groups]);
    one(reshape(by_channel(grouped, scale, bias), &shape))
}

fn mean_variance_normalization(call: &mut Call) -> Outcome {
    let given = call.ints("axes")?.unwrap_or_else(|| vec![0, 2, 3]);
    let x = call.tensor(0)?;
    let axes = axes(&given, dimensions(&x).len())?;
    let mean = |x: DeviceTensor| axes.iter().fold(x, |x, &axis| Dispatch::float_mean_dim(x, axis));
    let centred = Dispatch::float_sub(x.clone(), mean(x));
    let variance = mean(Dispatch::float_mul(centred.clone(), centred.clone()));
    let deviation = Dispatch::float_add_scalar(Dispatch::float_sqrt(variance), Scalar::Float(1e-9));
    one(Dispatch::float_div(centred, deviation))
}

fn lp_normalization(call: &mut Call) -> Outcome {
    let first = call.int("p", 2)? == 1;
    let axis = axis(call.int("axis", -1)?, call.shape(0)?.len())?;
    if call.learns(0) {
        return super::gradient::lp_normalization(call, first, axis);
    }
    let x = call.host(0)?;
    let mut numbers = x.to_floats();
    for lane in Around::new(&x.shape, axis).lanes() {
        let norm: f64 = if first {
            lane.clone().map(|at| numbers[at].abs()).sum()
        } else {
            lane.clone().map(|at| numbers[at] * numbers[at]).sum::<f64>().sqrt()
        };
        lane.for_each(|at| numbers[at] /= norm);
    }
    call.answer(HostTensor::floats(x.element, &x.shape, numbers))
}

/// Krizhevsky, Sutskever and Hinton (2012), across neighbouring channels.
fn local_response_normalization(call: &mut Call) -> Outcome {
    let (alpha, beta) = (call.number("alpha", 1e-4)?, call.number("beta", 0.75)?);
    let (bias, size) = (call.number("bias", 1.0)?, call.size("size", 1)?);
    if call.learns(0) {
        return super::gradient::local_response_normalization(call);
    }
    let x = call.host(0)?;
    let numbers = x.to_floats();
    let mut results = numbers.clone();
    for lane in Around::new(&x.shape, 1).lanes() {
        let lane: Vec<usize> = lane.collect();
        for (channel, &at) in lane.iter().enumerate() {
            let low = channel.saturating_sub((size - 1) / 2);
            let high = (channel + size / 2).min(lane.len() - 1);
            let squares: f64 = lane[low..=high].iter().map(|&at| numbers[at] * numbers[at]).sum();
            results[at] /= (bias + alpha / size as f64 * squares).powf(beta);
        }
    }
    call.answer(HostTensor::floats(x.element, &x.shape, results))
}

/// Srivastava et al. (2014), scaled while training so that inference is the identity.
fn dropout(call: &mut Call) -> Outcome {
    let Some(seed) = call.run.training.as_ref().map(|training| training.seed) else { return kept(call) };
    let x = call.tensor(0)?;
    // An input since operator set 12, an attribute before.
    let rate = match call.constant(1)? {
        Some(rate) => rate,
        None => call.number("ratio", 0.5)?,
    } as f32;
    if rate <= 0.0 {
        return one(x);
    }
    let mask = mask(&dimensions(&x), rate, seed_of(seed, name(call.node)));
    let mask = call.upload(mask, &dimensions(&x));
    one(Dispatch::float_mul(x, mask))
}

/// Outside of training nothing is dropped, but where the node itself says that it trains.
fn kept(call: &mut Call) -> Outcome {
    let mask = HostTensor::bools(&call.shape(0)?, std::iter::repeat_n(true, call.shape(0)?.iter().product()));
    let (ratio, trains) = (call.constant(1)?.unwrap_or(0.5), call.constant(2)?.unwrap_or(0.0) != 0.0);
    if trains && ratio > 0.0 {
        return super::random::dropout(call, ratio);
    }
    Ok(vec![call.value(0)?, Value::Host(mask)])
}

/// Zero with probability `rate`, else `1 / (1 - rate)`; drawn on the host, so that every backend drops the same units.
fn mask(shape: &[usize], rate: f32, seed: u64) -> Vec<f32> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let keep = 1.0 / (1.0 - rate);
    let count = shape.iter().product();
    (0..count).map(|_| if random.random::<f32>() < rate { 0.0 } else { keep }).collect()
}

/// What tells a node from the others: its name, or what it computes where it has none.
fn name(node: &Node) -> &str {
    if node.name.is_empty() { node.outputs.first().map_or("", String::as_str) } else { &node.name }
}

/// FNV-1a over the node's name, so that two dropouts of one step differ.
fn seed_of(step: u64, node: &str) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325 ^ step;
    node.bytes().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}
