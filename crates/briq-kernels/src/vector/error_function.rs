//! The error function.

use super::{clamp, polynomial, saturated};
use crate::simd::Simd;

/// From here on the function is 1 to within half a unit in the last place.
const SATURATION: f32 = 3.84;

/// erf x, to 3 units in the last place.
///
/// x · P(x²) / Q(x²) with polynomials of degree 5, minimax on |x| ≤ 3.92 with relative error 1.9e-8 before rounding; the last
/// places of the coefficients by a random search for the least error in single precision.
#[inline(always)]
pub(crate) fn erf<S: Simd>(simd: S, x: S::Float) -> S::Float {
    let x = clamp(simd, x, -SATURATION, SATURATION);
    let square = simd.mul(x, x);
    let numerator = [2.050_068e-6, 2.848_816e-4, 3.765_630_8e-3, 5.274_871_7e-2, 0.190_406_72, 1.128_379_2];
    let denominator = [3.809_153_3e-5, 1.162_533_6e-3, 1.496_925_6e-2, 0.114_109_19, 0.502_076_2, 1.0];
    let numerator = simd.mul(x, polynomial(simd, square, numerator));
    saturated(simd, x, simd.div(numerator, polynomial(simd, square, denominator)), SATURATION)
}
