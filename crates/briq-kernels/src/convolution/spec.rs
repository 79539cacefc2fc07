//! The geometry of a convolution, and what cannot be one.

use std::fmt;

use crate::weights::Weights;

/// The geometry of a convolution over images of two dimensions; one dimension is an image of height 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvolutionSpec {
    /// Channels of the input.
    pub channels: usize,
    /// Channels of the output.
    pub filters: usize,
    /// Groups: the filters of a group see `channels / groups` channels.
    pub groups: usize,
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Steps down and across.
    pub strides: [usize; 2],
    /// Distance between the kernel's numbers, down and across.
    pub dilations: [usize; 2],
    /// Zeros around the image: top, left, bottom, right.
    pub pads: [usize; 4],
}

impl ConvolutionSpec {
    /// A convolution of one group, without steps, gaps or zeros around the image.
    #[must_use]
    pub const fn new(channels: usize, filters: usize, kernel: [usize; 2]) -> Self {
        Self { channels, filters, groups: 1, kernel, strides: [1, 1], dilations: [1, 1], pads: [0; 4] }
    }

    /// Height and width of the output for an input of `size`; 0 where the image is smaller than the kernel.
    #[must_use]
    pub fn output(&self, size: [usize; 2]) -> [usize; 2] {
        std::array::from_fn(|axis| {
            let padded = size[axis] + self.pads[axis] + self.pads[axis + 2];
            let reach = self.dilations[axis] * (self.kernel[axis] - 1) + 1;
            if padded < reach { 0 } else { (padded - reach) / self.strides[axis] + 1 }
        })
    }

    /// Multiplications for one number of the output: channels of a group times the kernel's numbers.
    #[must_use]
    pub const fn depth(&self) -> usize {
        self.channels / self.groups * self.taps()
    }

    pub(super) const fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    pub(super) fn check(&self, weights: &Weights<'_>, bias: Option<usize>) -> Result<(), ConvolutionError> {
        let sizes = [self.channels, self.filters, self.groups, self.kernel[0], self.kernel[1]];
        let steps = [self.strides[0], self.strides[1], self.dilations[0], self.dilations[1]];
        let error = |reason: String| Err(ConvolutionError { spec: Box::new(*self), reason });
        if sizes.contains(&0) || steps.contains(&0) {
            return error("a size, stride or dilation is zero".into());
        }
        if !self.channels.is_multiple_of(self.groups) || !self.filters.is_multiple_of(self.groups) {
            return error("channels and filters are not multiples of the groups".into());
        }
        let expected = self.taps().checked_mul(self.channels / self.groups).and_then(|n| n.checked_mul(self.filters));
        let Weights { numbers, factors } = weights;
        if expected != Some(numbers.len()) {
            return error(format!("there are {} weights", numbers.len()));
        }
        match bias {
            _ if factors.is_some_and(|factors| factors.len() != self.filters) => error("a filter has no factor".into()),
            Some(length) if length != self.filters => error(format!("the bias has {length} numbers")),
            _ => Ok(()),
        }
    }
}

/// What was given is no convolution: sizes contradict one another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConvolutionError {
    spec: Box<ConvolutionSpec>,
    reason: String,
}

impl fmt::Display for ConvolutionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ConvolutionSpec { channels, filters, groups, kernel: [height, width], .. } = *self.spec;
        let reason = &self.reason;
        write!(f, "no convolution of {channels} to {filters} channels in {groups} groups by {height}×{width}: {reason}")
    }
}

impl std::error::Error for ConvolutionError {}
