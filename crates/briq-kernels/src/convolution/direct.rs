//! Any convolution as a matrix product: each output pixel is a row whose numbers are found by pointers into the image.

use std::ops::Range;

use super::{Call, ConvolutionSpec};
use crate::buffer::{Buffer, Scratch};
use crate::epilogue::Epilogue;
use crate::matrix::{MOST_ROWS, PackedMatrix, Product, Rows, Strided};
use crate::parallel::{self, Cost, SharedMut};
use crate::weights::Weights;

/// Channels below which a whole row of the kernel is one tap, over a copy of the image with zeros around it.
const FEW_CHANNELS: usize = 8;

/// A convolution as a product with one packed matrix for each group.
#[derive(Clone, Debug)]
pub(super) struct Direct {
    spec: ConvolutionSpec,
    groups: Vec<PackedMatrix>,
    /// What pixels outside the image hold.
    zeros: Buffer,
}

impl Direct {
    pub(super) fn new(spec: ConvolutionSpec, weights: Weights<'_>) -> Self {
        let (channels, filters) = (spec.channels / spec.groups, spec.filters / spec.groups);
        let pack =
            |group| PackedMatrix::pack_kernels(weights.group(group, spec.groups), filters, channels, spec.taps());
        Self { spec, groups: (0..spec.groups).map(pack).collect(), zeros: Buffer::zeroed(channels) }
    }

    pub(super) fn bytes(&self) -> usize {
        self.groups.iter().map(PackedMatrix::bytes).sum()
    }

    pub(super) fn run(&self, call: &Call<'_>, out: &mut [f32]) {
        if self.is_pointwise() {
            let rows = Strided { values: call.input, stride: self.spec.channels };
            self.product(rows, call.pixels(), self.spec.channels, 1, 0, call.epilogue).run(SharedMut::new(out));
        } else if self.spec.groups == 1 && self.spec.channels < FEW_CHANNELS && self.spec.dilations[1] == 1 {
            self.run_padded(call, out);
        } else {
            let out = SharedMut::new(out);
            (0..self.spec.groups).for_each(|group| self.run_group(call, group, out));
        }
    }

    /// Whether output pixels are input pixels, so that the image is the left-hand matrix as it lies.
    fn is_pointwise(&self) -> bool {
        let ConvolutionSpec { groups, kernel, strides, pads, .. } = self.spec;
        groups == 1 && kernel == [1, 1] && strides == [1, 1] && pads == [0; 4]
    }

    fn run_group(&self, call: &Call<'_>, group: usize, out: SharedMut<'_>) {
        let channels = self.spec.channels / self.spec.groups;
        let window = Window {
            spec: &self.spec,
            input: &call.input[group * channels..],
            zeros: &self.zeros,
            size: call.size,
            output: call.output,
        };
        let filters = self.spec.filters / self.spec.groups;
        let range = group * filters..(group + 1) * filters;
        let epilogue = Epilogue { bias: call.epilogue.bias.map(|bias| &bias[range]), ..call.epilogue };
        self.product(window, call.pixels(), channels, self.spec.taps(), group, epilogue).run(out);
    }

    /// Rows of the kernel as taps: with few channels a pixel alone is too short a run.
    fn run_padded(&self, call: &Call<'_>, out: &mut [f32]) {
        let channels = self.spec.channels;
        let [top, left, bottom, right] = self.spec.pads;
        let size = [call.size[0] + top + bottom, call.size[1] + left + right];
        let mut padded = Scratch::take(size[0] * size[1] * channels);
        let pixels = call.output[0] * call.output[1];
        let length = pixels * self.spec.filters;
        for image in 0..call.batch {
            let input = &call.input[image * call.size[0] * call.size[1] * channels..];
            pad(input, call.size, size, [top, left], channels, &mut padded);
            let residual = call.epilogue.residual.map(|residual| &residual[image * length..][..length]);
            let epilogue = call.epilogue.with_residual(residual);
            let rows = PaddedRows { spec: &self.spec, image: &padded, width: size[1], across: call.output[1] };
            let depth = self.spec.kernel[1] * channels;
            let product = self.product(rows, pixels, depth, self.spec.kernel[0], 0, epilogue);
            product.run(SharedMut::new(&mut out[image * length..][..length]));
        }
    }

    fn product<'a, R: Rows>(
        &'a self,
        rows: R,
        count: usize,
        depth: usize,
        taps: usize,
        group: usize,
        epilogue: Epilogue<'a>,
    ) -> Product<'a, R> {
        let column = group * self.spec.filters / self.spec.groups;
        Product { rows, count, taps, depth, matrix: &self.groups[group], epilogue, stride: self.spec.filters, column }
    }
}

