//! Softmax over rows.

use crate::InOut;
use crate::parallel::Cost;
use crate::reduction::{fold, largest};
use crate::simd::{Kernel, Simd, Unit};
use crate::vector::vanishing_exp;

/// exp(x - max) / Σ exp(x - max) over each row of `width` numbers.
///
/// # Panics
/// If there are not whole rows.
pub fn softmax(values: InOut<'_>, width: usize) {
    let unit = Unit::current();
    values.for_each_rows(width, cost(width), |_, values| unit.run(Softmax { values, width }));
}

/// x - max - ln Σ exp(x - max) over each row of `width` numbers.
///
/// # Panics
/// If there are not whole rows.
pub fn log_softmax(values: InOut<'_>, width: usize) {
    let unit = Unit::current();
    values.for_each_rows(width, cost(width), |_, values| unit.run(LogSoftmax { values, width }));
}

const fn cost(width: usize) -> Cost {
    Cost::per_item(2 * width + 32)
}

struct Softmax<'a> {
    values: InOut<'a>,
    width: usize,
}

impl Kernel for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for mut row in self.values.rows(self.width) {
            let most = largest(simd, row.input());
            let total = exponentials(simd, &mut row, most);
            let factor = simd.splat(1.0 / total);
            InOut::in_place(row.out()).map(simd, |x| simd.mul(x, factor));
        }
    }
}

/// Writes exp(x - most) of a row, zero where that is less than any normal number, and returns the sum.
#[inline(always)]
pub(crate) fn exponentials<S: Simd>(simd: S, row: &mut InOut<'_>, most: f32) -> f32 {
    let most = simd.splat(most);
    let mut sums = [simd.zero(); 2];
    row.map_lanes(
        simd,
        #[inline(always)]
        |x, lanes| {
            let power = vanishing_exp(simd, simd.sub(x, most));
            let term = lanes.map_or(power, |lanes| simd.select(lanes, power, simd.zero()));
            sums = [sums[1], simd.add(sums[0], term)];
            power
        },
    );
    simd.reduce_add(simd.add(sums[0], sums[1]))
}

struct LogSoftmax<'a> {
    values: InOut<'a>,
    width: usize,
}

impl Kernel for LogSoftmax<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for mut row in self.values.rows(self.width) {
            let most = largest(simd, row.input());
            let sum = sum_of_exponentials(simd, row.input(), most);
            // Not their sum at once: a large maximum would swallow the digits of the logarithm.
            let (most, logarithm) = (simd.splat(most), simd.splat(sum.ln()));
            row.map(simd, |x| simd.sub(simd.sub(x, most), logarithm));
        }
    }
}

#[inline(always)]
fn sum_of_exponentials<S: Simd>(simd: S, row: &[f32], most: f32) -> f32 {
    let most = simd.splat(most);
    let sums = fold(
        simd,
        row,
        0.0,
        #[inline(always)]
        |sum, x| simd.add(sum, vanishing_exp(simd, simd.sub(x, most))),
        |a, b| simd.add(a, b),
    );
    simd.reduce_add(sums)
}
