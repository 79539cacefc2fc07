//! Operators that change or tell the shape and leave the elements in their order.

use burn::backend::Dispatch;
use burn::backend::ops::FloatTensorOps;
use burn::tensor::Shape;

use super::space::{broadcast, spread};
use super::{Call, Fault, Operator, Outcome, axes, axis};
use crate::value::{HostTensor, Value, is_learnt, on_every_backend, reshape as reshaped};

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("Identity", |call| Ok(vec![call.value(0)?])),
    ("Flatten", flatten),
    ("Reshape", reshape),
    ("Squeeze", squeeze),
    ("Unsqueeze", unsqueeze),
    ("Expand", expand),
    ("Shape", shape_of),
    ("Size", size_of),
];

/// The same elements in another shape.
pub(super) fn to_shape(call: &mut Call, shape: &[usize]) -> Outcome {
    let value = match call.value(0)? {
        Value::Device(tensor) if !on_every_backend(shape) && !is_learnt(&tensor) => {
            Value::Host(super::call::fetch(tensor)?.reshaped(shape))
        }
        Value::Device(tensor) => Value::Device(reshaped(tensor, shape)),
        Value::Host(tensor) => call.place(tensor.reshaped(shape)),
        other => other,
    };
    Ok(vec![value])
}

fn flatten(call: &mut Call) -> Outcome {
    let given = call.int("axis", 1)?;
    let shape = call.shape(0)?;
    let axis = if given == shape.len() as i64 { shape.len() } else { axis(given, shape.len())? };
    to_shape(call, &[shape[..axis].iter().product(), shape[axis..].iter().product()])
}

/// `0` copies the input's dimension and one `-1` takes what is left.
fn reshape(call: &mut Call) -> Outcome {
    let target = call.integers_or(1, "shape")?.ok_or(Fault::MissingInput(1))?;
    let zero_copies = !call.flag("allowzero", false)?;
    let shape = resolve(&call.shape(0)?, &target, zero_copies)?;
    to_shape(call, &shape)
}

fn resolve(from: &[usize], target: &[i64], zero_copies: bool) -> Result<Vec<usize>, Fault> {
    let impossible = || Fault::Unsupported(format!("cannot reshape {from:?} to {target:?}"));
    let total: usize = from.iter().product();
    let mut shape = Vec::with_capacity(target.len());
    for (index, &wanted) in target.iter().enumerate() {
        shape.push(match wanted {
            -1 => 1,
            0 if zero_copies => *from.get(index).ok_or_else(impossible)?,
            size => usize::try_from(size).map_err(|_| impossible())?,
        });
    }
    let known = shape.iter().copied().try_fold(1_usize, usize::checked_mul).ok_or_else(impossible)?;
    if let Some(free) = target.iter().position(|wanted| *wanted == -1) {
        shape[free] = total.checked_div(known).ok_or_else(impossible)?;
    }
    let fits = shape.iter().copied().try_fold(1_usize, usize::checked_mul) == Some(total);
    fits.then_some(shape).ok_or_else(impossible)
}

fn squeeze(call: &mut Call) -> Outcome {
    let given = call.integers_or(1, "axes")?;
    let shape = call.shape(0)?;
    let dropped: Vec<usize> = match given {
        None => (0..shape.len()).filter(|&axis| shape[axis] == 1).collect(),
        Some(given) => axes(&given, shape.len())?,
    };
    if let Some(axis) = dropped.iter().find(|&&axis| shape[axis] != 1) {
        return Err(Fault::because(format!("axis {axis} of {shape:?} has not length 1")));
    }
    let left: Vec<_> = (0..shape.len()).filter(|axis| !dropped.contains(axis)).map(|axis| shape[axis]).collect();
    to_shape(call, &left)
}

fn unsqueeze(call: &mut Call) -> Outcome {
    let given = call.integers_or(1, "axes")?.ok_or(Fault::MissingInput(1))?;
    let mut shape = call.shape(0)?;
    let mut added = axes(&given, shape.len() + given.len())?;
    added.sort_unstable();
    for axis in added {
        if axis > shape.len() {
            return Err(Fault::because(format!("axes {given:?} leave a gap")));
        }
        shape.insert(axis, 1);
    }
    to_shape(call, &shape)
}

fn expand(call: &mut Call) -> Outcome {
    let target = sizes(call, 1)?;
    let from = call.shape(0)?;
    let shape = broadcast(&from, &target)?;
    if call.on_device(0) && (shape.len() == from.len() || call.learns(0)) {
        let lead = [vec![1; shape.len() - from.len()], from].concat();
        return super::one(Dispatch::float_expand(reshaped(call.tensor(0)?, &lead), Shape::from(shape)));
    }
    let x = call.host(0)?;
    call.answer(x.pick(&shape, spread(&x.shape, &shape)))
}

/// A shape that an input gives.
pub(super) fn sizes(call: &mut Call, index: usize) -> Result<Vec<usize>, Fault> {
    let given = call.integers(index)?.ok_or(Fault::MissingInput(index))?;
    let negative = |_| Fault::because(format!("{given:?} is no shape"));
    let sizes: Vec<usize> =
        given.iter().map(|size| usize::try_from(*size).map_err(negative)).collect::<Result<_, _>>()?;
    bounded(&sizes)?;
    Ok(sizes)
}

/// Refuses shapes of more elements than a network computes.
pub(crate) fn bounded(shape: &[usize]) -> Result<(), Fault> {
    let count = shape.iter().copied().try_fold(1_usize, usize::checked_mul);
    if count.is_none_or(|count| count > MAX_ELEMENTS) {
        return Err(Fault::because(format!("a tensor of shape {shape:?} is too large")));
    }
    Ok(())
}

/// The most elements of a tensor whose shape is itself computed.
const MAX_ELEMENTS: usize = 1 << 31;

fn shape_of(call: &mut Call) -> Outcome {
    let shape = call.shape(0)?;
    let rank = shape.len() as i64;
    let clamp = |given: i64| (if given < 0 { given + rank } else { given }).clamp(0, rank) as usize;
    let (start, end) = (clamp(call.int("start", 0)?), clamp(call.int("end", rank)?));
    let part = shape.get(start..end.max(start)).unwrap_or_default();
    call.answer(HostTensor::indices(&[part.len()], part.iter().copied()))
}

fn size_of(call: &mut Call) -> Outcome {
    let count = call.shape(0)?.iter().product();
    call.answer(HostTensor::indices(&[], [count]))
}

#[cfg(test)]
mod tests {
    use super::resolve;

    #[test]
    fn reshape_copies_and_infers() {
        assert_eq!(resolve(&[2, 3, 4], &[0, -1], true).expect("12 elements are left"), [2, 12]);
        assert!(resolve(&[2, 3], &[4, -1], true).is_err());
        assert!(resolve(&[2, 3], &[7], true).is_err());
    }
}
