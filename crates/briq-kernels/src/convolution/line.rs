//! One line of the output of a convolution whose registers run across channels: which pixels it meets, and what follows
//! its sums.

use std::ops::Range;

use super::{Call, ConvolutionSpec};
use crate::activation::apply;
use crate::matrix::bounds;
use crate::simd::Simd;

/// One line of the output.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) spec: &'a ConvolutionSpec,
    pub(super) call: &'a Call<'a>,
    /// A pixel outside the image.
    pub(super) zeros: &'a [f32],
    image: usize,
    y: usize,
    /// Where the line starts in the output.
    start: usize,
}

/// Neighbouring pixels of a line.
pub(super) struct Pixels {
    /// The first one.
    pub(super) x: usize,
    /// How many of them exist.
    pub(super) count: usize,
}

impl<'a> Line<'a> {
    /// The `index`-th line over all images.
    pub(super) fn new(spec: &'a ConvolutionSpec, call: &'a Call<'a>, zeros: &'a [f32], index: usize) -> Self {
        let (image, y) = (index / call.output[0], index % call.output[0]);
        Self { spec, call, zeros, image, y, start: index * call.output[1] * spec.filters }
    }

    /// The `most` pixels from `x` on. What is left at the end of a line is computed again with what lies before it.
    pub(super) fn pixels(&self, x: usize, most: usize) -> Pixels {
        let width = self.call.output[1];
        Pixels { x: x.min(width.saturating_sub(most)), count: most.min(width) }
    }

    /// The rows of the kernel that meet the image.
    #[inline(always)]
    pub(super) fn rows(&self) -> Range<usize> {
        let ConvolutionSpec { kernel, strides, dilations, pads, .. } = *self.spec;
        let before =
            |position: usize| position.saturating_sub(self.y * strides[0]).div_ceil(dilations[0]).min(kernel[0]);
        before(pads[0])..before(pads[0] + self.call.size[0])
    }

    /// The first pixel of the line of the input that row `row` of the kernel meets.
    #[inline(always)]
    fn row(&self, row: usize) -> *const f32 {
        let ConvolutionSpec { strides, dilations, pads, channels, .. } = *self.spec;
        let y = self.image * self.call.size[0] + self.y * strides[0] + row * dilations[0] - pads[0];
        self.call.input[y * self.call.size[1] * channels..].as_ptr()
    }

    /// Writes where the pixels lie that row `row` of the kernel meets, from `x` columns after the left edge of the padded
    /// image on. The row meets the image.
    #[inline(always)]
    pub(super) fn locate(&self, row: usize, x: usize, table: &mut [*const f32]) {
        let (line, zeros) = (self.row(row), self.zeros.as_ptr());
        let (width, left, channels) = (self.call.size[1], self.spec.pads[1], self.spec.channels);
        for (index, pointer) in table.iter_mut().enumerate() {
            // A column before the first pixel wraps around to one far behind the last.
            let x = (x + index).wrapping_sub(left);
            *pointer = if x < width { line.wrapping_add(x * channels) } else { zeros };
        }
    }

    /// Where the pixel lies that row `row` of the kernel meets `x` columns after the left edge of the padded image; both are
    /// inside the image.
    #[inline(always)]
    pub(super) fn pixel(&self, row: usize, x: usize) -> *const f32 {
        self.row(row).wrapping_add((x - self.spec.pads[1]) * self.spec.channels)
    }

    /// Adds bias and residual to sums of the filters from `filter` on, bounds them where the activation does nothing else,
    /// and stores them.
    ///
    /// # Safety
    /// `load` and `store` reach no further than the filters go.
    #[inline(always)]
    pub(super) unsafe fn finish<S: Simd, const P: usize>(
        &self,
        simd: S,
        sums: [S::Float; P],
        (pixels, filter): (&Pixels, usize),
        load: impl Fn(*const f32) -> S::Float,
        store: impl Fn(*mut f32, S::Float),
        out: &mut [f32],
    ) {
        let (filters, epilogue) = (self.spec.filters, &self.call.epilogue);
        let (min, max) = bounds(epilogue.activation).unwrap_or((f32::NEG_INFINITY, f32::INFINITY));
        let (min, max) = (simd.splat(min), simd.splat(max));
        let bias = epilogue.bias.map_or(simd.zero(), |bias| load(bias[filter..].as_ptr()));
        let start = pixels.x * filters + filter;
        let out = out[start..].as_mut_ptr();
        let residual = epilogue.residual.map(|residual| residual[self.start + start..].as_ptr());
        for (index, sum) in sums.into_iter().enumerate() {
            if index < pixels.count {
                let mut sum = simd.add(sum, bias);
                if let Some(residual) = residual {
                    // SAFETY: the residual is as long as the output.
                    sum = simd.add(sum, load(unsafe { residual.add(index * filters) }));
                }
                // SAFETY: the pixels are in the line.
                store(unsafe { out.add(index * filters) }, simd.min(max, simd.max(min, sum)));
            }
        }
    }

    /// Applies what [`finish`](Self::finish) has left of the activation.
    #[inline(always)]
    pub(super) fn activate<S: Simd>(&self, simd: S, out: &mut [f32]) {
        if bounds(self.call.epilogue.activation).is_none() {
            apply(simd, self.call.epilogue.activation, out);
        }
    }
}
