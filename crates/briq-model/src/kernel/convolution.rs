//! Convolutions over one or two dimensions, channels last, with bias, residual and activation.

use briq_kernels::convolution::{Convolution, ConvolutionSpec};

use super::buffer::buffer;
use super::dense::{Dense, Order};
use super::plane::{pads, pair};
use super::weights::Constant;
use super::{Family, Kernel, activation, ready};
use crate::operator::{Call, Fault, Window, bounded};
use crate::value::Value;

pub(super) const KERNELS: Family = &[("Conv", prepare)];

/// A convolution with its weights packed.
struct Packed {
    convolution: Convolution,
    channels: usize,
    filters: usize,
    /// Of the input: three for one spatial dimension, four for two.
    rank: usize,
}

/// What a node with constant weights computes, where the kernel is for it.
pub(super) fn geometry(call: &Call) -> Result<Option<ConvolutionSpec>, Fault> {
    let bias = call.node.input(2).is_some();
    let explicit = matches!(call.string("auto_pad")?, None | Some("NOTSET" | "VALID"));
    if !explicit || !Dense::fits(call, 1) || (bias && !Dense::fits(call, 2)) {
        return Ok(None);
    }
    let kernel = call.shape(1)?;
    let groups = call.size("group", 1)?;
    let rank = kernel.len();
    if !matches!(rank, 3 | 4) || groups == 0 || kernel.contains(&0) || kernel[0] % groups != 0 {
        return Ok(None);
    }
    let window = Window::of(call, &kernel[2..], &vec![0; rank])?;
    Ok(Some(spec(&kernel, groups, &window)))
}

fn prepare(call: &mut Call) -> Result<Option<Box<dyn Kernel>>, Fault> {
    let Some(spec) = geometry(call)? else { return Ok(None) };
    let rank = call.shape(1)?.len();
    let activation = activation(call)?;
    let weights = Constant::take(call)?;
    let bias = Dense::optional(call, 2)?.map(Dense::rows);
    let bias = bias.as_ref().map(Dense::numbers);
    let convolution = Convolution::tiled(spec, weights.weights(0), bias, activation, call.run.tiling);
    let convolution = convolution.map_err(|error| Fault::Unsupported(error.to_string()))?;
    ready(Packed { convolution, channels: spec.channels, filters: spec.filters, rank })
}

/// One dimension is two of which the first has length one.
fn spec(kernel: &[usize], groups: usize, window: &Window) -> ConvolutionSpec {
    ConvolutionSpec {
        channels: kernel[1] * groups,
        filters: kernel[0],
        groups,
        kernel: pair(&kernel[2..]),
        strides: pair(&window.stride),
        dilations: pair(&window.dilation),
        pads: pads(window),
    }
}

impl Kernel for Packed {
    fn run(&self, call: &mut Call) -> Result<Option<Vec<Value>>, Fault> {
        let x = Dense::take(call, 0)?;
        let shape = x.shape().to_vec();
        if shape.len() != self.rank || shape[1] != self.channels {
            return Err(Fault::because(format!(
                "a kernel over {} channels does not move over {shape:?}",
                self.channels
            )));
        }
        let size = [if self.rank == 4 { shape[2] } else { 1 }, shape[self.rank - 1]];
        let output = self.convolution.output(size);
        if output.contains(&0) {
            return Err(Fault::because(format!("the window is larger than {shape:?}")));
        }
        let mut result = vec![shape[0], self.filters];
        result.extend(&output[4 - self.rank..]);
        bounded(&result)?;
        let residual = Dense::optional(call, 3)?.map(Dense::channels_last);
        if residual.as_ref().is_some_and(|residual| residual.shape() != result) {
            return Err(Fault::because(format!("what is added does not have the shape {result:?}")));
        }
        let mut numbers = buffer(result.iter().product());
        let x = x.channels_last();
        self.convolution.run(x.numbers(), shape[0], size, residual.as_ref().map(Dense::numbers), &mut numbers);
        Ok(Some(vec![Dense::new(&result, Order::ChannelsLast, numbers).into()]))
    }
}
