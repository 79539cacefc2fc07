//! Convolutions over one, two or three spatial dimensions.

use briq_graph::ElementType;
use burn::backend::Dispatch;
use burn::backend::ops::{ConvOptions, ModuleOps};

use super::linear::{along, centred};
use super::{Call, Fault, Operator, Outcome, one};
use crate::value::{DeviceTensor, HostTensor, dimensions};

pub(super) const OPERATORS: &[(&str, Operator)] =
    &[("Conv", conv), ("ConvInteger", conv_integer), ("QLinearConv", quantized_conv)];

pub(super) fn conv(call: &mut Call) -> Outcome {
    let (x, weight, bias) = (call.tensor(0)?, call.tensor(1)?, call.optional(2)?);
    one(convolved(call, x, weight, bias)?)
}

/// A convolution with the attributes of the node.
fn convolved(
    call: &Call,
    x: DeviceTensor,
    weight: DeviceTensor,
    bias: Option<DeviceTensor>,
) -> Result<DeviceTensor, Fault> {
    let (input, kernel) = (dimensions(&x), dimensions(&weight));
    if kernel.len() != input.len() || input.len() < 3 {
        return Err(Fault::Unsupported(format!("a kernel of shape {kernel:?} does not move over {input:?}")));
    }
    let window = Window::of(call, &kernel[2..], &input)?;
    let groups = call.size("group", 1)?;
    if groups == 0 || kernel[1] * groups != input[1] || kernel[0] % groups != 0 {
        return Err(Fault::because(format!("a kernel of shape {kernel:?} in {groups} groups does not fit {input:?}")));
    }
    Ok(match input.len() {
        3 => Dispatch::conv1d(x, weight, bias, window.options(groups)?),
        4 => Dispatch::conv2d(x, weight, bias, window.options(groups)?),
        5 => Dispatch::conv3d(x, weight, bias, window.options(groups)?),
        rank => return Err(Fault::Unsupported(format!("no convolution over {} dimensions", rank - 2))),
    })
}

/// Over integers of 8 bits: single precision holds every product and, up to 2^24, every sum.
fn conv_integer(call: &mut Call) -> Outcome {
    let (x, weight) = (call.host(0)?, call.host(1)?);
    let (zero_x, zero_w) = (call.host_or_none(2)?, call.host_or_none(3)?);
    let (x, weight) = (centred(&x, zero_x.as_ref(), 1)?, centred(&weight, zero_w.as_ref(), 0)?);
    let sums = convolved_on_host(call, &x, &weight)?;
    call.answer(sums.cast(ElementType::I32))
}

fn convolved_on_host(call: &Call, x: &HostTensor, weight: &HostTensor) -> Result<HostTensor, Fault> {
    let single = |tensor: &HostTensor| tensor.to_floats().into_iter().map(|number| number as f32).collect();
    let (left, right) = (call.upload(single(x), &x.shape), call.upload(single(weight), &weight.shape));
    super::call::fetch(convolved(call, left, right, None)?)
}

/// Jacob et al. (2018): integers in, integers out, scales on the side.
fn quantized_conv(call: &mut Call) -> Outcome {
    let (x, weight) = (call.host(0)?, call.host(3)?);
    let (zero_x, zero_w) = (call.host(2)?, call.host(5)?);
    let (scale_x, scale_w, scale_y) = (call.host(1)?, call.host(4)?, call.host(6)?);
    let zero_y = call.host(7)?;
    let bias = call.host_or_none(8)?;
    let (x, weight) = (centred(&x, Some(&zero_x), 1)?, centred(&weight, Some(&zero_w), 0)?);
    let mut sums = convolved_on_host(call, &x, &weight)?.cast(ElementType::F64);
    if let Some(bias) = bias {
        let bias = along(&bias.cast(ElementType::F64), &sums.shape, 1);
        sums = super::arithmetic::combined(&sums, &bias, |a, b| a + b, |a, _| a)?;
    }
    let scaled = |sums: HostTensor, scale: &HostTensor, function: fn(f64, f64) -> f64| {
        let scale = along(&scale.cast(ElementType::F64), &sums.shape, 1);
        super::arithmetic::combined(&sums, &scale, function, |a, _| a)
    };
    let sums = scaled(sums, &scale_x, |a, b| a * b)?;
    let sums = scaled(sums, &scale_w, |a, b| a * b)?;
    let sums = scaled(sums, &scale_y, |a, b| a / b)?;
    call.answer(super::quantization::shifted(&sums, &zero_y))
}

