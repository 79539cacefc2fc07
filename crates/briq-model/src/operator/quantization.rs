//! From real numbers to small integers with a scale, and back (Jacob et al., 2018).

use briq_graph::ElementType;

use super::arithmetic::combined;
use super::linear::{centred, product};
use super::space::{coordinates, position, strides};
use super::{Call, Fault, Operator, Outcome, axis};
use crate::value::{Elements, HostTensor, Value, limits, round_small};

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("QuantizeLinear", quantize),
    ("DequantizeLinear", dequantize),
    ("DynamicQuantizeLinear", quantize_dynamically),
    ("QLinearMatMul", quantized_matmul),
];

/// Rounds, adds the zero point and saturates, in the zero point's type.
pub(super) fn shifted(numbers: &HostTensor, zero: &HostTensor) -> HostTensor {
    let start = zero.to_floats().first().copied().unwrap_or(0.0);
    let moved = numbers.to_floats().into_iter().map(|number| saturated(zero.element, number, start));
    HostTensor::floats(zero.element, &numbers.shape, moved)
}

fn saturated(element: ElementType, number: f64, zero: f64) -> f64 {
    if element.is_float() {
        return number + zero;
    }
    let (least, most) = limits(element);
    (number.round_ties_even() + zero).clamp(least as f64, most as f64)
}

/// For each element of a shape, which scale is its own: one for all, one along an axis, or one for each block.
fn scales(scale: &HostTensor, shape: &[usize], axis: usize, block: usize) -> Result<Vec<usize>, Fault> {
    let count: usize = shape.iter().product();
    if scale.count() == 1 {
        return Ok(vec![0; count]);
    }
    if scale.shape.len() == 1 && shape.get(axis) == scale.shape.first() && block == 0 {
        return Ok(coordinates(shape).map(|at| at[axis]).collect());
    }
    let fits = scale.shape.len() == shape.len() && block > 0 && shape[axis].div_ceil(block) <= scale.shape[axis];
    if !fits {
        return Err(Fault::because(format!("scales of shape {:?} do not fit {shape:?}", scale.shape)));
    }
    let own = strides(&scale.shape);
    let of = |mut at: Vec<usize>| {
        at[axis] /= block;
        position(&at, &own)
    };
    Ok(coordinates(shape).map(of).collect())
}

fn blocks(call: &Call, rank: usize) -> Result<(usize, usize), Fault> {
    let axis = if rank > 1 { axis(call.int("axis", 1)?, rank)? } else { 0 };
    Ok((axis, call.size("block_size", 0)?))
}

fn quantize(call: &mut Call) -> Outcome {
    let saturate = call.flag("saturate", true)?;
    let declared = call.datatype("output_dtype")?;
    let (x, scale) = (call.host(0)?, call.host(1)?);
    let zero = call.host_or_none(2)?;
    let to = zero.as_ref().map(|zero| zero.element).or(declared).unwrap_or(ElementType::U8);
    let (axis, block) = blocks(call, x.shape.len())?;
    let own = scales(&scale, &x.shape, axis, block)?;
    let (factors, zeros) = (scale.to_floats(), zero.map(|zero| zero.to_floats()));
    let one = |(number, &own): (f64, &usize)| {
        let start = zeros.as_ref().map_or(0.0, |zeros| zeros[own]);
        let quotient = f64::from((number / factors[own]) as f32);
        let number = saturated(to, quotient, start);
        if to.is_small_float() { round_small(to, number, saturate) } else { number }
    };
    let numbers: Vec<f64> = x.to_floats().into_iter().zip(&own).map(one).collect();
    if to.is_small_float() {
        return call.answer(HostTensor { element: to, shape: x.shape, data: Elements::Floats(numbers) });
    }
    call.answer(HostTensor::floats(to, &x.shape, numbers))
}

fn dequantize(call: &mut Call) -> Outcome {
    let declared = call.datatype("output_dtype")?;
    let (x, scale) = (call.host(0)?, call.host(1)?);
    let zeros = call.host_or_none(2)?.map(|zero| zero.to_floats());
    let (axis, block) = blocks(call, x.shape.len())?;
    let own = scales(&scale, &x.shape, axis, block)?;
    let factors = scale.to_floats();
    let one = |(number, &own): (f64, &usize)| (number - zeros.as_ref().map_or(0.0, |zeros| zeros[own])) * factors[own];
    let numbers = x.to_floats().into_iter().zip(&own).map(one);
    call.answer(HostTensor::floats(declared.unwrap_or(scale.element), &x.shape, numbers))
}

/// Scale and zero point from the range of the numbers, which always includes zero.
fn quantize_dynamically(call: &mut Call) -> Outcome {
    let x = call.host(0)?;
    let numbers = x.to_floats();
    let least = numbers.iter().copied().fold(0.0, f64::min);
    let most = numbers.iter().copied().fold(0.0, f64::max);
    let scale = f64::from(((most - least) / 255.0) as f32);
    let zero = if scale == 0.0 { 0.0 } else { (-least / scale).clamp(0.0, 255.0).round_ties_even() };
    let divisor = if scale == 0.0 { 1.0 } else { scale };
    let quantized = numbers.iter().map(|number| saturated(ElementType::U8, f64::from((number / divisor) as f32), zero));
    let y = HostTensor::floats(ElementType::U8, &x.shape, quantized);
    let scale = HostTensor::floats(ElementType::F32, &[], [scale]);
    Ok([y, scale, HostTensor::floats(ElementType::U8, &[], [zero])].map(Value::Host).into())
}

fn quantized_matmul(call: &mut Call) -> Outcome {
    let (a, b) = (call.host(0)?, call.host(3)?);
    let (zero_a, zero_b, zero_y) = (call.host(2)?, call.host(5)?, call.host(7)?);
    let (scale_a, scale_b, scale_y) = (call.host(1)?, call.host(4)?, call.host(6)?);
    let left = centred(&a, Some(&zero_a), a.shape.len().saturating_sub(2))?;
    let right = centred(&b, Some(&zero_b), b.shape.len().saturating_sub(1))?;
    let sums = product(&left, &right)?.cast(ElementType::F64);
    let wide = |scale: &HostTensor| {
        if scale.count() == 1 { scale.cast(ElementType::F64).reshaped(&[]) } else { scale.cast(ElementType::F64) }
    };
    let sums = combined(&sums, &wide(&scale_a), |a, b| a * b, |a, _| a)?;
    let sums = combined(&sums, &wide(&scale_b), |a, b| a * b, |a, _| a)?;
    let sums = combined(&sums, &wide(&scale_y), |a, b| a / b, |a, _| a)?;
    call.answer(shifted(&sums, &zero_y))
}
