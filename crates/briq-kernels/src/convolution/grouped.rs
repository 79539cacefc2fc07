//! Convolutions in groups of few channels: a register runs across the filters of as many groups as fit.
//!
//! The channels of these groups fit into a register as well. For each position of a group's channels, a permutation brings
//! the channel that each filter sees to the filter's lane, and serves all columns of the kernel that meet the pixel. With one
//! filter for each channel there is nothing to permute.

use std::ops::Range;

use super::line::{Line, Pixels};
use super::{Call, ConvolutionSpec};
use crate::buffer::Buffer;
use crate::parallel::{self, Cost};
use crate::simd::{Kernel, Simd, Unit};
use crate::weights::Weights;

/// Output pixels that are computed at once: with as many sums, four weights and a pixel, sixteen registers are enough.
const PIXELS: usize = 8;
/// The same where no more are left of a line.
const FEW_PIXELS: usize = 4;
/// The most lanes of a register.
const MOST_LANES: usize = 16;

/// A convolution in groups, several of which share a register.
#[derive(Clone, Debug)]
pub(super) struct Grouped {
    spec: ConvolutionSpec,
    /// The unit whose registers the weights are arranged for.
    unit: Unit,
    /// For each block, row of the kernel, channel of a group and column of the kernel: a weight of each filter.
    weights: Buffer,
    /// For each channel of a group, where in a register the filters find it.
    channels: Vec<[u32; MOST_LANES]>,
    zeros: Buffer,
}

/// The filters of one register.
#[derive(Clone, Copy)]
struct Block {
    /// Its groups.
    first: usize,
    groups: usize,
}

impl Grouped {
    /// Whether this is faster than a matrix product for each group: several groups fit into a register of the current unit,
    /// or one does and what was permuted is used for several columns of the kernel.
    pub(super) fn fits(spec: &ConvolutionSpec) -> bool {
        let shared = spec.kernel[1] > 1 && spec.dilations[1] == 1 && spec.strides[1] <= 2;
        spec.groups > 1 && groups_in_register(spec, Unit::current()) > usize::from(!shared)
    }

    pub(super) fn new(spec: ConvolutionSpec, weights: Weights<'_>) -> Self {
        let unit = Unit::current();
        let mut packed = Buffer::lasting(spec.filters * spec.depth());
        let mut numbers = packed.iter_mut();
        for block in blocks(&spec, unit) {
            let filters = block.filters(&spec);
            each_tap(&spec, |tap| {
                for (filter, number) in filters.clone().zip(&mut numbers) {
                    *number = weights.numbers[filter * spec.depth() + tap] * weights.factor(filter);
                }
            });
        }
        packed.settle();
        let channels = (0..spec.channels / spec.groups).map(|channel| lanes(&spec, channel)).collect();
        Self { spec, unit, weights: packed, channels, zeros: Buffer::zeroed(spec.channels) }
    }

    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.weights)
    }

    pub(super) fn run(&self, call: &Call<'_>, out: &mut [f32]) {
        let line = call.output[1] * self.spec.filters;
        let cost = Cost::per_item(line * (self.spec.depth() + 2) / self.unit.lanes() + 8);
        parallel::for_each_chunk(out, line, cost, |first, out| {
            self.unit.run(Lines { method: self, call, first, out });
        });
    }
}

/// How many groups have their filters in one register and their channels in one.
const fn groups_in_register(spec: &ConvolutionSpec, unit: Unit) -> usize {
    let widest = if spec.filters > spec.channels { spec.filters } else { spec.channels };
    unit.lanes() / (widest / spec.groups)
}

fn blocks(spec: &ConvolutionSpec, unit: Unit) -> impl Iterator<Item = Block> + use<> {
    let (groups, most) = (spec.groups, groups_in_register(spec, unit));
    (0..groups).step_by(most).map(move |first| Block { first, groups: most.min(groups - first) })
}

impl Block {
    const fn filters(self, spec: &ConvolutionSpec) -> Range<usize> {
        let filters = spec.filters / spec.groups;
        self.first * filters..(self.first + self.groups) * filters
    }

    const fn channels(self, spec: &ConvolutionSpec) -> Range<usize> {
        let channels = spec.channels / spec.groups;
        self.first * channels..(self.first + self.groups) * channels
    }
}

/// Where a filter's weights lie, in the order in which they are used: by row, channel, column.
fn each_tap(spec: &ConvolutionSpec, mut work: impl FnMut(usize)) {
    let [height, width] = spec.kernel;
    for row in 0..height {
        for channel in 0..spec.channels / spec.groups {
            (0..width).for_each(|column| work((channel * height + row) * width + column));
        }
    }
}

