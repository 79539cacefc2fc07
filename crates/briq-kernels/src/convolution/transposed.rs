//! Transposed convolutions: for each remainder of the output's position by the stride, an ordinary convolution.
//!
//! Along one axis, output `o` of the unpadded result is the sum of `x[i] · w[k]` over all `i · stride + k = o`. So `k` leaves the
//! remainder of `o`, and outputs of one remainder `r` are a convolution with the kernel's numbers `r`, `r + stride`, …, the last
//! one first.

use super::{Convolution, ConvolutionError, ConvolutionSpec};
use crate::activation::Activation;
use crate::buffer::Scratch;
use crate::parallel::{self, Cost, SharedMut};

/// The geometry of a transposed convolution. One dimension is an image of height 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransposedSpec {
    /// Channels of the input.
    pub channels: usize,
    /// Channels of the output.
    pub filters: usize,
    /// Groups: the filters of a group see `channels / groups` channels.
    pub groups: usize,
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Steps down and across, of the output.
    pub strides: [usize; 2],
    /// What is cut off the output: top, left, bottom, right. Less than zero is added.
    pub cuts: [isize; 4],
}

/// A transposed convolution with prepared weights: `activation(transposed convolution(input) + bias)`, channels last.
#[derive(Clone, Debug)]
pub struct TransposedConvolution {
    spec: TransposedSpec,
    bias: Vec<f32>,
    activation: Activation,
    phases: Vec<Phase>,
}

/// The outputs of one remainder down and one across.
#[derive(Clone, Debug)]
struct Phase {
    axes: [Remainder; 2],
    /// Not there where no number of the kernel leaves these remainders.
    convolution: Option<Convolution>,
}

/// Positions of the output that leave one remainder, along one axis.
#[derive(Clone, Copy, Debug)]
struct Remainder {
    /// The first of them in the output.
    first: usize,
    /// How many more of them there are than positions of the input.
    more: isize,
    /// The first number of the kernel, and how many there are a stride apart.
    from: usize,
    taps: usize,
    /// Zeros before and behind the input.
    pads: [usize; 2],
}

impl Remainder {
    /// Nothing where the input would have to be cut.
    fn new(remainder: usize, kernel: usize, stride: usize, [begin, end]: [isize; 2]) -> Option<Self> {
        let (step, remainder) = (isize::try_from(stride).ok()?, isize::try_from(remainder).ok()?);
        let last = isize::try_from(kernel).ok()? - 1;
        let taps = kernel.saturating_sub(remainder.unsigned_abs()).div_ceil(stride);
        // The first multiple of the stride whose position is not cut off, and how far they go beyond the input's.
        let first = (begin - remainder).div_euclid(step) + isize::from((begin - remainder).rem_euclid(step) > 0);
        let beyond = (last - end - remainder).div_euclid(step);
        let before = isize::try_from(taps).ok()? - 1 - first;
        let pads = [usize::try_from(before), usize::try_from(beyond)];
        let [before, behind] = if taps == 0 { [0; 2] } else { [pads[0].ok()?, pads[1].ok()?] };
        Some(Self {
            first: usize::try_from(first * step + remainder - begin).ok()?,
            more: beyond - first,
            from: remainder.unsigned_abs(),
            taps,
            pads: [before, behind],
        })
    }

    fn count(&self, size: usize) -> usize {
        size.saturating_add_signed(self.more)
    }
}

impl TransposedConvolution {
    /// Prepares weights in the order channel, filter of the group, row, column. `None` where more is cut off than the kernel
    /// spreads, so that some of the input would count for nothing.
    ///
    /// # Errors
    /// If sizes contradict one another.
    pub fn new(
        spec: TransposedSpec,
        weights: &[f32],
        bias: Option<&[f32]>,
        activation: Activation,
    ) -> Result<Option<Self>, ConvolutionError> {
        let TransposedSpec { channels, filters, groups, kernel, strides, cuts } = spec;
        let ordinary = ConvolutionSpec { groups, ..ConvolutionSpec::new(channels, filters, kernel) };
        ConvolutionSpec { strides, ..ordinary }.check(&weights.into(), bias.map(<[f32]>::len))?;
        let mut phases = Vec::new();
        for (down, across) in (0..strides[0]).flat_map(|down| (0..strides[1]).map(move |across| (down, across))) {
            let down = Remainder::new(down, kernel[0], strides[0], [cuts[0], cuts[2]]);
            let across = Remainder::new(across, kernel[1], strides[1], [cuts[1], cuts[3]]);
            let (Some(down), Some(across)) = (down, across) else { return Ok(None) };
            let axes = [down, across];
            let convolution = if down.taps == 0 || across.taps == 0 {
                None
            } else {
                let pads = [down.pads[0], across.pads[0], down.pads[1], across.pads[1]];
                let part = ConvolutionSpec { kernel: [down.taps, across.taps], pads, ..ordinary };
                Some(Convolution::new(part, &spec.part(weights, &axes)[..], bias, activation)?)
            };
            phases.push(Phase { axes, convolution });
        }
        let bias = bias.map_or_else(|| vec![0.0; filters], <[f32]>::to_vec);
        Ok(Some(Self { spec, bias, activation, phases }))
    }

