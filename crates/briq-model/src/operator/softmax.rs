//! Softmax, its relatives, and the losses that stand on it.

use burn::backend::Dispatch;
use burn::backend::ops::ActivationOps;

use super::space::Around;
use super::{Call, Fault, Operator, Outcome, axis};
use crate::value::{DeviceTensor, HostTensor, Value, dimensions, reshape};

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("Softmax", |call| normalized(call, Dispatch::softmax)),
    ("LogSoftmax", |call| normalized(call, Dispatch::log_softmax)),
    ("Hardmax", hardmax),
    ("NegativeLogLikelihoodLoss", negative_log_likelihood),
    ("SoftmaxCrossEntropyLoss", cross_entropy),
];

/// Along one axis since operator set 13; before, over all axes from that one on together.
fn normalized(call: &mut Call, function: fn(DeviceTensor, usize) -> DeviceTensor) -> Outcome {
    let newer = call.opset >= 13;
    let given = call.int("axis", if newer { -1 } else { 1 })?;
    let x = call.tensor(0)?;
    let shape = dimensions(&x);
    let axis = axis(given, shape.len())?;
    if newer || axis + 1 == shape.len() {
        return super::one(function(x, axis));
    }
    let rows: usize = shape[..axis].iter().product();
    let flat = reshape(x, &[rows, shape[axis..].iter().product()]);
    super::one(reshape(function(flat, 1), &shape))
}

/// One at the first of the greatest, along the same axes as [`normalized`].
fn hardmax(call: &mut Call) -> Outcome {
    let newer = call.opset >= 13;
    let given = call.int("axis", if newer { -1 } else { 1 })?;
    let x = call.host(0)?;
    let axis = axis(given, x.shape.len())?;
    let flat = [x.shape[..axis].iter().product(), x.shape[axis..].iter().product()];
    let (shape, axis) = if newer { (x.shape.as_slice(), axis) } else { (flat.as_slice(), 1) };
    let numbers = x.to_floats();
    let mut hot = vec![0.0; numbers.len()];
    for lane in Around::new(shape, axis).lanes() {
        let best = lane.reduce(|best, place| if numbers[place] > numbers[best] { place } else { best });
        if let Some(best) = best {
            hot[best] = 1.0;
        }
    }
    call.answer(HostTensor::floats(x.element, &x.shape, hot))
}

/// Logarithms of softmax along the second axis, in double precision.
fn log_softmax(x: &HostTensor) -> Vec<f64> {
    let mut numbers = x.to_floats();
    for lane in Around::new(&x.shape, 1).lanes() {
        let top = lane.clone().map(|place| numbers[place]).fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = lane.clone().map(|place| (numbers[place] - top).exp()).sum();
        lane.for_each(|place| numbers[place] -= top + sum.ln());
    }
    numbers
}

fn cross_entropy(call: &mut Call) -> Outcome {
    let x = call.host(0)?;
    if x.shape.len() < 2 {
        return Err(Fault::because(format!("scores of shape {:?} have no axis of classes", x.shape)));
    }
    let logarithms = HostTensor::floats(x.element, &x.shape, log_softmax(&x));
    let mut results = loss(call, &logarithms)?;
    results.push(Value::Host(logarithms));
    Ok(results)
}

fn negative_log_likelihood(call: &mut Call) -> Outcome {
    let x = call.host(0)?;
    if x.shape.len() < 2 {
        return Err(Fault::because(format!("scores of shape {:?} have no axis of classes", x.shape)));
    }
    loss(call, &x)
}

/// The negative, weighted score of each target's class: each for itself, their sum, or their weighted mean.
fn loss(call: &mut Call, scores: &HostTensor) -> Outcome {
    let ignored =
        if call.node.attributes.contains_key("ignore_index") { Some(call.int("ignore_index", 0)?) } else { None };
    let reduction = call.string("reduction")?.unwrap_or("mean");
    let targets = call.host(1)?;
    let weights = call.constants(2)?;
    let around = Around::new(&scores.shape, 1);
    let numbers = scores.to_floats();
    if targets.count() != around.before * around.after {
        return Err(Fault::because(format!("targets of shape {:?} for scores of {:?}", targets.shape, scores.shape)));
    }
    let (mut losses, mut total) = (Vec::new(), 0.0);
    for (lane, target) in around.lanes().zip(targets.to_integers()) {
        if ignored.map(i128::from) == Some(target) {
            losses.push(0.0);
            continue;
        }
        let class = usize::try_from(target).ok().filter(|class| *class < around.length);
        let class = class.ok_or_else(|| Fault::because(format!("target {target} is no class")))?;
        let weight = weights.as_ref().map_or(1.0, |weights| weights[class]);
        let score = lane.clone().nth(class).map_or(0.0, |place| numbers[place]);
        total += weight;
        losses.push(-weight * score);
    }
    let sum: f64 = losses.iter().sum();
    let scalar = |number: f64| HostTensor::floats(scores.element, &[], [number]);
    let result = match reduction {
        "none" => HostTensor::floats(scores.element, &targets.shape, losses),
        "sum" => scalar(sum),
        _ => scalar(sum / total),
    };
    Ok(vec![call.place(result)])
}
