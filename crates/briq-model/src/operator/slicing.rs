//! Operators that cut tensors apart and put them together.

use burn::backend::Dispatch;
use burn::backend::ops::FloatTensorOps;
use burn::tensor::Slice;
use burn::tensor::ops::PadMode;

use super::space::{coordinates, position, strides};
use super::{Call, Fault, Operator, Outcome, axes, axis, one};
use crate::value::{DeviceTensor, HostTensor, Value};

pub(super) const OPERATORS: &[(&str, Operator)] =
    &[("Slice", slice), ("Split", split), ("Concat", concat), ("Pad", pad), ("CenterCropPad", center_crop_pad)];

/// Which elements of one axis are taken: the first, the step to the next, how many.
#[derive(Clone, Copy)]
struct Range {
    start: i64,
    step: i64,
    count: usize,
}

impl Range {
    fn whole(length: usize) -> Self {
        Self { start: 0, step: 1, count: length }
    }

    /// What Python's `start:end:step` takes of an axis.
    fn new(start: i64, end: i64, step: i64, length: usize) -> Result<Self, Fault> {
        let length = length as i64;
        let forward = |given: i64| (if given < 0 { given.saturating_add(length) } else { given }).clamp(0, length);
        let back = |given: i64| (if given < 0 { given.saturating_add(length) } else { given }).clamp(-1, length - 1);
        let (start, span) = match step {
            0 => return Err(Fault::because("a step of zero")),
            step if step > 0 => (forward(start), forward(end) - forward(start)),
            _ => (back(start), back(start) - back(end)),
        };
        let count = usize::try_from(span).unwrap_or(0).div_ceil(usize::try_from(step.unsigned_abs()).unwrap_or(1));
        Ok(Self { start, step, count })
    }
}

fn cut(call: &Call, value: &Value, ranges: &[Range]) -> Result<Value, Fault> {
    let shape: Vec<usize> = ranges.iter().map(|range| range.count).collect();
    let strides = strides(&value.shape());
    let from = |at: Vec<usize>| {
        let along = at.iter().zip(ranges).map(|(index, range)| (range.start + *index as i64 * range.step) as usize);
        position(&along.collect::<Vec<_>>(), &strides)
    };
    call.picked(value.clone(), &shape, coordinates(&shape).map(from), None)
}

fn cut_on_device(tensor: DeviceTensor, ranges: &[Range]) -> DeviceTensor {
    let slice = |range: &Range| {
        let last = range.start + (range.count as i64 - 1) * range.step;
        Slice::new(range.start as isize, Some(last as isize + 1), range.step as isize)
    };
    Dispatch::float_slice(tensor, &ranges.iter().map(slice).collect::<Vec<_>>())
}

fn cut_value(call: &Call, value: &Value, ranges: &[Range]) -> Result<Value, Fault> {
    let forward = ranges.iter().all(|range| range.step > 0 && range.count > 0);
    match value {
        Value::Device(tensor) if forward => Ok(Value::Device(cut_on_device(tensor.clone(), ranges))),
        other => cut(call, other, ranges),
    }
}

/// Bounds are inputs since operator set 10, attributes before.
fn slice(call: &mut Call) -> Outcome {
    let shape = call.shape(0)?;
    let starts = call.integers_or(1, "starts")?.ok_or(Fault::MissingInput(1))?;
    let ends = call.integers_or(2, "ends")?.ok_or(Fault::MissingInput(2))?;
    let along = call.integers_or(3, "axes")?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = call.integers(4)?.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), along.len(), steps.len()] != [starts.len(); 3] {
        return Err(Fault::because("starts, ends, axes and steps differ in length"));
    }
    let mut ranges: Vec<Range> = shape.iter().map(|&length| Range::whole(length)).collect();
    for (index, axis) in axes(&along, shape.len())?.into_iter().enumerate() {
        ranges[axis] = Range::new(starts[index], ends[index], steps[index], shape[axis])?;
    }
    let value = call.value(0)?;
    Ok(vec![cut_value(call, &value, &ranges)?])
}

