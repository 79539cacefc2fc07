//! The hyperbolic tangent.

use super::{clamp, polynomial};
use crate::simd::Simd;

/// From here on the function is 1, and so is the quotient or more.
const SATURATION: f32 = 8.664_33;

/// tanh x, to 4 units in the last place.
///
/// x · P(x²) / Q(x²) with polynomials of degree 4, minimax on |x| ≤ 9.01 with relative error 2.1e-8 before rounding; the last
/// places of the coefficients by a random search for the least error in single precision.
#[inline(always)]
pub(crate) fn tanh<S: Simd>(simd: S, x: S::Float) -> S::Float {
    let x = clamp(simd, x, -SATURATION, SATURATION);
    let square = simd.mul(x, x);
    let numerator = [1.333_459_6e-8, 2.059_458e-5, 3.494_708_3e-3, 0.133_802_88, 1.0];
    let denominator = [7.768_314e-7, 3.284_195e-4, 2.587_364_2e-2, 0.467_136_06, 1.0];
    let numerator = simd.mul(x, polynomial(simd, square, numerator));
    clamp(simd, simd.div(numerator, polynomial(simd, square, denominator)), -1.0, 1.0)
}
