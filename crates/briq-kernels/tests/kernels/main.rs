//! The kernels, against plain loops in double precision.

mod attention;
mod convolution;
mod elementwise;
mod layout;
mod matrix;
mod normalization;
mod pooling;
mod recurrent;
mod reduction;
#[cfg(target_os = "linux")]
mod residence;
mod resize;
mod softmax;
mod support;
mod transposed;
mod vector;

use briq_kernels::Activation;
use briq_kernels::simd::Unit;
use proptest::prelude::*;

/// Numbers between -1 and 1 that depend on nothing but `seed`.
fn noise(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    std::iter::repeat_with(next).take(count).collect()
}

/// Runs `work` with each vector unit that the processor has.
fn each_unit(mut work: impl FnMut(Unit)) {
    for unit in Unit::ALL.into_iter().filter(|unit| unit.is_available()) {
        unit.force(|| work(unit));
    }
}

/// What is expected: the numbers, and the largest magnitude that was met on the way to them.
#[derive(Default)]
struct Expected {
    values: Vec<f64>,
    largest: f64,
}

impl Expected {
    fn new(values: Vec<f64>) -> Self {
        let largest = values.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
        Self { values, largest }
    }

    /// Adds the activation of a sum.
    fn push(&mut self, sum: f64, activation: Activation) {
        self.largest = self.largest.max(sum.abs());
        self.values.push(activate(activation, sum));
    }

    /// The largest difference, in units of the largest magnitude.
    fn difference(&self, actual: &[f32]) -> f64 {
        assert_eq!(actual.len(), self.values.len());
        let differences =
            actual.iter().zip(&self.values).map(|(&actual, expected)| (f64::from(actual) - expected).abs());
        let differences = differences.map(|difference| if difference.is_nan() { f64::INFINITY } else { difference });
        differences.fold(0.0, f64::max) / self.largest.max(1.0)
    }

    /// Panics if a number differs by more than `tolerance` times the largest magnitude.
    fn check(&self, unit: Unit, actual: &[f32], tolerance: f64) {
        let difference = self.difference(actual);
        assert!(difference <= tolerance, "{unit:?}: differs by {difference:e} of {}", self.largest);
    }
}

/// An activation, in double precision.
fn activate(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Identity => x,
        Activation::Relu => x.max(0.0),
        Activation::Clip { min, max } => x.clamp(f64::from(min), f64::from(max)),
        Activation::LeakyRelu(slope) => {
            if x < 0.0 {
                x * f64::from(slope)
            } else {
                x
            }
        }
        Activation::Sigmoid => sigmoid(x),
        Activation::Tanh => x.tanh(),
        Activation::Silu => x * sigmoid(x),
        Activation::HardSigmoid { alpha, beta } => (f64::from(alpha) * x + f64::from(beta)).clamp(0.0, 1.0),
        Activation::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
        Activation::GeluTanh => {
            0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x)).tanh())
        }
        Activation::Elu(factor) => {
            if x < 0.0 {
                f64::from(factor) * x.exp_m1()
            } else {
                x
            }
        }
        Activation::Softplus => softplus(x),
        Activation::Mish => x * softplus(x).tanh(),
        other => panic!("no reference for {other:?}"),
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// Any activation.
fn activation() -> impl Strategy<Value = Activation> {
    prop::sample::select(vec![
        Activation::Identity,
        Activation::Identity,
        Activation::Relu,
        Activation::Clip { min: -0.5, max: 0.75 },
        Activation::LeakyRelu(0.1),
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Silu,
        Activation::HardSigmoid { alpha: 0.2, beta: 0.5 },
        Activation::HardSwish,
        Activation::GeluTanh,
        Activation::Elu(0.7),
        Activation::Softplus,
        Activation::Mish,
    ])
}
