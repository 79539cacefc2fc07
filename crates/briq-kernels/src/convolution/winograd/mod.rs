//! Kernels of 3×3 by Winograd's minimal filtering: fewer multiplications, more additions.
//!
//! The image is cut into tiles of `m × m` output pixels. Each tile's input is transformed to `(m + 2)²` points; for each
//! point the tiles' channels are multiplied with a matrix of transformed weights; and the products are transformed to
//! output pixels. A tile of four costs 36 multiplications where 144 are needed directly, a tile of two 16 for 36.

#![expect(clippy::needless_range_loop, reason = "the points are a square, which is met by row and by column")]

mod transform;

use std::marker::PhantomData;
use std::ops::Range;

use transform::{Four, MOST, Transform, Two};

use super::{Call, ConvolutionSpec, Tiling};
use crate::activation::{Activation, apply};
use crate::buffer::{Buffer, LINE, Scratch};
use crate::epilogue::Epilogue;
use crate::matrix::{PackedMatrix, PanelMut, Product, Strided, bounds};
use crate::parallel::{self, Cost, SharedMut};
use crate::simd::{Kernel, Simd};
use crate::weights::Weights;

/// Channels and filters from which the transforms cost less than they save.
const FEWEST: usize = 16;
/// Channels up to which tiles of four round about as well as a direct sum does.
const MOST_OF_FOUR: usize = 256;
/// Tiles that are transformed, multiplied and transformed back before the next: at least, and at most.
const BLOCK: [usize; 2] = [48, 192];
/// Tiles that are worth a thread of their own; fewer are shared, point by point.
const SMALLEST_BLOCK: usize = 24;

/// A convolution with transformed weights: one matrix for each point.
#[derive(Clone, Debug)]
pub(super) struct Winograd {
    spec: ConvolutionSpec,
    points: Vec<PackedMatrix>,
    outputs: usize,
    zeros: Buffer,
}

impl Winograd {
    /// The largest tiles that compute a convolution well.
    pub(super) fn tiling(spec: &ConvolutionSpec) -> Tiling {
        let plain = spec.groups == 1 && spec.kernel == [3, 3] && spec.strides == [1, 1] && spec.dilations == [1, 1];
        if !plain || spec.channels < FEWEST || spec.filters < FEWEST {
            return Tiling::None;
        }
        if spec.channels <= MOST_OF_FOUR { Tiling::Four } else { Tiling::Two }
    }

    /// Transforms weights for tiles of four, or else of two.
    pub(super) fn new(spec: ConvolutionSpec, weights: Weights<'_>, four: bool) -> Self {
        let (points, outputs) = if four {
            (transform_weights::<Four>(&spec, &weights), Four::OUTPUTS)
        } else {
            (transform_weights::<Two>(&spec, &weights), Two::OUTPUTS)
        };
        Self { spec, points, outputs, zeros: Buffer::zeroed(spec.channels) }
    }

    pub(super) fn bytes(&self) -> usize {
        self.points.iter().map(PackedMatrix::bytes).sum()
    }

    pub(super) fn run(&self, call: &Call<'_>, out: &mut [f32]) {
        match self.outputs {
            Two::OUTPUTS => self.run_with::<Two>(call, out),
            _ => self.run_with::<Four>(call, out),
        }
    }

    fn run_with<T: Transform>(&self, call: &Call<'_>, out: &mut [f32]) {
        let job =
            Job { method: self, call, out: SharedMut::new(out), grid: call.output.map(|n| n.div_ceil(T::OUTPUTS)) };
        let tiles = call.batch * job.grid[0] * job.grid[1];
        let steps = tiles * self.bytes() / 4 / self.points[0].unit().lanes();
        let threads = if Cost::per_item(1).pieces(steps) == 1 { 1 } else { rayon::current_num_threads() };
        let share = |index: usize, of: usize| index * tiles / of..(index + 1) * tiles / of;
        let blocks = tiles.div_ceil(self.block());
        if threads == 1 {
            (0..blocks).for_each(|index| job.block::<T>(share(index, blocks), false));
        } else if tiles >= threads * SMALLEST_BLOCK {
            // Each thread has tiles of its own, in scratch of its own.
            let blocks = blocks.next_multiple_of(threads);
            parallel::for_each_piece(blocks, |index| job.block::<T>(share(index, blocks), false));
        } else {
            job.block::<T>(0..tiles, true);
        }
    }

    /// Tiles whose points are about as many numbers as the matrices hold: what is read again for each block is then
    /// about as much as what is written for it.
    fn block(&self) -> usize {
        let ConvolutionSpec { channels, filters, .. } = self.spec;
        (channels * filters / (channels + filters)).clamp(BLOCK[0], BLOCK[1])
    }
}

