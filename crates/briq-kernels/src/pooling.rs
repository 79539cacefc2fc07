//! Pooling over channels-last images: the largest, or the mean, of each window.

use std::ops::Range;

use crate::parallel::{self, Cost};
use crate::simd::{Kernel, Simd, Unit};

/// The geometry of a pooling; one dimension is an image of height 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolSpec {
    /// Height and width of the window.
    pub kernel: [usize; 2],
    /// Steps down and across.
    pub strides: [usize; 2],
    /// Distance between the window's pixels, down and across.
    pub dilations: [usize; 2],
    /// Pixels around the image: top, left, bottom, right.
    pub pads: [usize; 4],
}

/// The images that are pooled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolImages {
    /// Images.
    pub batch: usize,
    /// Channels of each pixel.
    pub channels: usize,
    /// Height and width of the input.
    pub input: [usize; 2],
    /// Height and width of the output. A window may reach beyond the padded image, as it does where sizes are rounded up.
    pub output: [usize; 2],
}

/// Which pixels a mean is taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Divisor {
    /// Those of the image.
    Image,
    /// Those of the image and the pads, which count as zeros.
    Padded,
}

#[derive(Clone, Copy)]
enum Reduction {
    Max,
    Mean(Divisor),
}

/// The largest number of each window and channel; minus infinity where a window meets no pixel of the image.
///
/// # Panics
/// If a slice is not of the size that `images` says.
pub fn max_pool(spec: &PoolSpec, images: &PoolImages, input: &[f32], out: &mut [f32]) {
    pool(spec, images, Reduction::Max, input, out);
}

/// The mean of each window and channel; zero where a window meets no pixel of the image.
///
/// # Panics
/// If a slice is not of the size that `images` says.
pub fn average_pool(spec: &PoolSpec, images: &PoolImages, divisor: Divisor, input: &[f32], out: &mut [f32]) {
    pool(spec, images, Reduction::Mean(divisor), input, out);
}

/// The mean over all `pixels` of each image, for each channel: `out` is `batch × channels`.
///
/// # Panics
/// If a slice is not of that size.
pub fn global_average_pool(input: &[f32], batch: usize, pixels: usize, channels: usize, out: &mut [f32]) {
    let spec = PoolSpec { kernel: [1, pixels.max(1)], strides: [1, 1], dilations: [1, 1], pads: [0; 4] };
    let images = PoolImages { batch, channels, input: [1, pixels], output: [1, 1] };
    average_pool(&spec, &images, Divisor::Image, input, out);
}

fn pool(spec: &PoolSpec, images: &PoolImages, reduction: Reduction, input: &[f32], out: &mut [f32]) {
    let PoolImages { batch, channels, input: size, output } = *images;
    assert_eq!(input.len(), batch * size[0] * size[1] * channels, "an input of NHWC");
    assert_eq!(out.len(), batch * output[0] * output[1] * channels, "an output of NHWC");
    let unit = Unit::current();
    let cost = Cost::per_item((spec.kernel[0] * spec.kernel[1] + 2) * channels.div_ceil(unit.lanes()) * 2);
    parallel::for_each_chunk(out, channels, cost, |first, out| {
        unit.run(Pixels { spec, images, reduction, input, first, out });
    });
}

/// Some pixels of the output, counted over all images.
struct Pixels<'a> {
    spec: &'a PoolSpec,
    images: &'a PoolImages,
    reduction: Reduction,
    input: &'a [f32],
    first: usize,
    out: &'a mut [f32],
}

