//! Transposed convolutions over one, two or three spatial dimensions.

use burn::backend::Dispatch;
use burn::backend::ops::{FloatTensorOps, ModuleOps};
use burn::tensor::Slice;
use burn::tensor::ops::{ConvTransposeOptions, PadMode};

use super::convolution::{each, explicit, fixed};
use super::{Call, Fault, Operator, Outcome, one};
use crate::value::{DeviceTensor, dimensions};

pub(super) const OPERATORS: &[(&str, Operator)] = &[("ConvTranspose", conv_transpose)];

/// The backends compute it without padding; what the padding takes away is cut off afterwards.
fn conv_transpose(call: &mut Call) -> Outcome {
    let (x, weight, bias) = (call.tensor(0)?, call.tensor(1)?, call.optional(2)?);
    let (input, kernel) = (dimensions(&x), dimensions(&weight));
    let rank = input.len().saturating_sub(2);
    if kernel.len() != input.len() || rank == 0 || kernel[0] != input[1] {
        return Err(Fault::because(format!("a kernel of shape {kernel:?} does not spread {input:?}")));
    }
    let (stride, dilation) = (each(call, "strides", rank)?, each(call, "dilations", rank)?);
    let extra = call.sizes("output_padding")?.unwrap_or_else(|| vec![0; rank]);
    let groups = call.size("group", 1)?;
    let empty = input.contains(&0) || kernel.contains(&0) || extra.len() != rank;
    if empty || groups == 0 || input[1] % groups != 0 {
        let text = format!("a kernel of shape {kernel:?} in {groups} groups does not spread {input:?}");
        return Err(Fault::because(text));
    }
    let full: Vec<usize> = (0..rank)
        .map(|axis| (input[axis + 2] - 1) * stride[axis] + (kernel[axis + 2] - 1) * dilation[axis] + 1)
        .collect();
    let cuts = cuts(call, &input[2..], &full, (&stride, &extra))?;
    let parts = (x, weight, bias);
    let y = match rank {
        1 => spread(parts, &stride, &dilation, groups, Dispatch::conv_transpose1d)?,
        2 => spread(parts, &stride, &dilation, groups, Dispatch::conv_transpose2d)?,
        3 => spread(parts, &stride, &dilation, groups, Dispatch::conv_transpose3d)?,
        _ => return Err(Fault::because(format!("no convolution over {rank} dimensions"))),
    };
    one(trimmed(y, &full, &cuts))
}

type Parts = (DeviceTensor, DeviceTensor, Option<DeviceTensor>);

fn spread<const N: usize>(
    (x, weight, bias): Parts,
    stride: &[usize],
    dilation: &[usize],
    groups: usize,
    function: fn(DeviceTensor, DeviceTensor, Option<DeviceTensor>, ConvTransposeOptions<N>) -> DeviceTensor,
) -> Result<DeviceTensor, Fault> {
    let options = ConvTransposeOptions::new(fixed(stride)?, [0; N], [0; N], fixed(dilation)?, groups);
    Ok(function(x, weight, bias, options))
}

/// How much is cut off at each end; a negative number is added.
fn cuts(
    call: &Call,
    input: &[usize],
    full: &[usize],
    (stride, extra): (&[usize], &[usize]),
) -> Result<Vec<(i64, i64)>, Fault> {
    let mode = call.string("auto_pad")?.unwrap_or("NOTSET");
    let same = mode.starts_with("SAME");
    let wanted = match call.sizes("output_shape")? {
        Some(wanted) => Some(wanted[wanted.len().saturating_sub(full.len())..].to_vec()),
        None if same => Some(input.iter().zip(stride).map(|(size, step)| size * step).collect()),
        None => None,
    };
    let Some(wanted) = wanted else {
        let pads = if mode == "VALID" { vec![(0, 0); full.len()] } else { explicit(call, full.len())? };
        let cut = pads.iter().zip(extra).map(|((begin, end), extra)| (*begin as i64, *end as i64 - *extra as i64));
        return Ok(cut.collect());
    };
    let cut = |(axis, wanted): (usize, &usize)| {
        let total = full[axis] as i64 + extra[axis] as i64 - *wanted as i64;
        let (less, more) = if total < 0 { (total, 0) } else { (total / 2, total - total / 2) };
        let (begin, end) = if mode == "SAME_UPPER" { (less, more) } else { (more, less) };
        (begin, end - extra[axis] as i64)
    };
    Ok(wanted.iter().enumerate().map(cut).collect())
}

fn trimmed(y: DeviceTensor, full: &[usize], cuts: &[(i64, i64)]) -> DeviceTensor {
    let shape = dimensions(&y);
    let mut slices: Vec<Slice> = shape[..2].iter().map(|&length| Slice::new(0, Some(length as isize), 1)).collect();
    let mut pads = vec![(0, 0); 2];
    for (size, (begin, end)) in full.iter().zip(cuts) {
        slices.push(Slice::new((*begin).max(0) as isize, Some(*size as isize - (*end).max(0) as isize), 1));
        pads.push(((-begin).max(0) as usize, (-end).max(0) as usize));
    }
    let y = if cuts.iter().any(|(begin, end)| *begin > 0 || *end > 0) { Dispatch::float_slice(y, &slices) } else { y };
    if pads.iter().any(|pad| *pad != (0, 0)) { Dispatch::float_pad(y, &pads, PadMode::Constant(0.0)) } else { y }
}