/// The matrices of all points, `channels × filters` each, written where products read them.
fn transform_weights<T: Transform>(spec: &ConvolutionSpec, weights: &Weights<'_>) -> Vec<PackedMatrix> {
    let (count, pack) = (T::POINTS * T::POINTS, || PackedMatrix::zeroed(spec.channels, spec.filters));
    let mut points: Vec<PackedMatrix> = (0..count).map(|_| pack()).collect();
    for index in 0..points[0].panel_count() {
        let mut panels: Vec<PanelMut<'_>> = points.iter_mut().map(|point| point.panel_mut(index)).collect();
        let (first, filters, width) = (panels[0].column, panels[0].columns, panels[0].width);
        for channel in 0..spec.channels {
            for filter in 0..filters {
                let kernel = &weights.numbers[((first + filter) * spec.channels + channel) * 9..][..9];
                transform_kernel::<T>(kernel, weights.factor(first + filter), |point, number| {
                    panels[point].values[channel * width + filter] = number
                });
            }
        }
    }
    points.into_iter().map(PackedMatrix::settled).collect()
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "rounded to single precision once")]
fn transform_kernel<T: Transform>(kernel: &[f32], factor: f32, mut put: impl FnMut(usize, f32)) {
    let rows: [[f64; MOST]; 3] = std::array::from_fn(|row| {
        T::weights(std::array::from_fn(|column| f64::from(kernel[row * 3 + column] * factor)))
    });
    for across in 0..T::POINTS {
        let column = T::weights([rows[0][across], rows[1][across], rows[2][across]]);
        for down in 0..T::POINTS {
            put(down * T::POINTS + across, column[down] as f32);
        }
    }
}

/// One call.
struct Job<'a> {
    method: &'a Winograd,
    call: &'a Call<'a>,
    out: SharedMut<'a>,
    /// Tiles down and across an image.
    grid: [usize; 2],
}

impl Job<'_> {
    /// Computes some tiles. `spread` says whether several threads share each step.
    fn block<T: Transform>(&self, tiles: Range<usize>, spread: bool) {
        let spec = &self.method.spec;
        let count = T::POINTS * T::POINTS;
        // The extra line keeps the points' rows from falling into the same sets of a cache.
        let input_stride = tiles.len() * spec.channels.next_multiple_of(LINE) + LINE;
        let output_stride = tiles.len() * spec.filters.next_multiple_of(LINE) + LINE;
        let mut inputs = Scratch::take(count * input_stride);
        let mut outputs = Scratch::take(count * output_stride);
        let unit = self.method.points[0].unit();
        let each = |pieces: usize, work: &(dyn Fn(usize) + Sync)| {
            if spread { parallel::for_each_piece(pieces, work) } else { (0..pieces).for_each(work) }
        };
        let parts = if spread { tiles.len().min(8) } else { 1 };
        let part =
            |index: usize| tiles.start + index * tiles.len() / parts..tiles.start + (index + 1) * tiles.len() / parts;
        let shared = SharedMut::new(&mut inputs);
        each(parts, &|index| {
            let (tiles, first) = (part(index), tiles.start);
            unit.run(Input::<T> {
                job: self,
                tiles,
                first,
                points: shared,
                stride: input_stride,
                transform: PhantomData,
            });
        });
        let shared = SharedMut::new(&mut outputs);
        each(count, &|point| {
            self.multiply(point, tiles.len(), &inputs[point * input_stride..], point * output_stride, shared)
        });
        each(parts, &|index| {
            let (tiles, first) = (part(index), tiles.start);
            unit.run(Output::<T> {
                job: self,
                tiles,
                first,
                points: &outputs,
                stride: output_stride,
                transform: PhantomData,
            });
        });
    }

    /// One point of all tiles times its matrix.
    fn multiply(&self, point: usize, tiles: usize, input: &[f32], start: usize, out: SharedMut<'_>) {
        let matrix = &self.method.points[point];
        let stride = matrix.columns();
        let product = Product {
            rows: Strided { values: input, stride: matrix.rows() },
            count: tiles,
            taps: 1,
            depth: matrix.rows(),
            matrix,
            epilogue: Epilogue::NONE,
            stride,
            column: 0,
        };
        // SAFETY: each point has its own part, and is handed out once.
        product.run_here(SharedMut::new(unsafe { out.slice(start, tiles * stride) }));
    }

    /// Image, row and column of a tile.
    #[inline(always)]
    const fn place(&self, tile: usize) -> [usize; 3] {
        let [height, width] = self.grid;
        [tile / (height * width), tile / width % height, tile % width]
    }
}

/// The transform of the input of some tiles.
struct Input<'a, T> {
    job: &'a Job<'a>,
    tiles: Range<usize>,
    /// The first tile of the block.
    first: usize,
    points: SharedMut<'a>,
    /// Numbers from one point to the next.
    stride: usize,
    transform: PhantomData<T>,
}