    /// Height and width of the output for an input of `size`.
    #[must_use]
    pub fn output(&self, size: [usize; 2]) -> [usize; 2] {
        let TransposedSpec { kernel, strides, cuts, .. } = self.spec;
        std::array::from_fn(|axis| {
            let full = (size[axis].saturating_sub(1)) * strides[axis] + kernel[axis];
            full.saturating_add_signed(-cuts[axis]).saturating_add_signed(-cuts[axis + 2])
        })
    }

    /// Bytes of the prepared weights.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.phases.iter().filter_map(|phase| phase.convolution.as_ref()).map(Convolution::bytes).sum()
    }

    /// Spreads `batch` images of `size` (height, width).
    ///
    /// # Panics
    /// If a slice is not of the size that the geometry demands.
    pub fn run(&self, input: &[f32], batch: usize, size: [usize; 2], out: &mut [f32]) {
        let output = self.output(size);
        assert_eq!(input.len(), batch * size[0] * size[1] * self.spec.channels, "an input of NHWC");
        assert_eq!(out.len(), batch * output[0] * output[1] * self.spec.filters, "an output of NHWC");
        if out.is_empty() {
            return;
        }
        if let [Phase { convolution: Some(only), .. }] = &self.phases[..] {
            return only.run(input, batch, size, None, out);
        }
        for phase in &self.phases {
            let count = [phase.axes[0].count(size[0]), phase.axes[1].count(size[1])];
            let mut part = Scratch::take(batch * count[0] * count[1] * self.spec.filters);
            match &phase.convolution {
                Some(convolution) => convolution.run(input, batch, size, None, &mut part),
                None => self.fill(&mut part),
            }
            self.interleave(phase, &part, count, output, SharedMut::new(out));
        }
    }

    /// What outputs hold that no input reaches.
    fn fill(&self, part: &mut [f32]) {
        part.chunks_exact_mut(self.bias.len()).for_each(|pixel| pixel.copy_from_slice(&self.bias));
        self.activation.apply(part);
    }

    /// Puts the pixels of a phase where they belong.
    fn interleave(&self, phase: &Phase, part: &[f32], count: [usize; 2], output: [usize; 2], out: SharedMut<'_>) {
        let (filters, strides, [down, across]) = (self.spec.filters, self.spec.strides, &phase.axes);
        let width = count[1] * filters;
        if width == 0 {
            return;
        }
        parallel::for_each_range(part.len() / width, Cost::per_item(width / 4 + 8 * count[1]), |lines| {
            for line in lines {
                let (image, y) = (line / count[0], line % count[0] * strides[0] + down.first);
                let start = (image * output[0] + y) * output[1] + across.first;
                for (x, pixel) in part[line * width..][..width].chunks_exact(filters).enumerate() {
                    // SAFETY: each pixel of each phase has a place of its own in the output.
                    let to = unsafe { out.slice((start + x * strides[1]) * filters, filters) };
                    to.copy_from_slice(pixel);
                }
            }
        });
    }
}

impl TransposedSpec {
    /// The kernel's numbers of one phase, in the order filter, channel of the group, row, column.
    fn part(&self, weights: &[f32], [down, across]: &[Remainder; 2]) -> Vec<f32> {
        let (own, channels) = (self.filters / self.groups, self.channels / self.groups);
        let mut part = Vec::with_capacity(self.filters * channels * down.taps * across.taps);
        for filter in 0..self.filters {
            let (group, filter) = (filter / own, filter % own);
            for channel in group * channels..(group + 1) * channels {
                let kernel = (channel * own + filter) * self.kernel[0];
                for row in (0..down.taps).rev().map(|tap| down.from + tap * self.strides[0]) {
                    let row = (kernel + row) * self.kernel[1];
                    part.extend((0..across.taps).rev().map(|tap| weights[row + across.from + tap * self.strides[1]]));
                }
            }
        }
        part
    }
}