fn split(call: &mut Call) -> Outcome {
    let shape = call.shape(0)?;
    let axis = axis(call.int("axis", 0)?, shape.len())?;
    let parts = call.size("num_outputs", call.node.outputs.len())?.max(1);
    let sizes = match call.integers_or(1, "split")? {
        Some(sizes) => sizes,
        None => even(shape[axis], parts),
    };
    let value = call.value(0)?;
    pieces(call, &value, axis, &sizes)
}

/// Equal parts; the last one may be smaller.
fn even(length: usize, parts: usize) -> Vec<i64> {
    let size = length.div_ceil(parts);
    (0..parts).map(|part| size.min(length.saturating_sub(part * size)) as i64).collect()
}

/// Parts of these sizes along an axis.
pub(super) fn pieces(call: &Call, value: &Value, axis: usize, sizes: &[i64]) -> Outcome {
    let shape = value.shape();
    if sizes.iter().sum::<i64>() != shape[axis] as i64 || sizes.iter().any(|size| *size < 0) {
        return Err(Fault::because(format!("parts {sizes:?} do not make up {}", shape[axis])));
    }
    let mut start = 0;
    let mut parts = Vec::new();
    for &size in sizes {
        let mut ranges: Vec<Range> = shape.iter().map(|&length| Range::whole(length)).collect();
        ranges[axis] = Range { start, step: 1, count: size as usize };
        parts.push(cut_value(call, value, &ranges)?);
        start += size;
    }
    Ok(parts)
}

fn concat(call: &mut Call) -> Outcome {
    let given = call.int("axis", 0)?;
    let axis = axis(given, call.shape(0)?.len())?;
    if call.any_learns() || (0..call.inputs.len()).all(|index| call.on_device(index)) {
        let parts = (0..call.inputs.len()).map(|index| call.tensor(index)).collect::<Result<Vec<_>, _>>()?;
        return one(Dispatch::float_cat(parts, axis));
    }
    let parts = call.hosts()?;
    call.answer(joined(&parts, axis)?)
}

/// Tensors one after the other along an axis.
pub(super) fn joined(parts: &[HostTensor], axis: usize) -> Result<HostTensor, Fault> {
    let first = parts.first().ok_or(Fault::MissingInput(0))?;
    let differ = |part: &HostTensor| {
        let beside = |shape: &[usize]| [&shape[..axis], &shape[axis + 1..]].concat();
        part.shape.len() != first.shape.len() || beside(&part.shape) != beside(&first.shape)
    };
    if parts.iter().any(differ) {
        let shapes: Vec<_> = parts.iter().map(|part| &part.shape).collect();
        return Err(Fault::because(format!("{shapes:?} do not fit beside one another along axis {axis}")));
    }
    let mut all = first.clone();
    let mut starts = vec![0];
    for part in &parts[1..] {
        starts.push(all.count());
        all.append(part);
    }
    let before: usize = first.shape[..axis].iter().product();
    let widths: Vec<usize> = parts.iter().map(|part| part.shape[axis..].iter().product()).collect();
    let rows = (0..before).flat_map(|row| {
        let pieces = starts.iter().zip(&widths);
        pieces.flat_map(move |(start, width)| start + row * width..start + (row + 1) * width).collect::<Vec<_>>()
    });
    let mut shape = first.shape.clone();
    shape[axis] = parts.iter().map(|part| part.shape[axis]).sum();
    let rows: Vec<usize> = rows.collect();
    Ok(all.pick(&shape, rows))
}

