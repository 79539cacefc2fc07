//! Convolutions of 3×3 and 5×5 with one filter for each channel: no sums over channels, so registers run across channels.

use std::ops::Range;

use super::line::{Line, Pixels};
use super::{Call, ConvolutionSpec};
use crate::buffer::Buffer;
use crate::parallel::{self, Cost};
use crate::simd::{Kernel, Simd, Unit};
use crate::weights::Weights;

/// Output pixels that are computed at once.
const PIXELS: usize = 4;
/// Columns of the input that they meet, at the most: a stride of 2 and a kernel of 5.
const MOST_COLUMNS: usize = (PIXELS - 1) * 2 + 5;

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
        let alone = spec.groups > 1 && spec.groups == spec.channels && spec.groups == spec.filters;
        alone && matches!((spec.kernel, spec.strides[1], spec.dilations[1]), ([3, 3] | [5, 5], 1 | 2, 1))
    }

    pub(super) fn new(spec: ConvolutionSpec, weights: Weights<'_>) -> Self {
        let (channels, taps) = (spec.channels, spec.taps());
        let mut packed = Buffer::zeroed(taps * channels);
        for channel in 0..channels {
            let (factor, kernel) = (weights.factor(channel), &weights.numbers[channel * taps..][..taps]);
            for (tap, weight) in kernel.iter().enumerate() {
                packed[tap * channels + channel] = weight * factor;
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
        let spec = &method.spec;
        for (index, out) in out.chunks_exact_mut(call.output[1] * spec.channels).enumerate() {
            let line = Line::new(spec, call, &method.zeros, first + index);
            match (spec.kernel[0], spec.strides[1]) {
                (3, 1) => run_line::<S, 3, 1>(simd, &line, &method.weights, out),
                (3, _) => run_line::<S, 3, 2>(simd, &line, &method.weights, out),
                (_, 1) => run_line::<S, 5, 1>(simd, &line, &method.weights, out),
                (_, _) => run_line::<S, 5, 2>(simd, &line, &method.weights, out),
            }
            line.activate(simd, out);
        }
    }
}

/// Kernels of `K × K`: pixels that several outputs see are read once.
#[inline(always)]
fn run_line<S: Simd, const K: usize, const STRIDE: usize>(simd: S, line: &Line<'_>, weights: &[f32], out: &mut [f32]) {
    let (spec, call, columns, rows) = (line.spec, line.call, (PIXELS - 1) * STRIDE + K, line.rows());
    for x in (0..call.output[1]).step_by(PIXELS) {
        let pixels = line.pixels(x, PIXELS);
        let (column, left) = (pixels.x * STRIDE, spec.pads[1]);
        let group = Group { line, weights, pixels, rows: rows.clone() };
        if column >= left && column - left + columns <= call.size[1] && !rows.is_empty() {
            let first = line.pixel(rows.start, column);
            let (across, down) = (spec.channels, call.size[1] * spec.channels * spec.dilations[0]);
            let start = rows.start;
            // SAFETY: the columns and the rows are inside the image.
            let at = |row: usize, column: usize| unsafe { first.add((row - start) * down + column * across) };
            group.run::<S, K, STRIDE>(simd, at, out);
        } else {
            let mut table = [[std::ptr::null(); MOST_COLUMNS]; K];
            for row in rows.clone() {
                line.locate(row, column, &mut table[row][..columns]);
            }
            group.run::<S, K, STRIDE>(simd, |row, column| table[row][column], out);
        }
    }
}

/// Neighbouring pixels of a line.
struct Group<'a> {
    line: &'a Line<'a>,
    weights: &'a [f32],
    pixels: Pixels,
    /// The rows of the kernel that meet the image.
    rows: Range<usize>,
}

impl Group<'_> {
    /// `at` says where the numbers of a pixel lie, by row of the kernel and column from the group's first.
    #[inline(always)]
    fn run<S: Simd, const K: usize, const STRIDE: usize>(
        &self,
        simd: S,
        at: impl Fn(usize, usize) -> *const f32,
        out: &mut [f32],
    ) {
        let channels = self.line.spec.channels;
        let whole = channels / S::LANES * S::LANES;
        for channel in (0..whole).step_by(S::LANES) {
            // SAFETY: there are so many channels.
            unsafe {
                let load = |from| simd.load_at(from);
                let sums = self.sum::<S, K, STRIDE>(simd, channel, &at, load);
                let store = |to, sum| simd.store_at(to, sum);
                self.line.finish(simd, sums, (&self.pixels, channel), load, store, out);
            }
        }
        if whole < channels {
            let mask = simd.first(channels - whole);
            // SAFETY: the mask has the channels that are left.
            unsafe {
                let load = |from| simd.load_masked_at(from, mask);
                let sums = self.sum::<S, K, STRIDE>(simd, whole, &at, load);
                let store = |to, sum| simd.store_masked_at(to, mask, sum);
                self.line.finish(simd, sums, (&self.pixels, whole), load, store, out);
            }
        }
    }

    /// The sums of one register of channels.
    ///
    /// # Safety
    /// `load` reads no further than the channels go.
    #[inline(always)]
    unsafe fn sum<S: Simd, const K: usize, const STRIDE: usize>(
        &self,
        simd: S,
        channel: usize,
        at: &impl Fn(usize, usize) -> *const f32,
        load: impl Fn(*const f32) -> S::Float,
    ) -> [S::Float; PIXELS] {
        let channels = self.line.spec.channels;
        let mut sums = [simd.zero(); PIXELS];
        for row in self.rows.clone() {
            // SAFETY: there is a weight for each tap and channel, and a pixel has as many numbers as there are channels.
            let (weights, pixels) = unsafe {
                let weights = self.weights.as_ptr().add(row * K * channels + channel);
                let weights: [S::Float; K] = std::array::from_fn(|column| load(weights.add(column * channels)));
                let pixels: [S::Float; MOST_COLUMNS] = std::array::from_fn(|column| {
                    if column < (PIXELS - 1) * STRIDE + K { load(at(row, column).add(channel)) } else { simd.zero() }
                });
                (weights, pixels)
            };
            for column in 0..K {
                for index in 0..PIXELS {
                    sums[index] = simd.mul_add(pixels[index * STRIDE + column], weights[column], sums[index]);
                }
            }
        }
        sums
    }
}
