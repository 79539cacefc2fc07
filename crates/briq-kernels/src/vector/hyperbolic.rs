//! The hyperbolic tangent.

use super::{clamp, polynomial, saturated};
use crate::simd::Simd;

/// From here on the function is 1 to within half a unit in the last place.
const SATURATION: f32 = 8.6;

/// tanh x, to 3 units in the last place.
///
/// x · P(x²) / Q(x²) with polynomials of degree 4, minimax on |x| ≤ 9.01 with relative error 2.1e-8 before rounding; the last
/// places of the coefficients by a random search for the least error in single precision.
#[inline(always)]
pub(crate) fn tanh<S: Simd>(simd: S, x: S::Float) -> S::Float {
    let x = clamp(simd, x, -SATURATION, SATURATION);
    let square = simd.mul(x, x);
    let numerator = [1.333_444_4e-8, 2.059_458e-5, 3.494_708_3e-3, 0.133_802_85, 1.0];
    let denominator = [7.768_317_7e-7, 3.284_195e-4, 2.587_363_9e-2, 0.467_135_97, 1.0];
    let numerator = simd.mul(x, polynomial(simd, square, numerator));
    saturated(simd, x, simd.div(numerator, polynomial(simd, square, denominator)), SATURATION)
}
