//! Operators that write elements by index.

use super::indexing::{indices, pointed};
use super::space::{coordinates, position, strides};
use super::{Call, Fault, Operator, Outcome, axis};
use crate::value::{Elements, HostTensor};

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("Scatter", scatter_elements),
    ("ScatterElements", scatter_elements),
    ("ScatterND", scatter_nd),
    ("TensorScatter", tensor_scatter),
];

/// What becomes of an element that is written to.
#[derive(Clone, Copy)]
enum Merge {
    Replace,
    Add,
    Multiply,
    Greatest,
    Least,
}

impl Merge {
    fn of(call: &Call) -> Result<Self, Fault> {
        match call.string("reduction")? {
            None | Some("none") => Ok(Self::Replace),
            Some("add") => Ok(Self::Add),
            Some("mul") => Ok(Self::Multiply),
            Some("max") => Ok(Self::Greatest),
            Some("min") => Ok(Self::Least),
            Some(other) => Err(Fault::because(format!("reduction `{other}` is not known"))),
        }
    }

    fn floats(self, old: f64, new: f64) -> f64 {
        match self {
            Self::Replace => new,
            Self::Add => old + new,
            Self::Multiply => old * new,
            Self::Greatest => old.max(new),
            Self::Least => old.min(new),
        }
    }

    fn integers(self, old: i128, new: i128) -> i128 {
        match self {
            Self::Replace => new,
            Self::Add => old + new,
            Self::Multiply => old * new,
            Self::Greatest => old.max(new),
            Self::Least => old.min(new),
        }
    }

    /// Writes elements of `updates` to places of `target`.
    fn apply(
        self,
        target: HostTensor,
        updates: &HostTensor,
        places: impl IntoIterator<Item = (usize, usize)>,
    ) -> HostTensor {
        let HostTensor { element, shape, data } = target;
        match (data, &updates.data) {
            (Elements::Floats(mut numbers), Elements::Floats(new)) => {
                places.into_iter().for_each(|(to, from)| numbers[to] = self.floats(numbers[to], new[from]));
                HostTensor::floats(element, &shape, numbers)
            }
            (Elements::Integers(mut numbers), Elements::Integers(new)) => {
                places.into_iter().for_each(|(to, from)| numbers[to] = self.integers(numbers[to], new[from]));
                HostTensor::integers(element, &shape, numbers)
            }
            (data, _) => {
                let mut target = HostTensor { element, shape, data };
                places.into_iter().for_each(|(to, from)| target.put(to, updates, from));
                target
            }
        }
    }
}

fn scatter_elements(call: &mut Call) -> Outcome {
    let merge = Merge::of(call)?;
    let (x, index, updates) = (call.host(0)?, call.host(1)?, call.host(2)?);
    let axis = axis(call.int("axis", 0)?, x.shape.len())?;
    if index.shape.len() != x.shape.len() || updates.count() != index.count() {
        return Err(Fault::because("indices and updates differ in shape"));
    }
    let chosen = indices(&index, x.shape[axis])?;
    let strides = strides(&x.shape);
    let target = |(mut at, chosen): (Vec<usize>, &usize)| {
        at[axis] = *chosen;
        position(&at, &strides)
    };
    let places: Vec<usize> = coordinates(&index.shape).zip(&chosen).map(target).collect();
    call.answer(merge.apply(x, &updates, places.into_iter().zip(0..)))
}

fn scatter_nd(call: &mut Call) -> Outcome {
    let merge = Merge::of(call)?;
    let (x, index, updates) = (call.host(0)?, call.host(1)?, call.host(2)?);
    let starts = pointed(&x.shape, &index, 0)?;
    let depth = index.shape.last().copied().unwrap_or(0);
    let after: usize = x.shape[depth..].iter().product();
    if updates.count() != starts.len() * after {
        return Err(Fault::because(format!("updates of shape {:?} do not fit", updates.shape)));
    }
    let places = starts.iter().flat_map(|&start| start..start + after).zip(0..);
    call.answer(merge.apply(x, &updates, places))
}

/// Writes new entries into a cache, from a place that differs for each example.
fn tensor_scatter(call: &mut Call) -> Outcome {
    let circular = call.string("mode")? == Some("circular");
    let (x, updates) = (call.host(0)?, call.host(1)?);
    let axis = axis(call.int("axis", -2)?, x.shape.len())?;
    let starts = call.integers(2)?.unwrap_or_else(|| vec![0; x.shape[0]]);
    let (strides, length) = (strides(&x.shape), x.shape[axis]);
    let target = |mut at: Vec<usize>| {
        let place = at[axis] + usize::try_from(starts[at[0]]).ok()?;
        at[axis] = if circular { place % length } else { place };
        (at[axis] < length).then(|| position(&at, &strides))
    };
    let places = coordinates(&updates.shape).map(target).collect::<Option<Vec<_>>>();
    let places = places.ok_or_else(|| Fault::because("an update lies outside the cache"))?;
    call.answer(Merge::Replace.apply(x, &updates, places.into_iter().zip(0..)))
}
