//! Operators that draw numbers at random: the same ones from the same seed, on every backend.

use briq_graph::ElementType;

use super::mersenne_twister::MersenneTwister;
use super::space::Around;
use super::{Call, Fault, Operator, Outcome};
use crate::value::{HostTensor, Value};

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("RandomUniform", uniform),
    ("RandomUniformLike", uniform),
    ("RandomNormal", normal),
    ("RandomNormalLike", normal),
    ("Bernoulli", bernoulli),
    ("Multinomial", multinomial),
];

fn generator(call: &Call) -> Result<MersenneTwister, Fault> {
    let seed = if call.node.attributes.contains_key("seed") { Some(call.number("seed", 0.0)?) } else { None };
    Ok(MersenneTwister::seeded(seed))
}

/// The type and shape that the node states, or those of its input.
fn like(call: &Call) -> Result<(ElementType, Vec<usize>), Fault> {
    let declared = call.datatype("dtype")?;
    if call.has(0) {
        return Ok((declared.map_or_else(|| call.element(0), Ok)?, call.shape(0)?));
    }
    let shape = call.sizes("shape")?.ok_or(Fault::WrongAttribute { name: "shape", expected: "given" })?;
    super::shape::bounded(&shape)?;
    Ok((declared.unwrap_or(ElementType::F32), shape))
}

fn drawn(call: &Call, mut draw: impl FnMut(&mut MersenneTwister) -> f64) -> Outcome {
    let mut random = generator(call)?;
    let (element, shape) = like(call)?;
    let numbers: Vec<f64> = (0..shape.iter().product()).map(|_| draw(&mut random)).collect();
    call.answer(HostTensor::floats(element, &shape, numbers))
}

fn uniform(call: &mut Call) -> Outcome {
    let (low, high) = (call.number("low", 0.0)?, call.number("high", 1.0)?);
    drawn(call, |random| low + (high - low) * random.uniform())
}

fn normal(call: &mut Call) -> Outcome {
    let (mean, scale) = (call.number("mean", 0.0)?, call.number("scale", 1.0)?);
    drawn(call, |random| mean + scale * random.normal())
}

/// One with the probability that each element states, else zero.
fn bernoulli(call: &mut Call) -> Outcome {
    let mut random = generator(call)?;
    let element = call.datatype("dtype")?.map_or_else(|| call.element(0), Ok)?;
    let x = call.host(0)?;
    let bits = x.to_floats().into_iter().map(|probability| f64::from(u8::from(random.uniform() < probability)));
    call.answer(HostTensor::floats(element, &x.shape, bits))
}

/// Classes, drawn from logarithms of unnormalised probabilities.
fn multinomial(call: &mut Call) -> Outcome {
    let mut random = generator(call)?;
    let element = call.datatype("dtype")?.unwrap_or(ElementType::I32);
    let count = call.size("sample_size", 1)?;
    let x = call.host(0)?;
    let &[batch, _] = x.shape.as_slice() else { return Err(Fault::because(format!("{:?} is no matrix", x.shape))) };
    super::shape::bounded(&[batch, count])?;
    let numbers = x.to_floats();
    let mut classes = Vec::with_capacity(batch * count);
    for lane in Around::new(&x.shape, 1).lanes() {
        let top = lane.clone().map(|at| numbers[at]).fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = lane.map(|at| (numbers[at] - top).exp()).collect();
        classes.extend((0..count).map(|_| chosen(&weights, random.uniform()) as i128));
    }
    call.answer(HostTensor::integers(element, &[batch, count], classes))
}

/// The class at a fraction of the total weight.
fn chosen(weights: &[f64], fraction: f64) -> usize {
    let mut left = fraction * weights.iter().sum::<f64>();
    let at = weights.iter().position(|weight| {
        left -= weight;
        left < 0.0
    });
    at.unwrap_or(weights.len().saturating_sub(1))
}

/// Dropout in the node's own training mode: drops with this ratio, and says what it kept.
pub(super) fn dropout(call: &mut Call, ratio: f64) -> Outcome {
    let seed = if call.node.attributes.contains_key("seed") { Some(call.int("seed", 0)? as f64) } else { None };
    let mut random = MersenneTwister::seeded(seed);
    let x = call.host(0)?;
    let numbers = x.to_floats();
    let mask: Vec<bool> = numbers.iter().map(|_| random.uniform() >= ratio).collect();
    let scale = 1.0 / (1.0 - ratio);
    let left = numbers.iter().zip(&mask).map(|(number, kept)| if *kept { number * scale } else { 0.0 });
    let y = HostTensor::floats(x.element, &x.shape, left);
    Ok(vec![call.place(y), Value::Host(HostTensor::bools(&x.shape, mask))])
}
