//! Elementary functions of a register of numbers.

use crate::simd::Simd;

/// The exponential function.
#[inline(always)]
pub(crate) fn exp<S: Simd>(simd: S, value: S::Float) -> S::Float {
    let value = simd.min(simd.splat(88.3), simd.max(simd.splat(-87.3), value));
    let power = simd.round(simd.mul(value, simd.splat(std::f32::consts::LOG2_E)));
    let rest = simd.mul_add(power, simd.splat(-0.693_145_75), value);
    let rest = simd.mul_add(power, simd.splat(-1.428_606_8e-6), rest);
    let mut sum = simd.splat(1.0 / 5040.0);
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = simd.mul_add(sum, rest, simd.splat(coefficient));
    }
    simd.mul(sum, simd.power_of_two(power))
}

/// 1 / (1 + exp(-x)).
#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(simd: S, value: S::Float) -> S::Float {
    let one = simd.splat(1.0);
    simd.div(one, simd.add(one, exp(simd, simd.neg(value))))
}

/// The hyperbolic tangent.
#[inline(always)]
pub(crate) fn tanh<S: Simd>(simd: S, value: S::Float) -> S::Float {
    let two = simd.splat(2.0);
    simd.sub(simd.mul(two, sigmoid(simd, simd.mul(two, value))), simd.splat(1.0))
}

/// The error function (Abramowitz and Stegun 7.1.26, to 1.5e-7).
#[inline(always)]
pub(crate) fn erf<S: Simd>(simd: S, value: S::Float) -> S::Float {
    let (one, x) = (simd.splat(1.0), simd.abs(value));
    let t = simd.div(one, simd.mul_add(simd.splat(0.327_591_1), x, one));
    let mut sum = simd.splat(1.061_405_4);
    for coefficient in [-1.453_152, 1.421_413_8, -0.284_496_74, 0.254_829_6] {
        sum = simd.mul_add(sum, t, simd.splat(coefficient));
    }
    let tail = simd.mul(simd.mul(sum, t), exp(simd, simd.neg(simd.mul(x, x))));
    simd.copy_sign(simd.sub(one, tail), value)
}

/// The natural logarithm of positive normal numbers.
#[inline(always)]
pub(crate) fn ln<S: Simd>(simd: S, value: S::Float) -> S::Float {
    let (mantissa, exponent) = simd.mantissa_exponent(value);
    let one = simd.splat(1.0);
    let z = simd.div(simd.sub(mantissa, one), simd.add(mantissa, one));
    let square = simd.mul(z, z);
    let mut sum = simd.splat(2.0 / 15.0);
    for coefficient in [2.0 / 13.0, 2.0 / 11.0, 2.0 / 9.0, 2.0 / 7.0, 2.0 / 5.0, 2.0 / 3.0, 2.0] {
        sum = simd.mul_add(sum, square, simd.splat(coefficient));
    }
    simd.mul_add(exponent, simd.splat(std::f32::consts::LN_2), simd.mul(sum, z))
}
