//! Convolutions over two spatial dimensions.

use burn::backend::Dispatch;
use burn::backend::ops::{ConvOptions, ModuleOps};

use super::{Call, Fault, Operator, Outcome, one};
use crate::value::dimensions;

pub(super) const OPERATORS: &[(&str, Operator)] = &[("Conv", conv)];

fn conv(call: &mut Call) -> Outcome {
    let x = call.tensor(0)?;
    let weight = call.tensor(1)?;
    let bias = call.optional(2)?;
    if dimensions(&x).len() != 4 {
        let rank = dimensions(&x).len();
        return Err(Fault::Unsupported(format!("Conv needs an input of rank 4, got rank {rank}")));
    }
    let kernel = [dimensions(&weight)[2], dimensions(&weight)[3]];
    let window = Window::of(call, kernel, &dimensions(&x))?;
    let groups = usize::try_from(call.int("group", 1)?).unwrap_or(1);
    let options = ConvOptions { stride: window.stride, padding: window.padding, dilation: window.dilation, groups };
    one(Dispatch::conv2d(x, weight, bias, options))
}

/// How a kernel moves over height and width.
pub(super) struct Window {
    pub(super) stride: [usize; 2],
    /// `(begin, end)` for height and width.
    pub(super) padding: [(usize, usize); 2],
    pub(super) dilation: [usize; 2],
}

impl Window {
    /// Reads `strides`, `dilations`, `pads` and `auto_pad` for an input `[batch, channels, height, width]`.
    pub(super) fn of(call: &Call, kernel: [usize; 2], input: &[usize]) -> Result<Self, Fault> {
        let stride = pair(call, "strides")?;
        let dilation = pair(call, "dilations")?;
        let padding = match call.string("auto_pad")? {
            None | Some("NOTSET") => explicit(call)?,
            Some("VALID") => [(0, 0); 2],
            Some(mode) => same(mode == "SAME_LOWER", kernel, stride, dilation, input),
        };
        Ok(Self { stride, padding, dilation })
    }
}

pub(super) fn pair(call: &Call, name: &'static str) -> Result<[usize; 2], Fault> {
    let Some(values) = call.ints(name)? else { return Ok([1, 1]) };
    let sizes: Vec<usize> = values.iter().filter_map(|value| usize::try_from(*value).ok()).collect();
    sizes.try_into().map_err(|_| Fault::WrongAttribute { name, expected: "two positive integers" })
}

/// ONNX states all begins, then all ends.
fn explicit(call: &Call) -> Result<[(usize, usize); 2], Fault> {
    let Some(values) = call.ints("pads")? else { return Ok([(0, 0); 2]) };
    let sizes: Vec<usize> = values.iter().filter_map(|value| usize::try_from(*value).ok()).collect();
    let &[top, left, bottom, right] = sizes.as_slice() else {
        return Err(Fault::WrongAttribute { name: "pads", expected: "four integers from zero" });
    };
    Ok([(top, bottom), (left, right)])
}

/// Padding that makes the output `ceil(input / stride)`; the odd one goes to the end unless `lower`.
fn same(
    lower: bool,
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    input: &[usize],
) -> [(usize, usize); 2] {
    std::array::from_fn(|axis| {
        let size = input[axis + 2];
        let reach = (size.div_ceil(stride[axis]) - 1) * stride[axis];
        let span = (kernel[axis] - 1) * dilation[axis] + 1;
        let total = (reach + span).saturating_sub(size);
        let (less, more) = (total / 2, total - total / 2);
        if lower { (more, less) } else { (less, more) }
    })
}
