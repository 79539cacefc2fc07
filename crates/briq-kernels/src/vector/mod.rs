//! Elementary functions of a register of numbers.
//!
//! Each is a polynomial or rational minimax approximation. The coefficients come from Remez's exchange algorithm, run in
//! 50-digit arithmetic on the interval and for the weight that stand beside them and then rounded to single precision;
//! the rational ones by levelling the error on each reference as a generalised eigenvalue problem (Pachón and Trefethen,
//! *Barycentric-Remez algorithms for best polynomial approximation*, 2009, has the exchange; the eigenvalue form is
//! in Filip et al., *Rational minimax approximation via adaptive barycentric representations*, 2018).
//!
//! A closure that calls one is `#[inline(always)]`, or the compiler may leave it outside the function that has the unit's
//! instructions enabled, where each of them is a call.
//!
//! What is not a number stays so; infinities and overflow give what the IEEE functions of the same name give.

mod error_function;
mod exponential;
mod gated;
mod hyperbolic;
mod logarithm;

pub(crate) use error_function::erf;
pub(crate) use exponential::{exp, sigmoid, vanishing_exp};
pub(crate) use gated::{gelu, gelu_tanh, silu};
pub(crate) use hyperbolic::tanh;
pub(crate) use logarithm::ln;

use crate::simd::Simd;

/// The polynomial with these coefficients, the highest power first, by Horner's rule.
#[inline(always)]
fn polynomial<S: Simd, const N: usize>(simd: S, x: S::Float, coefficients: [f32; N]) -> S::Float {
    let mut sum = simd.splat(coefficients[0]);
    for coefficient in &coefficients[1..] {
        sum = simd.mul_add(sum, x, simd.splat(*coefficient));
    }
    sum
}

/// x inside the bounds, or what is not a number.
#[inline(always)]
fn clamp<S: Simd>(simd: S, x: S::Float, least: f32, greatest: f32) -> S::Float {
    simd.min(simd.splat(greatest), simd.max(simd.splat(least), x))
}
