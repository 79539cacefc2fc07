//! Batch normalisation of what has its channels last: a factor and a summand for each channel.

use crate::InOut;
use crate::parallel::Cost;
use crate::simd::{Kernel, Simd, Unit};

/// The learnt statistics of batch normalisation, one number for each channel.
#[derive(Clone, Copy, Debug)]
pub struct BatchNorm<'a> {
    /// The factor after normalisation.
    pub scale: &'a [f32],
    /// The summand after normalisation.
    pub bias: &'a [f32],
    /// The running mean.
    pub mean: &'a [f32],
    /// The running variance.
    pub variance: &'a [f32],
    /// Added to the variance.
    pub epsilon: f32,
}

impl BatchNorm<'_> {
    /// The factors and summands to which it comes down, for [`scale_shift`].
    ///
    /// # Panics
    /// If the slices are of different lengths.
    #[must_use]
    pub fn fold(&self) -> (Vec<f32>, Vec<f32>) {
        let channels = self.scale.len();
        assert!(
            [self.bias, self.mean, self.variance].iter().all(|slice| slice.len() == channels),
            "one for each channel"
        );
        let scale: Vec<f32> = self
            .scale
            .iter()
            .zip(self.variance)
            .map(|(scale, variance)| scale / (variance + self.epsilon).sqrt())
            .collect();
        let shift =
            self.bias.iter().zip(self.mean).zip(&scale).map(|((bias, mean), scale)| bias - mean * scale).collect();
        (scale, shift)
    }
}

/// x · scale + shift, both of which have one number for each channel; the channels are the last axis.
///
/// # Panics
/// If `scale` and `shift` are of different lengths, or there are not whole pixels.
pub fn scale_shift(values: InOut<'_>, scale: &[f32], shift: &[f32]) {
    assert_eq!(scale.len(), shift.len(), "a factor and a summand for each channel");
    let unit = Unit::current();
    values.for_each_rows(scale.len(), Cost::per_item(scale.len() + 4), |_, values| {
        unit.run(ScaleShift { values, scale, shift });
    });
}

struct ScaleShift<'a> {
    values: InOut<'a>,
    scale: &'a [f32],
    shift: &'a [f32],
}

impl Kernel for ScaleShift<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for mut pixel in self.values.rows(self.scale.len()) {
            pixel.map3(simd, self.scale, self.shift, |x, scale, shift| simd.mul_add(x, scale, shift));
        }
    }
}
