//! The error function.

use super::{clamp, polynomial};
use crate::simd::Simd;

/// From here on the function is 1, and so is the quotient or more.
const SATURATION: f32 = 3.9;

/// erf x, to 4 units in the last place.
///
/// x · P(x²) / Q(x²) with polynomials of degree 5, minimax on |x| ≤ 3.92 with relative error 1.9e-8 before rounding; the last
/// places of the coefficients by a random search for the least error in single precision.
#[inline(always)]
#[expect(clippy::approx_constant, reason = "2/√π but for the last place, which belongs to the fit")]
pub(crate) fn erf<S: Simd>(simd: S, x: S::Float) -> S::Float {
    let x = clamp(simd, x, -SATURATION, SATURATION);
    let square = simd.mul(x, x);
    let numerator = [2.050_068_4e-6, 2.848_816e-4, 3.765_62e-3, 5.274_871_7e-2, 0.190_406_7, 1.128_379_1];
    let denominator = [3.809_146e-5, 1.162_534_2e-3, 1.496_922e-2, 0.114_109_17, 0.502_076_2, 1.0];
    let numerator = simd.mul(x, polynomial(simd, square, numerator));
    clamp(simd, simd.div(numerator, polynomial(simd, square, denominator)), -1.0, 1.0)
}
