//! Convolutions with one filter for each channel: no sums over channels, so registers run across channels.

use std::ops::Range;

use super::{Call, ConvolutionSpec};
use crate::activation::apply;
use crate::buffer::Buffer;
use crate::matrix::bounds;
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
        spec.groups > 1 && spec.groups == spec.channels && spec.groups == spec.filters
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
        let width = call.output[1] * spec.channels;
        for (index, out) in out.chunks_exact_mut(width).enumerate() {
            let (image, y) = ((first + index) / call.output[0], (first + index) % call.output[0]);
            let line = Line { method, call, image, y, start: (first + index) * width };
            match (spec.kernel, spec.strides[1], spec.dilations[1]) {
                ([3, 3], 1, 1) => line.run::<S, 3, 1>(simd, out),
                ([3, 3], 2, 1) => line.run::<S, 3, 2>(simd, out),
                ([5, 5], 1, 1) => line.run::<S, 5, 1>(simd, out),
                ([5, 5], 2, 1) => line.run::<S, 5, 2>(simd, out),
                _ => line.run_any(simd, out),
            }
            if bounds(call.epilogue.activation).is_none() {
                apply(simd, call.epilogue.activation, out);
            }
        }
    }
}

/// One line of the output.
struct Line<'a> {
    method: &'a Depthwise,
    call: &'a Call<'a>,
    image: usize,
    y: usize,
    /// Where the line starts in the output.
    start: usize,
}

impl Line<'_> {
    /// Kernels of `K × K`: pixels that several outputs see are read once.
    #[inline(always)]
    fn run<S: Simd, const K: usize, const STRIDE: usize>(&self, simd: S, out: &mut [f32]) {
        let (width, columns) = (self.call.output[1], (PIXELS - 1) * STRIDE + K);
        let (rows, left) = (self.rows(), self.method.spec.pads[1]);
        let mut x = 0;
        while x < width {
            let count = PIXELS.min(width - x);
            // What is left at the end of a line is computed again with what lies before it.
            let from = if count < PIXELS && width >= PIXELS { width - PIXELS } else { x };
            let column = from * STRIDE;
            let group = Group { line: self, x: from, count: PIXELS.min(width), rows: rows.clone() };
            if column >= left && column - left + columns <= self.call.size[1] {
                let first = self.pixel(rows.start, column);
                let (across, down) = (self.method.spec.channels, self.call.size[1] * self.method.spec.channels);
                let down = down * self.method.spec.dilations[0];
                let start = rows.start;
                // SAFETY: the columns and the rows are inside the image.
                let at = |row: usize, column: usize| unsafe { first.add((row - start) * down + column * across) };
                group.run::<S, K, STRIDE>(simd, at, out);
            } else {
                let mut table = [[std::ptr::null(); MOST_COLUMNS]; K];
                for row in rows.clone() {
                    for (index, pointer) in table[row][..columns].iter_mut().enumerate() {
                        *pointer = self.pixel(row, column + index);
                    }
                }
                group.run::<S, K, STRIDE>(simd, |row, column| table[row][column], out);
            }
            x += PIXELS;
        }
    }

    /// Any kernel.
    #[inline(always)]
    fn run_any<S: Simd>(&self, simd: S, out: &mut [f32]) {
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
                self.finish(simd, sum, channel, x * channels + channel, lanes, out);
            }
        }
    }

    /// The rows of the kernel that meet the image.
    #[inline(always)]
    fn rows(&self) -> Range<usize> {
        let ConvolutionSpec { kernel, strides, dilations, pads, .. } = self.method.spec;
        let before =
            |position: usize| position.saturating_sub(self.y * strides[0]).div_ceil(dilations[0]).min(kernel[0]);
        before(pads[0])..before(pads[0] + self.call.size[0])
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

    /// Adds bias and residual, bounds the sum where the activation does nothing else, and stores it at `at` of the line.
    #[inline(always)]
    fn finish<S: Simd>(&self, simd: S, mut sum: S::Float, channel: usize, at: usize, lanes: usize, out: &mut [f32]) {
        let epilogue = &self.call.epilogue;
        if let Some(bias) = epilogue.bias {
            sum = simd.add(sum, simd.load(&bias[channel..channel + lanes]));
        }
        if let Some(residual) = epilogue.residual {
            sum = simd.add(sum, simd.load(&residual[self.start + at..self.start + at + lanes]));
        }
        if let Some((min, max)) = bounds(epilogue.activation) {
            sum = simd.min(simd.splat(max), simd.max(simd.splat(min), sum));
        }
        simd.store(&mut out[at..at + lanes], sum);
    }
}

/// Neighbouring pixels of a line.
struct Group<'a> {
    line: &'a Line<'a>,
    /// The first one.
    x: usize,
    /// How many of them exist.
    count: usize,
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
        let channels = self.line.method.spec.channels;
        let whole = channels / S::LANES * S::LANES;
        for channel in (0..whole).step_by(S::LANES) {
            // SAFETY: there are so many channels.
            unsafe {
                let load = |from| simd.load_at(from);
                let sums = self.sum::<S, K, STRIDE>(simd, channel, &at, load);
                self.finish(simd, sums, channel, load, |to, sum| simd.store_at(to, sum), out);
            }
        }
        if whole < channels {
            let mask = simd.first(channels - whole);
            // SAFETY: the mask has the channels that are left.
            unsafe {
                let load = |from| simd.load_masked_at(from, mask);
                let sums = self.sum::<S, K, STRIDE>(simd, whole, &at, load);
                self.finish(simd, sums, whole, load, |to, sum| simd.store_masked_at(to, mask, sum), out);
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
        let channels = self.line.method.spec.channels;
        let mut sums = [simd.zero(); PIXELS];
        for row in self.rows.clone() {
            // SAFETY: there is a weight for each tap and channel, and a pixel has as many numbers as there are channels.
            let (weights, pixels) = unsafe {
                let weights = self.line.method.weights.as_ptr().add(row * K * channels + channel);
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

    /// Adds bias and residual, bounds the sums where the activation does nothing else, and stores them.
    ///
    /// # Safety
    /// `load` and `store` reach no further than the channels go.
    #[inline(always)]
    unsafe fn finish<S: Simd>(
        &self,
        simd: S,
        sums: [S::Float; PIXELS],
        channel: usize,
        load: impl Fn(*const f32) -> S::Float,
        store: impl Fn(*mut f32, S::Float),
        out: &mut [f32],
    ) {
        let (channels, epilogue) = (self.line.method.spec.channels, &self.line.call.epilogue);
        let (min, max) = bounds(epilogue.activation).unwrap_or((f32::NEG_INFINITY, f32::INFINITY));
        let (min, max) = (simd.splat(min), simd.splat(max));
        let bias = epilogue.bias.map_or(simd.zero(), |bias| load(bias[channel..].as_ptr()));
        let start = self.x * channels + channel;
        let out = out[start..].as_mut_ptr();
        let residual = epilogue.residual.map(|residual| residual[self.line.start + start..].as_ptr());
        for (index, sum) in sums.into_iter().enumerate() {
            if index < self.count {
                let mut sum = simd.add(sum, bias);
                if let Some(residual) = residual {
                    // SAFETY: the residual is as long as the output.
                    sum = simd.add(sum, load(unsafe { residual.add(index * channels) }));
                }
                // SAFETY: the group's pixels are in the line.
                store(unsafe { out.add(index * channels) }, simd.min(max, simd.max(min, sum)));
            }
        }
    }
}
