//! Powers.

use crate::InOut;
use crate::parallel::Cost;
use crate::simd::{Kernel, Simd, Unit};

/// Writes each number to the power of one exponent.
pub(super) fn apply(exponent: f32, values: InOut<'_>) {
    let unit = Unit::current();
    let cost = if is_simple(exponent) { Cost::per_item(1) } else { Cost::per_item(60) };
    values.for_each_rows(1, cost, |_, values| unit.run(Powers { exponent, values }));
}

fn is_simple(exponent: f32) -> bool {
    [2.0, 3.0, 0.5, -1.0].contains(&exponent)
}

struct Powers<'a> {
    exponent: f32,
    values: InOut<'a>,
}

impl Kernel for Powers<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        let values = &mut self.values;
        match self.exponent {
            2.0 => values.map(simd, |x| simd.mul(x, x)),
            3.0 => values.map(simd, |x| simd.mul(x, simd.mul(x, x))),
            0.5 => values.map(
                simd,
                #[inline(always)]
                |x| square_root(simd, x),
            ),
            -1.0 => values.map(simd, |x| simd.div(simd.splat(1.0), x)),
            exponent => values.map(
                simd,
                #[inline(always)]
                |x| power_of_lanes(simd, x, simd.splat(exponent)),
            ),
        }
    }
}

/// The power of one half: unlike the square root it is +0 at -0 and infinite at minus infinity.
#[inline(always)]
fn square_root<S: Simd>(simd: S, x: S::Float) -> S::Float {
    let root = simd.sqrt(simd.add(x, simd.zero()));
    simd.select(simd.less(x, simd.splat(f32::MIN)), simd.splat(f32::INFINITY), root)
}

/// Lane by lane, by the standard library.
#[inline(always)]
pub(super) fn power_of_lanes<S: Simd>(simd: S, base: S::Float, exponent: S::Float) -> S::Float {
    let (mut bases, mut exponents) = ([0.0; 16], [0.0; 16]);
    simd.store(&mut bases, base);
    simd.store(&mut exponents, exponent);
    for (base, exponent) in bases[..S::LANES].iter_mut().zip(exponents) {
        *base = base.powf(exponent);
    }
    simd.load(&bases)
}