/// For each lane of a block's filters, the lane of the block's channels that has the group's channel `channel`.
fn lanes(spec: &ConvolutionSpec, channel: usize) -> [u32; MOST_LANES] {
    let (filters, channels) = (spec.filters / spec.groups, spec.channels / spec.groups);
    let lane = |lane: usize| (lane / filters * channels + channel) % MOST_LANES;
    std::array::from_fn(|filter| u32::try_from(lane(filter)).expect("a lane of a register"))
}

/// Lines of the output, over all images.
struct Lines<'a> {
    method: &'a Grouped,
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
        let mut table = vec![std::ptr::null(); spec.kernel[0] * span(spec)];
        for (index, out) in out.chunks_exact_mut(call.output[1] * spec.filters).enumerate() {
            let line = Line::new(spec, call, &method.zeros, first + index);
            for x in (0..call.output[1]).step_by(PIXELS) {
                if call.output[1] - x > FEW_PIXELS {
                    run_pixels::<S, PIXELS>(simd, method, &line, x, &mut table, out);
                } else {
                    run_pixels::<S, FEW_PIXELS>(simd, method, &line, x, &mut table, out);
                }
            }
            line.activate(simd, out);
        }
    }
}

/// `P` pixels of a line, from `x` on.
#[inline(always)]
fn run_pixels<S: Simd, const P: usize>(
    simd: S,
    method: &Grouped,
    line: &Line<'_>,
    x: usize,
    table: &mut [*const f32],
    out: &mut [f32],
) {
    let (span, rows, pixels) = (span(&method.spec), line.rows(), line.pixels(x, P));
    for (row, table) in rows.clone().zip(table.chunks_exact_mut(span)) {
        line.locate(row, pixels.x * method.spec.strides[1], table);
    }
    Group::<P> { method, line, pixels, rows, table, span }.run(simd, out);
}

/// From the first pixel of a line of the input that neighbouring pixels of the output meet, to the last.
const fn span(spec: &ConvolutionSpec) -> usize {
    (PIXELS - 1) * spec.strides[1] + (spec.kernel[1] - 1) * spec.dilations[1] + 1
}

/// Neighbouring pixels of a line, and all that they meet.
struct Group<'a, const P: usize> {
    method: &'a Grouped,
    line: &'a Line<'a>,
    pixels: Pixels,
    /// The rows of the kernel that meet the image.
    rows: Range<usize>,
    /// For each of these rows, where the pixels lie from the first to the last that is met.
    table: &'a [*const f32],
    /// Pixels of one row.
    span: usize,
}

impl<const P: usize> Group<'_, P> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, out: &mut [f32]) {
        let spec = &self.method.spec;
        let alone = spec.depth() == spec.taps() && spec.filters == spec.channels;
        match (spec.strides[1], spec.dilations[1], alone) {
            (1, 1, true) => self.run_blocks::<S, 1, false>(simd, out),
            (1, 1, false) => self.run_blocks::<S, 1, true>(simd, out),
            (2, 1, true) => self.run_blocks::<S, 2, false>(simd, out),
            (2, 1, false) => self.run_blocks::<S, 2, true>(simd, out),
            (_, _, true) => self.run_blocks::<S, 0, false>(simd, out),
            (_, _, false) => self.run_blocks::<S, 0, true>(simd, out),
        }
    }

    /// `STRIDE` is that of columns that are next to one another, and 0 for any other.
    #[inline(always)]
    fn run_blocks<S: Simd, const STRIDE: usize, const PERMUTED: bool>(&self, simd: S, out: &mut [f32]) {
        let spec = &self.method.spec;
        for block in blocks(spec, S::UNIT) {
            let (filters, channels) = (block.filters(spec), block.channels(spec));
            let sums = Sums { group: self, channel: channels.start, filter: filters.start, lanes: filters.len() };
            // SAFETY: a pixel has as many numbers as there are channels, each tap a weight of each filter, and the masks
            // have no more lanes than the block has channels or filters.
            unsafe {
                if filters.len() == S::LANES && channels.start + S::LANES <= spec.channels {
                    let load = |from| simd.load_at(from);
                    let total = sums.sum::<S, STRIDE, PERMUTED>(simd, load, load);
                    let store = |to, sum| simd.store_at(to, sum);
                    self.line.finish(simd, total, (&self.pixels, filters.start), load, store, out);
                } else {
                    let (inputs, outputs) = (simd.first(channels.len()), simd.first(filters.len()));
                    let load = |from| simd.load_masked_at(from, outputs);
                    let total = sums.sum::<S, STRIDE, PERMUTED>(simd, |from| simd.load_masked_at(from, inputs), load);
                    let store = |to, sum| simd.store_masked_at(to, outputs, sum);
                    self.line.finish(simd, total, (&self.pixels, filters.start), load, store, out);
                }
            }
        }
    }
}

/// The sums of one register of filters.
struct Sums<'a, const P: usize> {
    group: &'a Group<'a, P>,
    /// The first channel.
    channel: usize,
    /// The first filter.
    filter: usize,
    /// Filters: weights from one tap to the next.
    lanes: usize,
}

