//! The natural logarithm.

use super::polynomial;
use crate::simd::Simd;

/// ln x, to 2 units in the last place; minus infinity at zero, not a number below.
///
/// x = m · 2ᵉ with √½ ≤ m < √2; ln m = f - f²/2 + f³ · R(f) for f = m - 1, R of degree 6 with relative error 3.2e-8.
#[inline(always)]
pub(crate) fn ln<S: Simd>(simd: S, x: S::Float) -> S::Float {
    let (mantissa, exponent) = split(simd, x);
    let f = simd.sub(mantissa, simd.splat(1.0));
    let coefficients =
        [8.700_45e-2, -0.142_674_92, 0.149_147_66, -0.165_775_84, 0.199_630_64, -0.250_013_37, 0.333_339_1];
    let square = simd.mul(f, f);
    let tail = simd.mul(simd.mul(square, f), polynomial(simd, f, coefficients));
    let tail = simd.mul_add(exponent, simd.splat(-2.121_944_4e-4), tail);
    let tail = simd.mul_add(square, simd.splat(-0.5), tail);
    let finite = simd.mul_add(exponent, simd.splat(0.693_359_4), simd.add(f, tail));
    outside(simd, x, finite)
}

/// Mantissa from √½ to √2 and exponent, of subnormal numbers too.
#[inline(always)]
fn split<S: Simd>(simd: S, x: S::Float) -> (S::Float, S::Float) {
    let subnormal = simd.less(x, simd.splat(f32::MIN_POSITIVE));
    let normal = simd.select(subnormal, simd.mul(x, simd.splat(8_388_608.0)), x);
    let (mantissa, exponent) = simd.mantissa_exponent(normal);
    let exponent = simd.sub(exponent, simd.select(subnormal, simd.splat(23.0), simd.zero()));
    let large = simd.less(simd.splat(std::f32::consts::SQRT_2), mantissa);
    let mantissa = simd.select(large, simd.mul(mantissa, simd.splat(0.5)), mantissa);
    (mantissa, simd.select(large, simd.add(exponent, simd.splat(1.0)), exponent))
}

/// Puts in the values at and outside the ends of the domain.
#[inline(always)]
fn outside<S: Simd>(simd: S, x: S::Float, finite: S::Float) -> S::Float {
    let infinity = simd.splat(f32::INFINITY);
    let above = simd.select(simd.less(x, infinity), finite, x);
    // Minus infinity at zero; what is not a number stays.
    let zero = simd.sub(x, infinity);
    let below = simd.select(simd.less(x, simd.zero()), simd.splat(f32::NAN), zero);
    simd.select(simd.less(simd.zero(), x), above, below)
}