/// How a kernel moves over the spatial dimensions.
pub(crate) struct Window {
    pub(crate) kernel: Vec<usize>,
    pub(crate) stride: Vec<usize>,
    /// `(begin, end)` for each dimension.
    pub(crate) padding: Vec<(usize, usize)>,
    pub(crate) dilation: Vec<usize>,
}

impl Window {
    /// Reads `strides`, `dilations`, `pads` and `auto_pad` for an input `[batch, channels, …]`.
    pub(crate) fn of(call: &Call, kernel: &[usize], input: &[usize]) -> Result<Self, Fault> {
        let rank = kernel.len();
        if input.len() != rank + 2 {
            return Err(Fault::because(format!("a window {kernel:?} does not move over {input:?}")));
        }
        let stride = each(call, "strides", rank)?;
        let dilation = each(call, "dilations", rank)?;
        let padding = match call.string("auto_pad")? {
            None | Some("NOTSET") => explicit(call, rank)?,
            Some("VALID") => vec![(0, 0); rank],
            Some(mode) => same(mode == "SAME_LOWER", (kernel, &stride, &dilation), &input[2..]),
        };
        Ok(Self { kernel: kernel.to_vec(), stride, padding, dilation })
    }

    /// The window of a node that states its `kernel_shape`.
    pub(crate) fn of_node(call: &Call, input: &[usize]) -> Result<Self, Fault> {
        let wrong = |expected| Fault::WrongAttribute { name: "kernel_shape", expected };
        let kernel = call.sizes("kernel_shape")?.ok_or_else(|| wrong("given"))?;
        if kernel.contains(&0) {
            return Err(wrong("positive"));
        }
        Self::of(call, &kernel, input)
    }

    fn options<const N: usize>(&self, groups: usize) -> Result<ConvOptions<N>, Fault> {
        Ok(ConvOptions {
            stride: fixed(&self.stride)?,
            padding: fixed(&self.padding)?,
            dilation: fixed(&self.dilation)?,
            groups,
        })
    }
}

/// A list of a length that is known when the program is compiled.
pub(super) fn fixed<T: Copy, const N: usize>(list: &[T]) -> Result<[T; N], Fault> {
    list.try_into().map_err(|_| Fault::because(format!("{} dimensions instead of {N}", list.len())))
}

/// One positive number for each dimension; ones where the attribute is absent.
pub(super) fn each(call: &Call, name: &'static str, rank: usize) -> Result<Vec<usize>, Fault> {
    let sizes = call.sizes(name)?.unwrap_or_else(|| vec![1; rank]);
    if sizes.len() != rank || sizes.contains(&0) {
        return Err(Fault::WrongAttribute { name, expected: "a positive integer for each dimension" });
    }
    Ok(sizes)
}

/// ONNX states all begins, then all ends.
pub(super) fn explicit(call: &Call, rank: usize) -> Result<Vec<(usize, usize)>, Fault> {
    let Some(sizes) = call.sizes("pads")? else { return Ok(vec![(0, 0); rank]) };
    if sizes.len() != 2 * rank {
        return Err(Fault::WrongAttribute { name: "pads", expected: "two integers for each dimension" });
    }
    Ok((0..rank).map(|axis| (sizes[axis], sizes[axis + rank])).collect())
}

/// Padding that makes the output `ceil(input / stride)`; the odd one goes to the end unless `lower`.
fn same(
    lower: bool,
    (kernel, stride, dilation): (&[usize], &[usize], &[usize]),
    input: &[usize],
) -> Vec<(usize, usize)> {
    let pad = |axis: usize| {
        let reach = input[axis].div_ceil(stride[axis]).saturating_sub(1) * stride[axis];
        let span = (kernel[axis].saturating_sub(1)) * dilation[axis] + 1;
        let total = (reach + span).saturating_sub(input[axis]);
        let (less, more) = (total / 2, total - total / 2);
        if lower { (more, less) } else { (less, more) }
    };
    (0..kernel.len()).map(pad).collect()
}
