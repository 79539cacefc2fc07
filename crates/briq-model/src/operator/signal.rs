//! Spectra.

use std::f64::consts::TAU;

use briq_graph::ElementType;

use super::space::Around;
use super::{Call, Fault, Operator, Outcome, axis};
use crate::value::HostTensor;

pub(super) const OPERATORS: &[(&str, Operator)] = &[("DFT", dft), ("STFT", stft), ("MelWeightMatrix", mel_weights)];

/// A real and an imaginary part.
type Complex = (f64, f64);

/// The discrete Fourier transform of so many samples, by its definition; an inverse one is divided by their number.
fn spectrum(samples: &[Complex], bins: usize, inverse: bool) -> Vec<Complex> {
    let length = samples.len().max(1);
    let (sign, scale) = if inverse { (1.0, 1.0 / length as f64) } else { (-1.0, 1.0) };
    let bin = |bin: usize| {
        let sum = samples.iter().enumerate().fold((0.0, 0.0), |(re, im), (at, (a, b))| {
            let (sin, cos) = (sign * TAU * (bin * at % length) as f64 / length as f64).sin_cos();
            (re + a * cos - b * sin, im + a * sin + b * cos)
        });
        (sum.0 * scale, sum.1 * scale)
    };
    (0..bins).map(bin).collect()
}

/// The numbers of a tensor whose last axis holds one real number, or a real and an imaginary one.
fn complex(x: &HostTensor) -> Result<Vec<Complex>, Fault> {
    let numbers = x.to_floats();
    match x.shape.last() {
        Some(1) => Ok(numbers.into_iter().map(|number| (number, 0.0)).collect()),
        Some(2) => Ok(numbers.chunks(2).map(|pair| (pair[0], pair[1])).collect()),
        _ => Err(Fault::because(format!("{:?} holds no complex numbers", x.shape))),
    }
}

/// The most samples of one transform.
const MAX_LENGTH: f64 = 1e6;

fn length(given: Option<f64>, otherwise: usize) -> Result<usize, Fault> {
    match given {
        None => Ok(otherwise),
        Some(length) if (1.0..=MAX_LENGTH).contains(&length) => Ok(length as usize),
        Some(length) => Err(Fault::because(format!("a transform of {length} samples"))),
    }
}

fn dft(call: &mut Call) -> Outcome {
    let (inverse, half) = (call.flag("inverse", false)?, call.flag("onesided", false)?);
    let x = call.host(0)?;
    let given = if call.opset < 20 { call.int("axis", 1)? } else { call.constant(2)?.unwrap_or(-2.0) as i64 };
    let axis = axis(given, x.shape.len())?;
    let parts = complex(&x)?;
    let mut from = x.shape[..x.shape.len() - 1].to_vec();
    let count = length(call.constant(1)?, *from.get(axis).ok_or_else(|| Fault::because("the parts are no samples"))?)?;
    let around = Around::new(&from, axis);
    from[axis] = if half { count / 2 + 1 } else { count };
    let mut results = vec![0.0; from.iter().product::<usize>() * 2];
    for (lane, to) in around.lanes().zip(Around::new(&from, axis).lanes()) {
        let mut samples: Vec<Complex> = lane.map(|at| parts[at]).collect();
        samples.resize(count, (0.0, 0.0));
        for (to, (re, im)) in to.zip(spectrum(&samples, from[axis], inverse)) {
            (results[2 * to], results[2 * to + 1]) = (re, im);
        }
    }
    from.push(2);
    call.answer(HostTensor::floats(x.element, &from, results))
}

/// Spectra of windows that move over a signal.
fn stft(call: &mut Call) -> Outcome {
    let half = call.flag("onesided", true)?;
    let x = call.host(0)?;
    let step = length(call.constant(1)?, 1)?;
    let window = call.constants(2)?;
    let frame = length(call.constant(3)?, window.as_ref().map_or(1, Vec::len))?;
    let &[batch, samples, _] = x.shape.as_slice() else { return Err(Fault::because("there is no signal")) };
    if frame > samples || window.as_ref().is_some_and(|window| window.len() != frame) {
        return Err(Fault::because(format!("frames of {frame} do not fit {samples} samples or the window")));
    }
    let parts = complex(&x)?;
    let bins = if half { frame / 2 + 1 } else { frame };
    let frames = (samples - frame) / step + 1;
    let mut results = Vec::with_capacity(batch * frames * bins * 2);
    for place in 0..batch * frames {
        let start = place / frames * samples + place % frames * step;
        let weight = |at: usize| window.as_ref().map_or(1.0, |window| window[at]);
        let seen = parts[start..start + frame].iter().enumerate().map(|(at, (a, b))| (a * weight(at), b * weight(at)));
        let seen: Vec<Complex> = seen.collect();
        results.extend(spectrum(&seen, bins, false).into_iter().flat_map(|(re, im)| [re, im]));
    }
    call.answer(HostTensor::floats(x.element, &[batch, frames, bins, 2], results))
}

/// Triangles over the bins of a spectrum, evenly spaced in mel (Stevens, Volkmann and Newman, 1937).
fn mel_weights(call: &mut Call) -> Outcome {
    let element = call.datatype("output_datatype")?.unwrap_or(ElementType::F32);
    let given = (0..5).map(|index| call.constant(index)?.ok_or(Fault::MissingInput(index)));
    let given: Vec<f64> = given.collect::<Result<_, _>>()?;
    let [bands, samples, rate, low, high] = given[..] else { return Err(Fault::MissingInput(4)) };
    let (bands, bins) = (length(Some(bands), 0)?, length(Some(samples), 0)? / 2 + 1);
    let mel = |hertz: f64| 2595.0 * (1.0 + hertz / 700.0).log10();
    let step = (mel(high) - mel(low)) / (bands + 2) as f64;
    let bin = |band: usize| {
        let hertz = 700.0 * (10_f64.powf((mel(low) + band as f64 * step) / 2595.0) - 1.0);
        ((samples + 1.0) * hertz / rate).floor()
    };
    let weight = |at: usize| {
        let (place, band) = ((at / bands) as f64, at % bands);
        let (left, middle, right) = (bin(band), bin(band + 1), bin(band + 2));
        match place {
            place if place == middle => 1.0,
            place if place >= left && place < middle => (place - left) / (middle - left),
            place if place > middle && place < right => (right - place) / (right - middle),
            _ => 0.0,
        }
    };
    call.answer(HostTensor::floats(element, &[bins, bands], (0..bins * bands).map(weight)))
}