impl Kernel for Pixels<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let PoolImages { channels, output, .. } = *self.images;
        for (index, pixel) in self.out.chunks_exact_mut(channels).enumerate() {
            let index = self.first + index;
            let (image, y, x) = (index / (output[0] * output[1]), index / output[1] % output[0], index % output[1]);
            let window = [Span::new(self.spec, self.images, 0, y), Span::new(self.spec, self.images, 1, x)];
            let view = View { spec: self.spec, images: self.images, input: self.input, image, window: &window };
            match self.reduction {
                Reduction::Max => view.reduce(simd, f32::NEG_INFINITY, |a, b| simd.max(a, b), |x| x, pixel),
                Reduction::Mean(divisor) => {
                    let factor = simd.splat(factor(divisor, &window));
                    view.reduce(simd, 0.0, |a, b| simd.add(a, b), |x| simd.mul(x, factor), pixel);
                }
            }
        }
    }
}

/// One divided by the number of pixels that count.
#[expect(clippy::cast_precision_loss, reason = "a window has few pixels")]
fn factor(divisor: Divisor, [down, across]: &[Span; 2]) -> f32 {
    let count = match divisor {
        Divisor::Image => down.taps.len() * across.taps.len(),
        Divisor::Padded => down.padded * across.padded,
    };
    1.0 / count.max(1) as f32
}

/// What a window covers along one axis.
struct Span {
    /// The taps of the kernel that meet the image.
    taps: Range<usize>,
    /// How many taps meet the image or the pads.
    padded: usize,
    /// Where the first tap lies, counted from the start of the pads.
    start: usize,
}

impl Span {
    #[inline(always)]
    fn new(spec: &PoolSpec, images: &PoolImages, axis: usize, index: usize) -> Self {
        let (kernel, dilation, before) = (spec.kernel[axis], spec.dilations[axis], spec.pads[axis]);
        let (size, start) = (images.input[axis], index * spec.strides[axis]);
        // The number of taps that lie before a position.
        let taps_before = |position: usize| position.saturating_sub(start).div_ceil(dilation).min(kernel);
        let taps = taps_before(before)..taps_before(before + size);
        Self { taps, padded: taps_before(before + size + spec.pads[axis + 2]), start }
    }
}

/// A window into one image.
struct View<'a> {
    spec: &'a PoolSpec,
    images: &'a PoolImages,
    input: &'a [f32],
    image: usize,
    window: &'a [Span; 2],
}

impl View<'_> {
    /// Four registers of channels at once, so that one's result is not awaited before the next is begun.
    #[inline(always)]
    fn reduce<S: Simd>(
        &self,
        simd: S,
        start: f32,
        combine: impl Fn(S::Float, S::Float) -> S::Float,
        finish: impl Fn(S::Float) -> S::Float,
        out: &mut [f32],
    ) {
        let mut channel = 0;
        for out in out.chunks_mut(4 * S::LANES) {
            let mut values = [simd.splat(start); 4];
            if out.len() == 4 * S::LANES {
                self.for_each_pixel(|pixel| {
                    let pixel = &pixel[channel..channel + 4 * S::LANES];
                    for (index, value) in values.iter_mut().enumerate() {
                        *value = combine(*value, simd.load(&pixel[index * S::LANES..]));
                    }
                });
            } else {
                self.for_each_pixel(|pixel| {
                    let pixel = &pixel[channel..channel + out.len()];
                    for (value, pixel) in values.iter_mut().zip(pixel.chunks(S::LANES)) {
                        *value = combine(*value, simd.load(pixel));
                    }
                });
            }
            for (out, value) in out.chunks_mut(S::LANES).zip(values) {
                simd.store(out, finish(value));
            }
            channel += 4 * S::LANES;
        }
    }

    #[inline(always)]
    fn for_each_pixel(&self, mut work: impl FnMut(&[f32])) {
        let [down, across] = self.window;
        let [height, width] = self.images.input;
        for row in down.taps.clone() {
            let y = down.start + row * self.spec.dilations[0] - self.spec.pads[0];
            for column in across.taps.clone() {
                let x = across.start + column * self.spec.dilations[1] - self.spec.pads[1];
                let pixel = (self.image * height + y) * width + x;
                work(&self.input[pixel * self.images.channels..][..self.images.channels]);
            }
        }
    }
}
