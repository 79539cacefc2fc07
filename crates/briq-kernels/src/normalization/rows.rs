//! Normalisation of rows.

use crate::InOut;
use crate::parallel::{Cost, SharedMut};
use crate::reduction::{fold, sum};
use crate::simd::{Kernel, Simd, Unit};

/// What rows are multiplied by and shifted to once they are normalised. The rows are as wide as `scale`.
#[derive(Clone, Copy, Debug)]
pub struct LayerNorm<'a> {
    /// One factor for each column.
    pub scale: &'a [f32],
    /// One summand for each column.
    pub bias: Option<&'a [f32]>,
    /// Added to the variance or the mean square.
    pub epsilon: f32,
}

impl LayerNorm<'_> {
    fn check(&self) {
        assert!(self.bias.is_none_or(|bias| bias.len() == self.scale.len()), "one bias for each factor");
    }

    fn cost(&self) -> Cost {
        Cost::per_item(self.scale.len() + 32)
    }
}

/// (x - mean) / √(variance + epsilon) · scale + bias over each row.
///
/// # Panics
/// If there are not whole rows, or scale and bias are of different lengths.
pub fn layer_norm(values: InOut<'_>, norm: &LayerNorm<'_>) {
    norm.check();
    let unit = Unit::current();
    values.for_each_rows(norm.scale.len(), norm.cost(), |_, values| unit.run(Layer { values, norm: *norm }));
}

/// x / √(mean of x² + epsilon) · scale + bias over each row.
///
/// # Panics
/// If there are not whole rows, or scale and bias are of different lengths.
pub fn rms_norm(values: InOut<'_>, norm: &LayerNorm<'_>) {
    norm.check();
    let unit = Unit::current();
    values.for_each_rows(norm.scale.len(), norm.cost(), |_, values| unit.run(RootMeanSquare { values, norm: *norm }));
}

/// Adds `skip` to `values` in place and writes the [`layer_norm`] of the sum to `out`.
///
/// # Panics
/// As [`layer_norm`], or if the slices are of different lengths.
pub fn skip_layer_norm(values: &mut [f32], skip: &[f32], norm: &LayerNorm<'_>, out: &mut [f32]) {
    assert_eq!(values.len(), skip.len(), "elements of the skip connection");
    norm.check();
    assert_eq!(values.len(), out.len(), "elements of the result");
    let (unit, sums, width) = (Unit::current(), SharedMut::new(values), norm.scale.len());
    InOut::between(skip, out).for_each_rows(width, norm.cost(), |row, values| {
        // SAFETY: each row is visited once.
        let sums = unsafe { sums.slice(row * width, values.len()) };
        unit.run(Skip { sums, values, norm: *norm });
    });
}

struct Layer<'a> {
    values: InOut<'a>,
    norm: LayerNorm<'a>,
}

impl Kernel for Layer<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for row in self.values.rows(self.norm.scale.len()) {
            normalize(simd, row, &self.norm);
        }
    }
}

struct Skip<'a> {
    sums: &'a mut [f32],
    /// Reads the skip connection.
    values: InOut<'a>,
    norm: LayerNorm<'a>,
}

impl Kernel for Skip<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let width = self.norm.scale.len();
        for (sums, mut row) in self.sums.chunks_exact_mut(width).zip(self.values.rows(width)) {
            InOut::in_place(sums).map2(simd, row.input(), |value, skip| simd.add(value, skip));
            normalize(simd, InOut::between(sums, row.out()), &self.norm);
        }
    }
}

/// One row. The variance is taken from the differences to the mean, so that a large mean does not swallow it.
#[inline(always)]
#[expect(clippy::cast_precision_loss, reason = "a mean needs no more")]
fn normalize<S: Simd>(simd: S, mut row: InOut<'_>, norm: &LayerNorm<'_>) {
    let width = row.len() as f32;
    let mean = simd.splat(sum(simd, row.input()) / width);
    let square = |sum, x| {
        let difference = simd.sub(x, mean);
        simd.mul_add(difference, difference, sum)
    };
    let squares = simd.reduce_add(fold(simd, row.input(), 0.0, square, |a, b| simd.add(a, b)));
    let factor = simd.splat(1.0 / (squares / width + norm.epsilon).sqrt());
    match norm.bias {
        Some(bias) => row.map3(
            simd,
            norm.scale,
            bias,
            #[inline(always)]
            |x, scale, bias| simd.mul_add(simd.mul(simd.sub(x, mean), factor), scale, bias),
        ),
        None => row.map2(
            simd,
            norm.scale,
            #[inline(always)]
            |x, scale| simd.mul(simd.mul(simd.sub(x, mean), factor), scale),
        ),
    }
}

struct RootMeanSquare<'a> {
    values: InOut<'a>,
    norm: LayerNorm<'a>,
}

impl Kernel for RootMeanSquare<'_> {
    type Output = ();

    #[inline(always)]
    #[expect(clippy::cast_precision_loss, reason = "a mean needs no more")]
    fn run<S: Simd>(self, simd: S) {
        let (scale, width) = (self.norm.scale, self.norm.scale.len());
        for mut row in self.values.rows(width) {
            let square = |sum, x| simd.mul_add(x, x, sum);
            let squares = simd.reduce_add(fold(simd, row.input(), 0.0, square, |a, b| simd.add(a, b)));
            let factor = simd.splat(1.0 / (squares / width as f32 + self.norm.epsilon).sqrt());
            match self.norm.bias {
                Some(bias) => row.map3(
                    simd,
                    scale,
                    bias,
                    #[inline(always)]
                    |x, scale, bias| simd.mul_add(simd.mul(x, factor), scale, bias),
                ),
                None => row.map2(
                    simd,
                    scale,
                    #[inline(always)]
                    |x, scale| simd.mul(simd.mul(x, factor), scale),
                ),
            }
        }
    }
}
