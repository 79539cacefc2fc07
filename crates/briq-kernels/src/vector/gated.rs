//! Numbers times a function of them that goes from 0 to 1.

use super::{erf, sigmoid, tanh};
use crate::simd::Simd;

/// x · Φ(x), by the error function.
#[inline(always)]
pub(crate) fn gelu<S: Simd>(simd: S, x: S::Float) -> S::Float {
    half_and(simd, x, erf(simd, simd.mul(x, simd.splat(std::f32::consts::FRAC_1_SQRT_2))))
}

/// x · Φ(x), by the approximation with the hyperbolic tangent of √(2/π) · (x + 0.044715 x³).
#[inline(always)]
pub(crate) fn gelu_tanh<S: Simd>(simd: S, x: S::Float) -> S::Float {
    const FACTOR: f32 = 0.797_884_6;
    let inner = simd.mul_add(simd.mul(x, x), simd.splat(0.044_715 * FACTOR), simd.splat(FACTOR));
    half_and(simd, x, tanh(simd, simd.mul(x, inner)))
}

/// x · sigmoid(x).
#[inline(always)]
pub(crate) fn silu<S: Simd>(simd: S, x: S::Float) -> S::Float {
    simd.mul(x, sigmoid(simd, x))
}

/// x / 2 · (1 + f).
#[inline(always)]
fn half_and<S: Simd>(simd: S, x: S::Float, f: S::Float) -> S::Float {
    let half = simd.mul(x, simd.splat(0.5));
    simd.mul_add(half, f, half)
}
