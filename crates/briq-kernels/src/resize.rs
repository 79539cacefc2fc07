//! Images that are made larger or smaller, channels last: each number of the result is a weighted sum over a few rows, and
//! over a few columns.

use crate::buffer::Scratch;
use crate::parallel::{self, Cost};
use crate::simd::{Kernel, Simd, Unit};

/// The sizes of images before and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResizeSpec {
    /// Images.
    pub batch: usize,
    /// Channels of each pixel.
    pub channels: usize,
    /// Height and width of the input.
    pub size: [usize; 2],
    /// Height and width of the output.
    pub output: [usize; 2],
}

/// What each position of the output along one axis is made of: as many *taps*, each a position of the input and its weight, for
/// every one. One tap takes what is nearest, two interpolate linearly, four by cubic polynomials.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    taps: usize,
    positions: Vec<usize>,
    weights: Vec<f32>,
}

impl Axis {
    /// The taps of the first position, then of the next.
    ///
    /// # Panics
    /// If there are not as many weights as positions, or not `taps` of them for each position of the output.
    #[must_use]
    pub fn new(taps: usize, positions: Vec<usize>, weights: Vec<f32>) -> Self {
        assert_eq!(positions.len(), weights.len(), "a weight for each tap");
        assert!(taps > 0 && positions.len().is_multiple_of(taps), "as many taps for each position");
        Self { taps, positions, weights }
    }

    /// Positions of the output.
    fn length(&self) -> usize {
        self.positions.len() / self.taps
    }

    fn fits(&self, from: usize, to: usize) -> bool {
        self.length() == to && self.positions.iter().all(|&position| position < from)
    }

    fn at(&self, index: usize) -> (&[usize], &[f32]) {
        let range = index * self.taps..(index + 1) * self.taps;
        (&self.positions[range.clone()], &self.weights[range])
    }
}

/// Resizes `batch` images: `out[b, y, x, c] = Σ Σ rows.weight · columns.weight · input[b, rows.position, columns.position, c]`,
/// summed over the taps of y and of x.
///
/// # Panics
/// If a slice or an axis is not of the size that `spec` says, or a tap lies outside of the image.
pub fn resize(spec: &ResizeSpec, rows: &Axis, columns: &Axis, input: &[f32], out: &mut [f32]) {
    let ResizeSpec { batch, channels, size, output } = *spec;
    assert_eq!(input.len(), batch * size[0] * size[1] * channels, "an input of NHWC");
    assert_eq!(out.len(), batch * output[0] * output[1] * channels, "an output of NHWC");
    assert!(rows.fits(size[0], output[0]) && columns.fits(size[1], output[1]), "axes of the images' sizes");
    let (unit, width) = (Unit::current(), output[1] * channels);
    let steps = (size[1] * rows.taps + output[1] * (columns.taps + 1)) * channels.div_ceil(unit.lanes());
    parallel::for_each_chunk(out, width, Cost::per_item(2 * steps), |first, out| {
        unit.run(Lines { spec, rows, columns, input, first, out });
    });
}

/// Lines of the output, over all images.
struct Lines<'a> {
    spec: &'a ResizeSpec,
    rows: &'a Axis,
    columns: &'a Axis,
    input: &'a [f32],
    first: usize,
    out: &'a mut [f32],
}

impl Kernel for Lines<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let ResizeSpec { channels, size, output, .. } = *self.spec;
        let (from, to) = (size[1] * channels, output[1] * channels);
        let mut scratch = Scratch::take(from);
        for (index, out) in self.out.chunks_exact_mut(to).enumerate() {
            let (image, y) = ((self.first + index) / output[0], (self.first + index) % output[0]);
            let image = &self.input[image * size[0] * from..][..size[0] * from];
            let line = match self.rows.at(y) {
                (&[row], &[1.0]) => &image[row * from..][..from],
                taps => {
                    blend(simd, image, from, taps, &mut scratch[..from]);
                    &scratch[..from]
                }
            };
            for (x, pixel) in out.chunks_exact_mut(channels).enumerate() {
                match self.columns.at(x) {
                    (&[column], &[1.0]) => pixel.copy_from_slice(&line[column * channels..][..channels]),
                    taps => blend(simd, line, channels, taps, pixel),
                }
            }
        }
    }
}

/// The weighted sum of some of the items of `width` numbers each.
#[inline(always)]
fn blend<S: Simd>(simd: S, items: &[f32], width: usize, taps: (&[usize], &[f32]), out: &mut [f32]) {
    match taps {
        (&[a, b], &[u, v]) => {
            let (a, b) = (&items[a * width..][..width], &items[b * width..][..width]);
            let (u, v) = (simd.splat(u), simd.splat(v));
            for first in (0..width).step_by(S::LANES) {
                let lanes = S::LANES.min(width - first);
                let (a, b) = (simd.load(&a[first..first + lanes]), simd.load(&b[first..first + lanes]));
                simd.store(&mut out[first..first + lanes], simd.mul_add(b, v, simd.mul(a, u)));
            }
        }
        (positions, weights) => {
            for first in (0..width).step_by(S::LANES) {
                let lanes = S::LANES.min(width - first);
                let mut sum = simd.zero();
                for (position, weight) in positions.iter().zip(weights) {
                    let item = simd.load(&items[position * width + first..][..lanes]);
                    sum = simd.mul_add(item, simd.splat(*weight), sum);
                }
                simd.store(&mut out[first..first + lanes], sum);
            }
        }
    }
}
