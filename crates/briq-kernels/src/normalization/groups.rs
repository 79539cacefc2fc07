//! Group and instance normalisation of images with their channels last.

use crate::InOut;
use crate::parallel::{self, Cost, SharedMut};
use crate::reduction::fold_columns;
use crate::simd::{Kernel, Simd, Unit};

/// How the channels of images are normalised together. Instance normalisation has as many groups as channels.
#[derive(Clone, Copy, Debug)]
pub struct GroupNorm<'a> {
    /// Images.
    pub batch: usize,
    /// Pixels of an image.
    pub pixels: usize,
    /// Groups of neighbouring channels, each normalised by its own mean and variance.
    pub groups: usize,
    /// One factor for each channel; there are as many channels.
    pub scale: &'a [f32],
    /// One summand for each channel.
    pub bias: &'a [f32],
    /// Added to the variance.
    pub epsilon: f32,
}

/// Channels that one piece of work takes at least, if there are so many.
const CHANNELS: usize = 32;

/// Normalises each group of channels of each image, then multiplies by the channel's factor and adds its summand.
///
/// # Panics
/// If a slice has another number of elements, or the channels are not a whole number of groups.
pub fn group_norm(input: &[f32], norm: &GroupNorm<'_>, out: &mut [f32]) {
    let channels = norm.scale.len();
    assert_eq!(norm.bias.len(), channels, "a factor and a summand for each channel");
    assert!(norm.groups > 0 && channels.is_multiple_of(norm.groups), "whole groups of channels");
    assert_eq!(input.len(), norm.batch * norm.pixels * channels, "elements of the input");
    assert_eq!(out.len(), input.len(), "elements of the result");
    if input.is_empty() {
        return;
    }
    let width = channels / norm.groups;
    let together = CHANNELS.div_ceil(width).min(norm.groups);
    let blocks = norm.groups.div_ceil(together);
    let (unit, shared) = (Unit::current(), SharedMut::new(out));
    let cost = Cost::per_item(3 * norm.pixels * (together * width).max(16));
    parallel::for_each_range(norm.batch * blocks, cost, |items| {
        for (image, block) in items.map(|item| (item / blocks, item % blocks)) {
            let first = block * together;
            let groups = together.min(norm.groups - first);
            let start = image * norm.pixels * channels;
            let input = &input[start..start + norm.pixels * channels];
            unit.run(Block { norm, input, out: &shared, start, channel: first * width, groups, width });
        }
    });
}

/// Some groups of one image.
struct Block<'a> {
    norm: &'a GroupNorm<'a>,
    /// The image.
    input: &'a [f32],
    out: &'a SharedMut<'a>,
    /// Where the image begins in `out`.
    start: usize,
    /// The first channel.
    channel: usize,
    groups: usize,
    /// Channels of a group.
    width: usize,
}

impl Kernel for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let count = self.groups * self.width;
        let (input, channels) = (&self.input[self.channel..], self.norm.scale.len());
        let add = |left, right| simd.add(left, right);
        let mut means = vec![0.0; count];
        fold_columns(
            simd,
            input,
            channels,
            &mut means,
            #[inline(always)]
            |_, sum, x| simd.add(sum, x),
            add,
        );
        self.mean_of_groups(&mut means);
        let mut variances = vec![0.0; count];
        fold_columns(
            simd,
            input,
            channels,
            &mut variances,
            #[inline(always)]
            |column, sum, x| {
                let difference = simd.sub(x, simd.load(&means[column..]));
                simd.mul_add(difference, difference, sum)
            },
            add,
        );
        self.mean_of_groups(&mut variances);
        self.write(simd, &means, &variances);
    }
}

impl Block<'_> {
    /// Replaces the sum over each channel by the mean of the channel's group.
    #[expect(clippy::cast_precision_loss, reason = "a mean needs no more")]
    fn mean_of_groups(&self, sums: &mut [f32]) {
        let count = (self.norm.pixels * self.width) as f32;
        for group in sums.chunks_exact_mut(self.width) {
            let mean = group.iter().sum::<f32>() / count;
            group.fill(mean);
        }
    }

    #[inline(always)]
    fn write<S: Simd>(&self, simd: S, means: &[f32], variances: &[f32]) {
        let channels = self.channel..self.channel + means.len();
        let (scale, bias) = (&self.norm.scale[channels.clone()], &self.norm.bias[channels.clone()]);
        let factor = |(scale, variance): (&f32, &f32)| scale / (variance + self.norm.epsilon).sqrt();
        let scale: Vec<f32> = scale.iter().zip(variances).map(factor).collect();
        let shift: Vec<f32> =
            bias.iter().zip(means).zip(&scale).map(|((bias, mean), scale)| bias - mean * scale).collect();
        for (pixel, input) in self.input.chunks_exact(self.norm.scale.len()).enumerate() {
            let at = self.start + pixel * self.norm.scale.len() + self.channel;
            // SAFETY: these channels of this image belong to this piece of work alone.
            let out = unsafe { self.out.slice(at, means.len()) };
            InOut::between(&input[channels.clone()], out)
                .map3(simd, &scale, &shift, |x, scale, shift| simd.mul_add(x, scale, shift));
        }
    }
}
