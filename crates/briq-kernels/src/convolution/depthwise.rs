//! Convolutions with one filter for each channel: no sums over channels, so registers run across channels.

use super::{Call, ConvolutionSpec};
use crate::activation::apply;
use crate::buffer::Buffer;
use crate::epilogue::Epilogue;
use crate::parallel::{self, Cost};
use crate::simd::{Kernel, Simd, Unit};

/// Output pixels that are computed at once.
const PIXELS: usize = 4;

/// One filter for each channel.
#[derive(Clone, Debug)]
pub(super) struct Depthwise {
    spec: ConvolutionSpec,
    /// For each tap, the weight of each channel.
    weights: Buffer,
    zeros: Buffer,
}

impl Depthwise {
    pub(super) const fn fits(spec: &ConvolutionSpec) -> bool {
        spec.groups > 1 && spec.groups == spec.channels && spec.groups == spec.filters
    }

    pub(super) fn new(spec: ConvolutionSpec, weights: &[f32]) -> Self {
        let (channels, taps) = (spec.channels, spec.taps());
        let mut packed = Buffer::zeroed(taps * channels);
        for channel in 0..channels {
            for tap in 0..taps {
                packed[tap * channels + channel] = weights[channel * taps + tap];
            }
        }
        Self { spec, weights: packed, zeros: Buffer::zeroed(channels) }
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.weights)
    }

    pub(super) fn run(&self, call: &Call<'_>, out: &mut [f32]) {
        let unit = Unit::current();
        let line = call.output[1] * self.spec.channels;
        let cost = Cost::per_item(line * (self.spec.taps() + 2) / unit.lanes() + 8);
        parallel::for_each_chunk(out, line, cost, |first, out| {
            unit.run(Lines { method: self, call, first, out });
        });
    }
}

/// Lines of the output, over all images.
struct Lines<'a> {
    method: &'a Depthwise,
    call: &'a Call<'a>,
    /// The first line.
    first: usize,
    out: &'a mut [f32],
}

impl Kernel for Lines<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { method, call, first, out } = self;
        let channels = method.spec.channels;
        let width = call.output[1];
        let same = method.spec.dilations[1] == 1 && method.spec.kernel == [3, 3];
        for (index, line) in out.chunks_exact_mut(width * channels).enumerate() {
            let (image, y) = ((first + index) / call.output[0], (first + index) % call.output[0]);
            let line = Line { method, call, image, y, out: line };
            match method.spec.strides[1] {
                1 if same => line.run::<S, 1>(simd, (first + index) * width),
                2 if same => line.run::<S, 2>(simd, (first + index) * width),
                _ => line.run_any(simd, (first + index) * width),
            }
        }
    }
}

struct Line<'a> {
    method: &'a Depthwise,
    call: &'a Call<'a>,
    image: usize,
    y: usize,
    out: &'a mut [f32],
}

impl Line<'_> {
    /// Kernels of 3×3: pixels that several outputs see are read once.
    #[inline(always)]
    fn run<S: Simd, const STRIDE: usize>(self, simd: S, first: usize) {
        let channels = self.method.spec.channels;
        let width = self.call.output[1];
        let mut x = 0;
        while x < width {
            let count = PIXELS.min(width - x);
            let columns: [[*const f32; 9]; 3] =
                std::array::from_fn(|row| std::array::from_fn(|column| self.pixel(row, x * STRIDE + column)));
            for channel in (0..channels).step_by(S::LANES) {
                let lanes = S::LANES.min(channels - channel);
                let mut sums = [simd.zero(); PIXELS];
                for row in 0..3 {
                    let weights: [S::Float; 3] = std::array::from_fn(|column| {
                        simd.load(&self.method.weights[(row * 3 + column) * channels + channel..][..lanes])
                    });
                    for column in 0..(PIXELS - 1) * STRIDE + 3 {
                        // SAFETY: a pixel has as many numbers as there are channels.
                        let pixel = unsafe { std::slice::from_raw_parts(columns[row][column].add(channel), lanes) };
                        let pixel = simd.load(pixel);
                        for (index, sum) in sums.iter_mut().enumerate() {
                            if column >= index * STRIDE && column < index * STRIDE + 3 {
                                *sum = simd.mul_add(pixel, weights[column - index * STRIDE], *sum);
                            }
                        }
                    }
                }
                for (index, sum) in sums.into_iter().enumerate().take(count) {
                    let at = (x + index) * channels + channel;
                    let from = first * channels + at;
                    let out = &mut self.out[at..at + lanes];
                    finish(simd, &self.call.epilogue, sum, channel, from, out);
                }
            }
            x += count;
        }
        apply(simd, self.call.epilogue.activation, self.out);
    }

    /// Any kernel.
    #[inline(always)]
    fn run_any<S: Simd>(self, simd: S, first: usize) {
        let spec = &self.method.spec;
        let channels = spec.channels;
        for x in 0..self.call.output[1] {
            for channel in (0..channels).step_by(S::LANES) {
                let lanes = S::LANES.min(channels - channel);
                let mut sum = simd.zero();
                for tap in 0..spec.taps() {
                    let (row, column) = (tap / spec.kernel[1], tap % spec.kernel[1]);
                    let pixel = self.pixel(row, x * spec.strides[1] + column * spec.dilations[1]);
                    // SAFETY: a pixel has as many numbers as there are channels.
                    let pixel = unsafe { std::slice::from_raw_parts(pixel.add(channel), lanes) };
                    let weights = &self.method.weights[tap * channels + channel..][..lanes];
                    sum = simd.mul_add(simd.load(pixel), simd.load(weights), sum);
                }
                let at = x * channels + channel;
                let from = first * channels + at;
                finish(simd, &self.call.epilogue, sum, channel, from, &mut self.out[at..at + lanes]);
            }
        }
        apply(simd, self.call.epilogue.activation, self.out);
    }

    /// The pixel that row `row` of the kernel meets, `x` columns from the left edge of the padded image.
    #[inline(always)]
    fn pixel(&self, row: usize, x: usize) -> *const f32 {
        let ConvolutionSpec { strides, dilations, pads, channels, .. } = self.method.spec;
        let y = (self.y * strides[0] + row * dilations[0]).wrapping_sub(pads[0]);
        let x = x.wrapping_sub(pads[1]);
        if y < self.call.size[0] && x < self.call.size[1] {
            let pixel = (self.image * self.call.size[0] + y) * self.call.size[1] + x;
            self.call.input[pixel * channels..].as_ptr()
        } else {
            self.method.zeros.as_ptr()
        }
    }
}

/// Adds bias and residual, and stores the sum.
#[inline(always)]
fn finish<S: Simd>(simd: S, epilogue: &Epilogue<'_>, mut sum: S::Float, channel: usize, from: usize, out: &mut [f32]) {
    if let Some(bias) = epilogue.bias {
        sum = simd.add(sum, simd.load(&bias[channel..channel + out.len()]));
    }
    if let Some(residual) = epilogue.residual {
        sum = simd.add(sum, simd.load(&residual[from..from + out.len()]));
    }
    simd.store(out, sum);
}
