//! The exponential function and what is made from it.

use super::{clamp, polynomial};
use crate::simd::Simd;

/// eˣ, to 2 units in the last place.
///
/// x = n·ln 2 + r with integer n; eʳ on |r| ≤ ln 2 / 2 is a polynomial of degree 5 with relative error 9.2e-8 and exactly 1 at 0.
#[inline(always)]
pub(crate) fn exp<S: Simd>(simd: S, x: S::Float) -> S::Float {
    // Below, the result rounds to zero; above, it is infinite.
    bounded_exp(simd, clamp(simd, x, -104.0, 89.0))
}

/// ln 2⁻¹²⁶: below, eˣ is no normal number, and arithmetic with such numbers takes some processors a hundred cycles.
const LEAST_NORMAL: f32 = -87.336_54;

/// [`exp`] where that is a normal number, and zero below.
#[inline(always)]
pub(crate) fn vanishing_exp<S: Simd>(simd: S, x: S::Float) -> S::Float {
    let least = simd.splat(LEAST_NORMAL);
    simd.select(simd.less(x, least), simd.zero(), bounded_exp(simd, clamp(simd, x, LEAST_NORMAL, 89.0)))
}

/// [`exp`] of -104 ≤ x ≤ 89.
#[inline(always)]
fn bounded_exp<S: Simd>(simd: S, x: S::Float) -> S::Float {
    // Adding and taking away 1.5 · 2²³ rounds to an integer.
    let round = simd.splat(12_582_912.0);
    let power = simd.sub(simd.mul_add(x, simd.splat(std::f32::consts::LOG2_E), round), round);
    // ln 2 in two parts, the first of which has so few bits that its product with n is exact.
    let rest = simd.mul_add(power, simd.splat(-0.693_359_4), x);
    let rest = simd.mul_add(power, simd.splat(2.121_944_4e-4), rest);
    let coefficients = [8.290_304e-3, 4.189_797_5e-2, 0.166_676_37, 0.499_991_5, 0.999_999_7, 1.0];
    simd.scale(polynomial(simd, rest, coefficients), power)
}

/// 1 / (1 + e⁻ˣ), to 3 units in the last place.
#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(simd: S, x: S::Float) -> S::Float {
    // What is smaller than any normal number adds nothing to 1.
    let (one, power) = (simd.splat(1.0), clamp(simd, simd.neg(x), LEAST_NORMAL, 89.0));
    simd.div(one, simd.add(one, bounded_exp(simd, power)))
}
