//! The transforms of Winograd's minimal filtering (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks",
//! 2016) for kernels of 3×3, along one axis.
//!
//! An output of `m` numbers needs the products of `m + 2` points: the values of polynomials at chosen numbers and at
//! infinity. Where the numbers lie decides how much rounding grows: 0, ±1, ±2 are usual for four outputs, but
//! 0, ±√2, ±1/√2 lose a third to a quarter of what those lose.

use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};

use crate::simd::Simd;

/// The most points along an axis.
pub(super) const MOST: usize = 6;

/// One axis of a minimal filtering. Arrays hold as many numbers as there are points, and then anything.
pub(super) trait Transform: Copy + Send + Sync {
    /// Outputs of a tile.
    const OUTPUTS: usize;
    /// Inputs of a tile, and points.
    const POINTS: usize = Self::OUTPUTS + 2;

    /// The points of three weights.
    fn weights(weights: [f64; 3]) -> [f64; MOST];

    /// The points of the inputs.
    fn input<S: Simd>(simd: S, x: [S::Float; MOST]) -> [S::Float; MOST];

    /// The outputs of the points' products.
    fn output<S: Simd>(simd: S, p: [S::Float; MOST]) -> [S::Float; MOST];
}

/// The value at `point` of the polynomial with these coefficients, divided by what the input's transform leaves out.
fn weight_at(point: f64, divisor: f64, [a, b, c]: [f64; 3]) -> f64 {
    (a + point * (b + point * c)) / divisor
}

/// Two outputs from the points 0, 1, -1 and infinity.
#[derive(Clone, Copy, Debug)]
pub(super) struct Two;

impl Transform for Two {
    const OUTPUTS: usize = 2;

    fn weights(w: [f64; 3]) -> [f64; MOST] {
        [weight_at(0.0, -1.0, w), weight_at(1.0, 2.0, w), weight_at(-1.0, 2.0, w), w[2], 0.0, 0.0]
    }

    #[inline(always)]
    fn input<S: Simd>(simd: S, x: [S::Float; MOST]) -> [S::Float; MOST] {
        let points = [simd.sub(x[2], x[0]), simd.add(x[2], x[1]), simd.sub(x[2], x[1]), simd.sub(x[3], x[1])];
        [points[0], points[1], points[2], points[3], x[4], x[5]]
    }

    #[inline(always)]
    fn output<S: Simd>(simd: S, p: [S::Float; MOST]) -> [S::Float; MOST] {
        let (sum, difference) = (simd.add(p[1], p[2]), simd.sub(p[1], p[2]));
        [simd.add(p[0], sum), simd.add(difference, p[3]), p[2], p[3], p[4], p[5]]
    }
}

/// Four outputs from the points 0, ±√2, ±1/√2 and infinity.
#[derive(Clone, Copy, Debug)]
pub(super) struct Four;

#[expect(clippy::cast_possible_truncation, reason = "rounded to single precision")]
const A: f32 = SQRT_2 as f32;
#[expect(clippy::cast_possible_truncation, reason = "rounded to single precision")]
const B: f32 = FRAC_1_SQRT_2 as f32;

impl Transform for Four {
    const OUTPUTS: usize = 4;

    fn weights(w: [f64; 3]) -> [f64; MOST] {
        // The divisors are the products of the point's distances from the other points.
        let (a, b) = (SQRT_2, FRAC_1_SQRT_2);
        let (far, near) = (2.0 * 2.0 * 1.5, 0.5 * 2.0 * -1.5);
        [
            weight_at(0.0, 1.0, w),
            weight_at(a, far, w),
            weight_at(-a, far, w),
            weight_at(b, near, w),
            weight_at(-b, near, w),
            w[2],
        ]
    }

    #[inline(always)]
    fn input<S: Simd>(simd: S, x: [S::Float; MOST]) -> [S::Float; MOST] {
        let (a, b, half) = (simd.splat(A), simd.splat(B), simd.splat(-0.5));
        let middle = simd.splat(-2.5);
        let (even_far, odd_far) = (simd.mul_add(half, x[2], x[4]), simd.mul_add(half, x[1], x[3]));
        let two = simd.splat(-2.0);
        let (even_near, odd_near) = (simd.mul_add(two, x[2], x[4]), simd.mul_add(two, x[1], x[3]));
        let (odd_far, odd_near) = (simd.mul(a, odd_far), simd.mul(b, odd_near));
        [
            simd.mul_add(middle, x[2], simd.add(x[0], x[4])),
            simd.add(even_far, odd_far),
            simd.sub(even_far, odd_far),
            simd.add(even_near, odd_near),
            simd.sub(even_near, odd_near),
            simd.mul_add(middle, x[3], simd.add(x[1], x[5])),
        ]
    }

    #[inline(always)]
    fn output<S: Simd>(simd: S, p: [S::Float; MOST]) -> [S::Float; MOST] {
        let (even_far, odd_far) = (simd.add(p[1], p[2]), simd.mul(simd.splat(A), simd.sub(p[1], p[2])));
        let (even_near, odd_near) = (simd.add(p[3], p[4]), simd.mul(simd.splat(B), simd.sub(p[3], p[4])));
        let (two, half) = (simd.splat(2.0), simd.splat(0.5));
        [
            simd.add(p[0], simd.add(even_far, even_near)),
            simd.add(odd_far, odd_near),
            simd.mul_add(half, even_near, simd.mul(two, even_far)),
            simd.mul_add(two, odd_far, simd.mul_add(half, odd_near, p[5])),
            p[4],
            p[5],
        ]
    }
}
