//! Operators that move elements without computing.

use burn::backend::Dispatch;
use burn::backend::ops::FloatTensorOps;

use super::{Call, Fault, Operator, Outcome, axis, one};
use crate::value::{DeviceTensor, dimensions, reshape as reshaped};

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("Identity", |call| one(call.tensor(0)?)),
    ("Flatten", flatten),
    ("Reshape", reshape),
    ("Transpose", transpose),
    ("Concat", concat),
    ("Squeeze", squeeze),
    ("Unsqueeze", unsqueeze),
];

fn flatten(call: &mut Call) -> Outcome {
    let given = call.int("axis", 1)?;
    let x = call.tensor(0)?;
    let shape = dimensions(&x);
    let axis = if given == i64::try_from(shape.len()).unwrap_or(0) { shape.len() } else { axis(given, shape.len())? };
    let rows = shape[..axis].iter().product();
    let columns = shape[axis..].iter().product();
    one(reshaped(x, &[rows, columns]))
}

/// `0` copies the input's dimension and one `-1` takes what is left.
fn reshape(call: &mut Call) -> Outcome {
    let x = call.tensor(0)?;
    let target = call.integers(1)?.ok_or(Fault::MissingInput(1))?.values;
    let zero_copies = call.int("allowzero", 0)? == 0;
    let shape = resolve(&dimensions(&x), &target, zero_copies)?;
    one(reshaped(x, &shape))
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
    let known: usize = shape.iter().product();
    if let Some(free) = target.iter().position(|wanted| *wanted == -1) {
        shape[free] = total.checked_div(known).ok_or_else(impossible)?;
    }
    let fits = shape.iter().product::<usize>() == total;
    fits.then_some(shape).ok_or_else(impossible)
}

fn transpose(call: &mut Call) -> Outcome {
    let given = call.ints("perm")?;
    let x = call.tensor(0)?;
    let rank = dimensions(&x).len();
    let axes = match given {
        None => (0..rank).rev().collect(),
        Some(axes) => axes.into_iter().map(|given| axis(given, rank)).collect::<Result<Vec<_>, _>>()?,
    };
    one(Dispatch::float_permute(x, &axes))
}

fn concat(call: &mut Call) -> Outcome {
    let given = call.int("axis", 0)?;
    let parts = (0..call.inputs.len()).map(|index| call.tensor(index)).collect::<Result<Vec<DeviceTensor>, _>>()?;
    let rank = parts.first().map_or(0, |part| dimensions(part).len());
    one(Dispatch::float_cat(parts, axis(given, rank)?))
}

fn axes(call: &mut Call) -> Result<Option<Vec<i64>>, Fault> {
    match call.integers(1)? {
        Some(tensor) => Ok(Some(tensor.values)),
        None => call.ints("axes"),
    }
}

fn squeeze(call: &mut Call) -> Outcome {
    let given = axes(call)?;
    let x = call.tensor(0)?;
    let shape = dimensions(&x);
    let dropped: Vec<usize> = match given {
        None => (0..shape.len()).filter(|&axis| shape[axis] == 1).collect(),
        Some(axes) => axes.into_iter().map(|given| axis(given, shape.len())).collect::<Result<_, _>>()?,
    };
    let left: Vec<_> = (0..shape.len()).filter(|axis| !dropped.contains(axis)).map(|axis| shape[axis]).collect();
    one(reshaped(x, &left))
}

fn unsqueeze(call: &mut Call) -> Outcome {
    let given = axes(call)?.ok_or(Fault::MissingInput(1))?;
    let x = call.tensor(0)?;
    let mut shape = dimensions(&x);
    let rank = shape.len() + given.len();
    let mut added = given.into_iter().map(|given| axis(given, rank)).collect::<Result<Vec<_>, _>>()?;
    added.sort_unstable();
    for axis in added {
        shape.insert(axis, 1);
    }
    one(reshaped(x, &shape))
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