impl<T: Transform> Kernel for Input<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let channels = self.job.method.spec.channels;
        for tile in self.tiles.clone() {
            let pixels = self.pixels(tile);
            let out = (tile - self.first) * channels;
            for channel in (0..channels).step_by(S::LANES) {
                let lanes = S::LANES.min(channels - channel);
                let mut points = [[simd.zero(); MOST]; MOST];
                for row in 0..T::POINTS {
                    let mut line = [simd.zero(); MOST];
                    for column in 0..T::POINTS {
                        // SAFETY: a pixel has as many numbers as there are channels.
                        let pixel = unsafe { std::slice::from_raw_parts(pixels[row][column].add(channel), lanes) };
                        line[column] = simd.load(pixel);
                    }
                    points[row] = T::input(simd, line);
                }
                for column in 0..T::POINTS {
                    let line = T::input(simd, std::array::from_fn(|row| points[row][column]));
                    for row in 0..T::POINTS {
                        let start = (row * T::POINTS + column) * self.stride + out + channel;
                        // SAFETY: each tile has its own part of each point, and is handed out once.
                        simd.store(unsafe { self.points.slice(start, lanes) }, line[row]);
                    }
                }
            }
        }
    }
}

impl<T: Transform> Input<'_, T> {
    /// Where the tile's pixels lie; those outside of the image are zeros.
    #[inline(always)]
    fn pixels(&self, tile: usize) -> [[*const f32; MOST]; MOST] {
        let (call, spec) = (self.job.call, &self.job.method.spec);
        let [image, down, across] = self.job.place(tile);
        let [height, width] = call.size;
        std::array::from_fn(|row| {
            let y = (down * T::OUTPUTS + row).wrapping_sub(spec.pads[0]);
            std::array::from_fn(|column| {
                let x = (across * T::OUTPUTS + column).wrapping_sub(spec.pads[1]);
                if y < height && x < width {
                    call.input[((image * height + y) * width + x) * spec.channels..].as_ptr()
                } else {
                    self.job.method.zeros.as_ptr()
                }
            })
        })
    }
}

/// The transform of the products of some tiles to output pixels, and the epilogue.
struct Output<'a, T> {
    job: &'a Job<'a>,
    tiles: Range<usize>,
    first: usize,
    points: &'a [f32],
    stride: usize,
    transform: PhantomData<T>,
}

impl<T: Transform> Kernel for Output<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for tile in self.tiles.clone() {
            let filters = self.job.method.spec.filters;
            for filter in (0..filters).step_by(S::LANES) {
                let lanes = S::LANES.min(filters - filter);
                let mut lines = [[simd.zero(); MOST]; MOST];
                for row in 0..T::POINTS {
                    let mut line = [simd.zero(); MOST];
                    for column in 0..T::POINTS {
                        let start = (row * T::POINTS + column) * self.stride + (tile - self.first) * filters + filter;
                        line[column] = simd.load(&self.points[start..start + lanes]);
                    }
                    lines[row] = T::output(simd, line);
                }
                for column in 0..T::OUTPUTS {
                    let pixels = T::output(simd, std::array::from_fn(|row| lines[row][column]));
                    for row in 0..T::OUTPUTS {
                        self.finish(simd, tile, row, column, filter, pixels[row]);
                    }
                }
            }
            self.activate(simd, tile);
        }
    }
}

impl<T: Transform> Output<'_, T> {
    /// Adds bias and residual, bounds the sum and stores it, unless the pixel is outside of the image.
    #[inline(always)]
    fn finish<S: Simd>(&self, simd: S, tile: usize, row: usize, column: usize, filter: usize, mut sum: S::Float) {
        let (call, filters) = (self.job.call, self.job.method.spec.filters);
        let [image, down, across] = self.job.place(tile);
        let (y, x) = (down * T::OUTPUTS + row, across * T::OUTPUTS + column);
        if y >= call.output[0] || x >= call.output[1] {
            return;
        }
        let start = ((image * call.output[0] + y) * call.output[1] + x) * filters + filter;
        let lanes = S::LANES.min(filters - filter);
        if let Some(bias) = call.epilogue.bias {
            sum = simd.add(sum, simd.load(&bias[filter..filter + lanes]));
        }
        if let Some(residual) = call.epilogue.residual {
            sum = simd.add(sum, simd.load(&residual[start..start + lanes]));
        }
        if let Some((min, max)) = bounds(call.epilogue.activation) {
            sum = simd.min(simd.splat(max), simd.max(simd.splat(min), sum));
        }
        // SAFETY: each tile has its own pixels, and is handed out once.
        simd.store(unsafe { self.job.out.slice(start, lanes) }, sum);
    }

    /// Applies an activation that does more than bound, while the tile's pixels are in the nearest cache.
    #[inline(always)]
    fn activate<S: Simd>(&self, simd: S, tile: usize) {
        let (call, filters) = (self.job.call, self.job.method.spec.filters);
        let activation = call.epilogue.activation;
        if activation == Activation::Identity || bounds(activation).is_some() {
            return;
        }
        let [image, down, across] = self.job.place(tile);
        let x = across * T::OUTPUTS;
        let width = T::OUTPUTS.min(call.output[1] - x);
        for y in (down * T::OUTPUTS..call.output[0]).take(T::OUTPUTS) {
            let start = ((image * call.output[0] + y) * call.output[1] + x) * filters;
            // SAFETY: each tile has its own pixels, and is handed out once.
            apply(simd, activation, unsafe { self.job.out.slice(start, width * filters) });
        }
    }
}