/// How many elements are added at each end of each axis; negative ones are taken away.
fn paddings(call: &mut Call, rank: usize) -> Result<Vec<(i64, i64)>, Fault> {
    let pads = call.integers_or(1, "pads")?.ok_or(Fault::MissingInput(1))?;
    let along = match call.integers(3)? {
        Some(given) => axes(&given, rank)?,
        None => (0..rank).collect(),
    };
    if pads.len() != 2 * along.len() {
        return Err(Fault::because(format!("{} paddings for {} axes", pads.len(), along.len())));
    }
    let mut all = vec![(0, 0); rank];
    for (index, axis) in along.iter().enumerate() {
        all[*axis] = (pads[index], pads[index + along.len()]);
    }
    Ok(all)
}

fn pad(call: &mut Call) -> Outcome {
    let mode = call.string("mode")?.unwrap_or("constant");
    let pads = paddings(call, call.shape(0)?.len())?;
    let grows = pads.iter().all(|(begin, end)| *begin >= 0 && *end >= 0);
    if mode == "constant" && grows && call.on_device(0) {
        let fill = call.constant(2)?.unwrap_or(call.number("value", 0.0)?);
        let x = call.tensor(0)?;
        let pads: Vec<_> = pads.iter().map(|(begin, end)| (*begin as usize, *end as usize)).collect();
        return one(Dispatch::float_pad(x, &pads, PadMode::Constant(fill as f32)));
    }
    let x = call.value(0)?;
    let fill = match call.host_or_none(2)? {
        Some(fill) => fill,
        None => HostTensor::floats(x.element(), &[], [call.number("value", 0.0)?]),
    };
    Ok(vec![padded(call, x, &pads, mode, &fill)?])
}

fn padded(call: &Call, x: Value, pads: &[(i64, i64)], mode: &str, fill: &HostTensor) -> Result<Value, Fault> {
    let from = x.shape();
    let length = |(size, (begin, end)): (&usize, &(i64, i64))| usize::try_from(*size as i64 + begin + end).ok();
    let shape = from.iter().zip(pads).map(length).collect::<Option<Vec<_>>>();
    let shape = shape.ok_or_else(|| Fault::because("more is taken away than there is"))?;
    let strides = strides(&from);
    let outside = from.iter().product();
    let source = |at: Vec<usize>| {
        let along = at.iter().zip(pads).zip(&from);
        let inside: Option<Vec<usize>> =
            along.map(|((index, (begin, _)), size)| fold(*index as i64 - begin, *size as i64, mode)).collect();
        inside.map_or(outside, |inside| position(&inside, &strides))
    };
    let places: Vec<usize> = coordinates(&shape).map(source).collect();
    call.picked(x, &shape, places, Some(fill))
}

/// Where an index that may lie outside an axis is taken from.
fn fold(index: i64, size: i64, mode: &str) -> Option<usize> {
    let inside = match mode {
        _ if (0..size).contains(&index) => index,
        "edge" if size > 0 => index.clamp(0, size - 1),
        "wrap" if size > 0 => index.rem_euclid(size),
        "reflect" if size > 1 => {
            let period = index.rem_euclid(2 * (size - 1));
            period.min(2 * (size - 1) - period)
        }
        "reflect" if size == 1 => 0,
        _ => return None,
    };
    usize::try_from(inside).ok()
}

fn center_crop_pad(call: &mut Call) -> Outcome {
    let target = super::shape::sizes(call, 1)?;
    let x = call.value(0)?;
    let from = x.shape();
    let along = match call.ints("axes")? {
        Some(given) => axes(&given, from.len())?,
        None => (0..from.len()).collect(),
    };
    let mut pads = vec![(0, 0); from.len()];
    for (axis, &wanted) in along.into_iter().zip(&target) {
        let more = wanted as i64 - from[axis] as i64;
        let begin = if more < 0 { -(-more / 2) } else { more / 2 };
        pads[axis] = (begin, more - begin);
    }
    let fill = HostTensor::floats(x.element(), &[], [0.0]);
    Ok(vec![padded(call, x, &pads, "constant", &fill)?])
}