impl<const P: usize> Sums<'_, P> {
    /// # Safety
    /// `pixel` reads no further than the channels go, and `weight` no further than the filters.
    #[inline(always)]
    unsafe fn sum<S: Simd, const STRIDE: usize, const PERMUTED: bool>(
        &self,
        simd: S,
        pixel: impl Fn(*const f32) -> S::Float,
        weight: impl Fn(*const f32) -> S::Float,
    ) -> [S::Float; P] {
        let Group { method, rows, table, span, .. } = self.group;
        let spec = &method.spec;
        let (width, channels) = (spec.kernel[1], method.channels.len());
        let first = self.filter * spec.depth() + rows.start * channels * width * self.lanes;
        let mut weights = method.weights[first..].as_ptr();
        let mut sums = [simd.zero(); P];
        for table in table.chunks_exact(*span).take(rows.len()) {
            for lanes in &method.channels {
                let lanes = simd.lanes(lanes);
                let load = |at: usize| {
                    // SAFETY: `locate` has filled the row's part of the table.
                    let number = pixel(unsafe { table.get_unchecked(at).add(self.channel) });
                    if PERMUTED { simd.permute(number, lanes) } else { number }
                };
                // SAFETY: there is a weight for each column of the kernel.
                let next = |tap: usize| weight(unsafe { weights.add(tap * self.lanes) });
                add_row::<S, P, STRIDE>(simd, spec, load, next, &mut sums);
                // SAFETY: these taps' weights lie there, and those of others or their end follows.
                weights = unsafe { weights.add(width * self.lanes) };
            }
        }
        sums
    }
}

/// Adds a row of the kernel.
#[inline(always)]
fn add_row<S: Simd, const P: usize, const STRIDE: usize>(
    simd: S,
    spec: &ConvolutionSpec,
    pixel: impl Fn(usize) -> S::Float,
    weight: impl Fn(usize) -> S::Float,
    sums: &mut [S::Float; P],
) {
    let (width, stride, dilation) = (spec.kernel[1], spec.strides[1], spec.dilations[1]);
    if STRIDE == 0 {
        for column in 0..width {
            add_apart(simd, stride, |at| pixel(column * dilation + at), weight(column), sums);
        }
        return;
    }
    let mut column = 0;
    while column < width {
        let (pixel, weight) = (|at| pixel(column + at), |tap| weight(column + tap));
        column += match width - column {
            1 => add::<S, P, STRIDE, 1>(simd, pixel, weight, sums),
            2 => add::<S, P, STRIDE, 2>(simd, pixel, weight, sums),
            3 => add::<S, P, STRIDE, 3>(simd, pixel, weight, sums),
            _ => add::<S, P, STRIDE, 4>(simd, pixel, weight, sums),
        };
    }
}

/// Does the same for each position from which a sum may take pixels, written out one by one: in a loop that is left rolled,
/// the sums would go through memory.
macro_rules! each_position {
    ($position:ident => $body:expr) => { each_position!(@ $position, $body, 0 1 2 3 4 5 6 7 8 9 10) };
    (@ $position:ident, $body:expr, $($index:literal)*) => {
        $({
            const $position: usize = $index;
            $body;
        })*
    };
}

/// Adds `TAPS` neighbouring columns of the kernel, so that each pixel is read once for all of them. Returns `TAPS`.
#[inline(always)]
fn add<S: Simd, const P: usize, const STRIDE: usize, const TAPS: usize>(
    simd: S,
    pixel: impl Fn(usize) -> S::Float,
    weight: impl Fn(usize) -> S::Float,
    sums: &mut [S::Float; P],
) -> usize {
    let weights: [S::Float; TAPS] = std::array::from_fn(weight);
    each_position!(POSITION => {
        for phase in 0..STRIDE.min(TAPS) {
            // The last column with this phase, and the last sum, that the pixel meets.
            if POSITION < P + (TAPS - 1 - phase) / STRIDE {
                let pixel = pixel(POSITION * STRIDE + phase);
                for tap in (phase..TAPS).step_by(STRIDE) {
                    if let Some(sum) = POSITION.checked_sub(tap / STRIDE).and_then(|index| sums.get_mut(index)) {
                        *sum = simd.mul_add(pixel, weights[tap], *sum);
                    }
                }
            }
        }
    });
    TAPS
}

/// Adds one column of the kernel.
#[inline(always)]
fn add_apart<S: Simd, const P: usize>(
    simd: S,
    stride: usize,
    pixel: impl Fn(usize) -> S::Float,
    weight: S::Float,
    sums: &mut [S::Float; P],
) {
    for (index, sum) in sums.iter_mut().enumerate() {
        *sum = simd.mul_add(pixel(index * stride), weight, *sum);
    }
}
