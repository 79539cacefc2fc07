//! Transposed convolutions over one or two dimensions, channels last.

use briq_kernels::Activation;
use briq_kernels::convolution::{TransposedConvolution, TransposedSpec};

use super::buffer::buffer;
use super::dense::{Dense, Order};
use super::plane::{pads, pair};
use super::{Family, Kernel, ready};
use crate::operator::{Call, Fault, Window, bounded};
use crate::value::Value;

pub(super) const KERNELS: Family = &[("ConvTranspose", prepare)];

/// A transposed convolution with its weights packed.
struct Packed {
    convolution: TransposedConvolution,
    channels: usize,
    filters: usize,
    /// Of the input: three for one spatial dimension, four for two.
    rank: usize,
}

fn prepare(call: &mut Call) -> Result<Option<Box<dyn Kernel>>, Fault> {
    let Some(spec) = geometry(call)? else { return Ok(None) };
    let rank = call.shape(1)?.len();
    let TransposedSpec { channels, filters, .. } = spec;
    let weights = Dense::take(call, 1)?.rows();
    let bias = Dense::optional(call, 2)?.map(Dense::rows);
    let numbers = bias.as_ref().map(Dense::numbers);
    let convolution = TransposedConvolution::new(spec, weights.numbers(), numbers, Activation::Identity)
        .map_err(|error| Fault::Unsupported(error.to_string()))?;
    let Some(convolution) = convolution else {
        call.inputs[1] = Some(weights.into());
        if let Some(bias) = bias {
            call.inputs[2] = Some(bias.into());
        }
        return Ok(None);
    };
    ready(Packed { convolution, channels, filters, rank })
}

/// What a node with constant weights computes, where the kernel is for it: sizes do not depend on the input's, and the kernel
/// has no gaps.
fn geometry(call: &Call) -> Result<Option<TransposedSpec>, Fault> {
    let bias = call.node.input(2).is_some();
    let explicit = matches!(call.string("auto_pad")?, None | Some("NOTSET" | "VALID"));
    let sized = call.node.attributes.contains_key("output_shape");
    if !explicit || sized || !Dense::fits(call, 1) || (bias && !Dense::fits(call, 2)) {
        return Ok(None);
    }
    let (kernel, groups) = (call.shape(1)?, call.size("group", 1)?);
    let rank = kernel.len();
    if !matches!(rank, 3 | 4) || groups == 0 || kernel.contains(&0) || !kernel[0].is_multiple_of(groups) {
        return Ok(None);
    }
    let window = Window::of(call, &kernel[2..], &vec![0; rank])?;
    let extra = call.sizes("output_padding")?.unwrap_or_else(|| vec![0; rank - 2]);
    if extra.len() != rank - 2 || window.dilation.iter().any(|&dilation| dilation != 1) {
        return Ok(None);
    }
    let extra = if rank == 3 { [0, extra[0]] } else { [extra[0], extra[1]] };
    let [top, left, bottom, right] = pads(&window).map(usize::cast_signed);
    let [below, beside] = extra.map(usize::cast_signed);
    Ok(Some(TransposedSpec {
        channels: kernel[0],
        filters: kernel[1] * groups,
        groups,
        kernel: pair(&kernel[2..]),
        strides: pair(&window.stride),
        cuts: [top, left, bottom - below, right - beside],
    }))
}

impl Kernel for Packed {
    fn run(&self, call: &mut Call) -> Result<Option<Vec<Value>>, Fault> {
        let x = Dense::take(call, 0)?;
        let shape = x.shape().to_vec();
        if shape.len() != self.rank || shape[1] != self.channels || shape[2..].contains(&0) {
            let reason = format!("a kernel over {} channels does not spread {shape:?}", self.channels);
            return Err(Fault::because(reason));
        }
        let size = [if self.rank == 4 { shape[2] } else { 1 }, shape[self.rank - 1]];
        let output = self.convolution.output(size);
        if output.contains(&0) {
            return Err(Fault::because(format!("nothing is left of {shape:?} when the padding is cut off")));
        }
        let mut result = vec![shape[0], self.filters];
        result.extend(&output[4 - self.rank..]);
        bounded(&result)?;
        let mut numbers = buffer(result.iter().product());
        self.convolution.run(x.channels_last().numbers(), shape[0], size, &mut numbers);
        Ok(Some(vec![Dense::new(&result, Order::ChannelsLast, numbers).into()]))
    }
}
