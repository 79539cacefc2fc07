//! Activation functions, one number to one number.

use crate::parallel::{self, Cost};
use crate::simd::{Kernel, Simd, Unit, map};
use crate::vector::{erf, exp, ln, sigmoid, tanh};

/// A function that is applied to every number of a result.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Activation {
    /// x.
    #[default]
    Identity,
    /// max(x, 0).
    Relu,
    /// min(max(x, `min`), `max`).
    Clip {
        /// The least value.
        min: f32,
        /// The greatest value.
        max: f32,
    },
    /// x where x ≥ 0, else x times this slope.
    LeakyRelu(f32),
    /// 1 / (1 + e⁻ˣ).
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// x · Φ(x), by the error function.
    Gelu,
    /// x · Φ(x), by the approximation with the hyperbolic tangent.
    GeluTanh,
    /// x · sigmoid(x).
    Silu,
    /// min(max(alpha · x + beta, 0), 1).
    HardSigmoid {
        /// The slope.
        alpha: f32,
        /// The value at zero.
        beta: f32,
    },
    /// x · min(max(x / 6 + 1/2, 0), 1).
    HardSwish,
    /// x where x ≥ 0, else this factor times (eˣ - 1).
    Elu(f32),
    /// ln(1 + eˣ).
    Softplus,
    /// x · tanh(softplus(x)).
    Mish,
}

/// Numbers from which a slice is split between threads, and the cost of one.
const COST: Cost = Cost::per_item(8);

impl Activation {
    /// Replaces each number by the function of it.
    pub fn apply(&self, values: &mut [f32]) {
        if *self == Self::Identity {
            return;
        }
        let unit = Unit::current();
        parallel::for_each_chunk(values, 1, COST, |_, values| unit.run(Apply { activation: *self, values }));
    }
}

struct Apply<'a> {
    activation: Activation,
    values: &'a mut [f32],
}

impl Kernel for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        apply(simd, self.activation, self.values);
    }
}

/// [`Activation::apply`] on this thread, inside a kernel. The choice is made once for all numbers.
#[inline(always)]
pub(crate) fn apply<S: Simd>(simd: S, activation: Activation, values: &mut [f32]) {
    match activation {
        Activation::Identity => {}
        Activation::Relu => map(
            simd,
            values,
            #[inline(always)]
            |x| clip(simd, x, 0.0, f32::INFINITY),
        ),
        Activation::Clip { min, max } => map(
            simd,
            values,
            #[inline(always)]
            |x| clip(simd, x, min, max),
        ),
        Activation::LeakyRelu(slope) => map(
            simd,
            values,
            #[inline(always)]
            |x| leaky(simd, x, slope),
        ),
        Activation::Sigmoid => map(
            simd,
            values,
            #[inline(always)]
            |x| sigmoid(simd, x),
        ),
        Activation::Tanh => map(
            simd,
            values,
            #[inline(always)]
            |x| tanh(simd, x),
        ),
        Activation::Gelu => map(
            simd,
            values,
            #[inline(always)]
            |x| gelu(simd, x),
        ),
        Activation::GeluTanh => map(
            simd,
            values,
            #[inline(always)]
            |x| gelu_tanh(simd, x),
        ),
        Activation::Silu => map(
            simd,
            values,
            #[inline(always)]
            |x| simd.mul(x, sigmoid(simd, x)),
        ),
        Activation::HardSigmoid { alpha, beta } => map(
            simd,
            values,
            #[inline(always)]
            |x| hard_sigmoid(simd, x, alpha, beta),
        ),
        Activation::HardSwish => map(
            simd,
            values,
            #[inline(always)]
            |x| simd.mul(x, hard_sigmoid(simd, x, 1.0 / 6.0, 0.5)),
        ),
        Activation::Elu(factor) => map(
            simd,
            values,
            #[inline(always)]
            |x| elu(simd, x, factor),
        ),
        Activation::Softplus => map(
            simd,
            values,
            #[inline(always)]
            |x| softplus(simd, x),
        ),
        Activation::Mish => map(
            simd,
            values,
            #[inline(always)]
            |x| simd.mul(x, tanh(simd, softplus(simd, x))),
        ),
    }
}

/// What is not a number stays so: the bound is the first operand, and the units return the second then.
#[inline(always)]
fn clip<S: Simd>(simd: S, x: S::Float, min: f32, max: f32) -> S::Float {
    simd.min(simd.splat(max), simd.max(simd.splat(min), x))
}

#[inline(always)]
fn leaky<S: Simd>(simd: S, x: S::Float, slope: f32) -> S::Float {
    simd.select(simd.less(x, simd.zero()), simd.mul(x, simd.splat(slope)), x)
}

#[inline(always)]
fn hard_sigmoid<S: Simd>(simd: S, x: S::Float, alpha: f32, beta: f32) -> S::Float {
    clip(simd, simd.mul_add(x, simd.splat(alpha), simd.splat(beta)), 0.0, 1.0)
}

#[inline(always)]
fn gelu<S: Simd>(simd: S, x: S::Float) -> S::Float {
    let half = simd.mul(x, simd.splat(0.5));
    simd.mul_add(half, erf(simd, simd.mul(x, simd.splat(std::f32::consts::FRAC_1_SQRT_2))), half)
}

#[inline(always)]
fn gelu_tanh<S: Simd>(simd: S, x: S::Float) -> S::Float {
    // sqrt(2/π) · (x + 0.044715 x³) = x · (c + 0.044715 c · x²)
    const C: f32 = 0.797_884_6;
    let inner = simd.mul_add(simd.mul(x, x), simd.splat(0.044_715 * C), simd.splat(C));
    let half = simd.mul(x, simd.splat(0.5));
    simd.mul_add(half, tanh(simd, simd.mul(x, inner)), half)
}

#[inline(always)]
fn elu<S: Simd>(simd: S, x: S::Float, factor: f32) -> S::Float {
    let below = simd.mul(simd.splat(factor), simd.sub(exp(simd, x), simd.splat(1.0)));
    simd.select(simd.less(x, simd.zero()), below, x)
}

/// max(x, 0) + ln(1 + e⁻|x|), which neither overflows nor loses what is large.
#[inline(always)]
fn softplus<S: Simd>(simd: S, x: S::Float) -> S::Float {
    let small = exp(simd, simd.neg(simd.abs(x)));
    simd.add(simd.max(simd.zero(), x), ln(simd, simd.add(simd.splat(1.0), small)))
}