impl Call<'_> {
    /// Pixels of the output, over the batch.
    pub(super) const fn pixels(&self) -> usize {
        self.batch * self.output[0] * self.output[1]
    }
}

/// The output pixels of an image as rows; each tap is a pixel of the input, or zeros outside of it.
struct Window<'a> {
    spec: &'a ConvolutionSpec,
    /// From the first channel of the group on.
    input: &'a [f32],
    zeros: &'a [f32],
    size: [usize; 2],
    output: [usize; 2],
}

impl Rows for Window<'_> {
    #[inline(always)]
    fn locate(&self, first: usize, count: usize, taps: Range<usize>, table: &mut [[*const f32; MOST_ROWS]]) {
        let [height, width] = self.output;
        let (mut image, mut y, mut x) = (first / (height * width), first / width % height, first % width);
        for pixel in first..first + count {
            self.locate_pixel(image, y, x, taps.clone(), |tap, pointer| table[tap][pixel - first] = pointer);
            x += 1;
            if x == width {
                (x, y) = (0, y + 1);
            }
            if y == height {
                (y, image) = (0, image + 1);
            }
        }
    }

    fn stride(&self) -> usize {
        self.spec.channels
    }
}

impl Window<'_> {
    #[inline(always)]
    fn locate_pixel(
        &self,
        image: usize,
        y: usize,
        x: usize,
        taps: Range<usize>,
        mut put: impl FnMut(usize, *const f32),
    ) {
        let ConvolutionSpec { kernel, strides, dilations, pads, channels, .. } = *self.spec;
        let (mut row, mut column) = (taps.start / kernel[1], taps.start % kernel[1]);
        for tap in 0..taps.len() {
            // A coordinate before the first pixel wraps around to one far behind the last.
            let y = (y * strides[0] + row * dilations[0]).wrapping_sub(pads[0]);
            let x = (x * strides[1] + column * dilations[1]).wrapping_sub(pads[1]);
            let inside = y < self.size[0] && x < self.size[1];
            let pixel = || &self.input[((image * self.size[0] + y) * self.size[1] + x) * channels..];
            put(tap, if inside { pixel().as_ptr() } else { self.zeros.as_ptr() });
            column += 1;
            if column == kernel[1] {
                (column, row) = (0, row + 1);
            }
        }
    }
}

/// The output pixels of one image that has zeros around it; each tap is a run of the kernel's width.
struct PaddedRows<'a> {
    spec: &'a ConvolutionSpec,
    image: &'a [f32],
    width: usize,
    /// Width of the output.
    across: usize,
}

impl Rows for PaddedRows<'_> {
    #[inline(always)]
    fn locate(&self, first: usize, count: usize, taps: Range<usize>, table: &mut [[*const f32; MOST_ROWS]]) {
        let ConvolutionSpec { strides, dilations, channels, .. } = *self.spec;
        let (mut y, mut x) = (first / self.across, first % self.across);
        for row in 0..count {
            let pixel = (y * strides[0] + taps.start * dilations[0]) * self.width + x * strides[1];
            let pixel = self.image[pixel * channels..].as_ptr();
            for (index, rows) in table[..taps.len()].iter_mut().enumerate() {
                // The table is read up to the last tap's end, which `run_padded` has compared with the image.
                rows[row] = pixel.wrapping_add(index * dilations[0] * self.width * channels);
            }
            x += 1;
            if x == self.across {
                (x, y) = (0, y + 1);
            }
        }
    }

    fn stride(&self) -> usize {
        1
    }
}

/// Copies an image of `size` to the middle of one of size `padded`, with zeros around it.
fn pad(image: &[f32], size: [usize; 2], padded: [usize; 2], before: [usize; 2], channels: usize, out: &mut [f32]) {
    let (line, wide) = (size[1] * channels, padded[1] * channels);
    parallel::for_each_chunk(out, wide, Cost::per_item(wide / 4), |first, out| {
        for (index, out) in out.chunks_exact_mut(wide).enumerate() {
            let y = (first + index).wrapping_sub(before[0]);
            if y >= size[0] {
                out.fill(0.0);
                continue;
            }
            let (left, rest) = out.split_at_mut(before[1] * channels);
            let (middle, right) = rest.split_at_mut(line);
            left.fill(0.0);
            middle.copy_from_slice(&image[y * line..][..line]);
            right.fill(0.0);
        }
    });
}
