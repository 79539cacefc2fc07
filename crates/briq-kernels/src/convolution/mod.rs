//! Convolutions over channels-last images, with weights that are prepared once.

mod depthwise;
mod direct;
mod grouped;
mod line;
mod spec;
mod tiling;
mod transposed;
mod winograd;

use depthwise::Depthwise;
use direct::Direct;
use grouped::Grouped;
pub use spec::{ConvolutionError, ConvolutionSpec};
pub use tiling::{Tiling, tilings};
pub use transposed::{TransposedConvolution, TransposedSpec};
use winograd::Winograd;

use crate::activation::Activation;
use crate::epilogue::Epilogue;
use crate::weights::Weights;

/// A convolution with prepared weights: `activation(convolution(input) + bias + residual)`.
///
/// Images are channels-last (NHWC). Which method runs is chosen when the weights are prepared:
/// groups whose channels and filters fit into a register, one filter for each channel among them, read the image directly;
/// kernels of 3×3 with enough channels go through Winograd's transform; everything else is a matrix product over pointers
/// into the image.
#[derive(Clone, Debug)]
pub struct Convolution {
    spec: ConvolutionSpec,
    bias: Option<Vec<f32>>,
    activation: Activation,
    method: Method,
}

#[derive(Clone, Debug)]
enum Method {
    Depthwise(Depthwise),
    Direct(Direct),
    Grouped(Grouped),
    Winograd(Winograd),
}

/// One call: where the images are, and what follows.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) input: &'a [f32],
    pub(super) batch: usize,
    /// Height and width of the input.
    pub(super) size: [usize; 2],
    /// Height and width of the output.
    pub(super) output: [usize; 2],
    pub(super) epilogue: Epilogue<'a>,
}

impl Convolution {
    /// Prepares weights in the order filter, channel of the group, row, column (OIHW).
    ///
    /// # Errors
    /// If sizes contradict one another.
    pub fn new<'w>(
        spec: ConvolutionSpec,
        weights: impl Into<Weights<'w>>,
        bias: Option<&[f32]>,
        activation: Activation,
    ) -> Result<Self, ConvolutionError> {
        Self::tiled(spec, weights, bias, activation, Tiling::Four)
    }

    /// [`new`](Self::new), with tiles that are no larger than `most`: smaller ones are slower and need less memory.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn tiled<'w>(
        spec: ConvolutionSpec,
        weights: impl Into<Weights<'w>>,
        bias: Option<&[f32]>,
        activation: Activation,
        most: Tiling,
    ) -> Result<Self, ConvolutionError> {
        let weights = weights.into();
        spec.check(&weights, bias.map(<[f32]>::len))?;
        let method = match Tiling::of(&spec).min(most) {
            _ if Depthwise::fits(&spec) => Method::Depthwise(Depthwise::new(spec, weights)),
            _ if Grouped::fits(&spec) => Method::Grouped(Grouped::new(spec, weights)),
            Tiling::None => Method::Direct(Direct::new(spec, weights)),
            tiling => Method::Winograd(Winograd::new(spec, weights, tiling == Tiling::Four)),
        };
        Ok(Self { spec, bias: bias.map(<[f32]>::to_vec), activation, method })
    }

    /// The geometry.
    #[must_use]
    pub const fn spec(&self) -> &ConvolutionSpec {
        &self.spec
    }

    /// Height and width of the output for an input of `size`.
    #[must_use]
    pub fn output(&self, size: [usize; 2]) -> [usize; 2] {
        self.spec.output(size)
    }

    /// Bytes of the prepared weights.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match &self.method {
            Method::Depthwise(method) => method.bytes(),
            Method::Direct(method) => method.bytes(),
            Method::Grouped(method) => method.bytes(),
            Method::Winograd(method) => method.bytes(),
        }
    }

    /// Convolves `batch` images of `size` (height, width). The residual is laid out as `out`.
    ///
    /// # Panics
    /// If a slice is not of the size that the geometry demands.
    pub fn run(&self, input: &[f32], batch: usize, size: [usize; 2], residual: Option<&[f32]>, out: &mut [f32]) {
        let output = self.output(size);
        let pixels = batch * output[0] * output[1];
        assert_eq!(input.len(), batch * size[0] * size[1] * self.spec.channels, "an input of NHWC");
        assert_eq!(out.len(), pixels * self.spec.filters, "an output of NHWC");
        assert!(residual.is_none_or(|residual| residual.len() == out.len()), "a residual of the output's size");
        if out.is_empty() {
            return;
        }
        let epilogue = Epilogue::new(self.bias.as_deref(), self.activation).with_residual(residual);
        let call = Call { input, batch, size, output, epilogue };
        match &self.method {
            Method::Depthwise(method) => method.run(&call, out),
            Method::Direct(method) => method.run(&call, out),
            Method::Grouped(method) => method.run(&call, out),
            Method::Winograd(method) => method.run(&call, out),
        }
    }
}
