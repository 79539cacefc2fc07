//! Operators that pick, repeat or generate.

use super::Inferred;
use super::context::{Context, unknown};
use super::elements::Element;
use super::size::at_most;
use crate::{Dim, ElementType};

/// The lengths of the axes, as integers.
pub(super) fn shape(context: &Context<'_>) -> Inferred {
    let rank = context.input(0)?.shape.len();
    Ok(vec![(ElementType::I64, vec![context.shape_range(rank).len().into()])])
}

pub(super) fn size(context: &Context<'_>) -> Inferred {
    context.input(0)?;
    Ok(vec![(ElementType::I64, Vec::new())])
}

/// The axis that is gathered along becomes the axes of the indices.
pub(super) fn gather(context: &Context<'_>) -> Inferred {
    let (data, indices) = (context.input(0)?, context.input(1)?);
    let axis = context.axis(context.int("axis").unwrap_or(0), data.shape.len())?;
    let mut shape = data.shape.clone();
    shape.splice(axis..=axis, indices.shape.iter().cloned());
    Ok(vec![(data.element, shape)])
}

/// What a `Slice` takes from one axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    axis: i64,
    start: i64,
    end: i64,
    step: i64,
}

impl Range {
    /// The positions taken from an axis of that length.
    pub(super) fn positions(self, length: usize) -> impl ExactSizeIterator<Item = usize> {
        let length = length as i64;
        let counted = |at: i64| if at < 0 { at.saturating_add(length) } else { at };
        let (low, high) = if self.step > 0 { (0, length) } else { (-1, length - 1) };
        let start = counted(self.start).clamp(low.max(0), high.max(0));
        let end = counted(self.end).clamp(low, high);
        let reach = if self.step > 0 { end - start } else { start - end };
        let count = if length == 0 { 0 } else { reach.max(0).unsigned_abs().div_ceil(self.step.unsigned_abs()) };
        (0..count as usize).map(move |place| (start + place as i64 * self.step) as usize)
    }
}

impl Context<'_> {
    /// What a `Slice` takes, where that is known, from an input of that rank.
    pub(super) fn slices(&self, rank: usize) -> Option<Vec<Range>> {
        let given = |name: &str, position: usize| self.ints_or_input(name, position).ok();
        let (starts, ends) = (given("starts", 1)??, given("ends", 2)??);
        let axes = given("axes", 3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = given("steps", 4)?.unwrap_or_else(|| vec![1; starts.len()]);
        let same = [ends.len(), axes.len(), steps.len()].iter().all(|&count| count == starts.len());
        if !same || starts.len() > rank || steps.iter().any(|&step| step == 0 || step == i64::MIN) {
            return None;
        }
        let range = |at: usize| Range { axis: axes[at], start: starts[at], end: ends[at], step: steps[at] };
        Some((0..starts.len()).map(range).collect())
    }

    /// The axes that a `Slice` cuts, where how it cuts them is not known.
    fn sliced_axes(&self, rank: usize) -> Vec<i64> {
        let given = self.ints_or_input("axes", 3).ok().flatten();
        given.unwrap_or_else(|| (0..rank as i64).collect())
    }
}

pub(super) fn slice(context: &Context<'_>) -> Inferred {
    let input = context.input(0)?;
    let rank = input.shape.len();
    let mut shape = input.shape.clone();
    let Some(ranges) = context.slices(rank) else {
        if let Some((axis, length)) = bounded(context, &shape) {
            shape[axis] = length;
            return Ok(vec![(input.element, shape)]);
        }
        for axis in context.sliced_axes(rank) {
            shape[context.axis(axis, rank)?] = unknown();
        }
        return Ok(vec![(input.element, shape)]);
    };
    for range in ranges {
        let axis = context.axis(range.axis, rank)?;
        let all = range.start == 0 && range.end >= i64::from(i32::MAX) && range.step == 1;
        if !all {
            let length = shape[axis].fixed().map(|length| Dim::Fixed(range.positions(length).len()));
            shape[axis] = length.unwrap_or_else(unknown);
        }
    }
    Ok(vec![(input.element, shape)])
}

/// The first so many of an axis of known length, as many as some dynamic axis is long: how a network takes as many
/// positions from a table as there are tokens.
fn bounded(context: &Context<'_>, shape: &[Dim]) -> Option<(usize, Dim)> {
    let given = |name: &str, position: usize| context.ints_or_input(name, position).ok().flatten();
    let (starts, axes) = (given("starts", 1)?, given("axes", 3)?);
    let ([0], [axis]) = (starts.as_slice(), axes.as_slice()) else { return None };
    let plain = context.optional(4).is_none() || given("steps", 4)?.as_slice() == [1];
    let [Element::Length(symbol)] = context.elements(2)? else { return None };
    let axis = context.axis(*axis, shape.len()).ok().filter(|_| plain)?;
    Some((axis, at_most(shape[axis].fixed()?, symbol)?))
}

/// The shape that an input of integers spells out.
fn spelled(context: &Context<'_>, position: usize) -> Result<Vec<Dim>, crate::GraphError> {
    let wanted = || context.refuse(format!("its input {position} is no shape that is known before it runs"));
    if let Some(elements) = context.elements(position) {
        return elements.iter().map(Element::to_length).collect::<Option<_>>().ok_or_else(wanted);
    }
    // How many axes there are may be known where their lengths are not.
    match context.input(position)?.shape.as_slice() {
        [Dim::Fixed(rank)] if *rank <= crate::onnx::MAX_RANK => Ok(vec![unknown(); *rank]),
        _ => Err(wanted()),
    }
}

pub(super) fn expand(context: &Context<'_>) -> Inferred {
    let input = context.input(0)?;
    let shape = context.broadcast(&input.shape, &spelled(context, 1)?)?;
    Ok(vec![(input.element, shape)])
}

pub(super) fn constant_of_shape(context: &Context<'_>) -> Inferred {
    let value = context.attribute("value").and_then(crate::Attribute::as_tensor);
    Ok(vec![(value.map_or(ElementType::F32, |tensor| tensor.element), spelled(context, 0)?)])
}

/// A condition and two inputs of one type, broadcast.
pub(super) fn choose(context: &Context<'_>) -> Inferred {
    let [condition, a, b] = [context.input(0)?, context.input(1)?, context.input(2)?];
    let element = context.same_element(&[a, b])?;
    let both = context.broadcast(&a.shape, &b.shape)?;
    Ok(vec![(element, context.broadcast(&condition.shape, &both)?)])
}

pub(super) fn range(context: &Context<'_>) -> Inferred {
    let element = context.input(0)?.element;
    let one = |position: usize| context.elements(position).and_then(<[Element]>::first);
    let length = match (one(0), one(1), one(2)) {
        (Some(Element::Known(start)), Some(Element::Known(limit)), Some(Element::Known(delta))) if *delta != 0 => {
            count(*start, *limit, *delta).map(Dim::Fixed)
        }
        (Some(Element::Known(0)), Some(limit @ Element::Length(_)), Some(Element::Known(1))) => limit.to_length(),
        _ => None,
    };
    Ok(vec![(element, vec![length.unwrap_or_else(unknown)])])
}

fn count(start: i64, limit: i64, delta: i64) -> Option<usize> {
    let (reach, step) = (i128::from(limit) - i128::from(start), i128::from(delta));
    let whole = reach / step + i128::from(reach % step != 0);
    usize::try_from(if (reach < 0) == (step < 0) { whole } else { 0 }).ok()
}

/// Equal parts, or parts of the lengths that are given.
pub(super) fn split(context: &Context<'_>) -> Inferred {
    let input = context.input(0)?;
    let axis = context.axis(context.int("axis").unwrap_or(0), input.shape.len())?;
    let outputs = context.outputs();
    let lengths: Vec<Dim> = match context.ints_or_input("split", 1) {
        Ok(Some(lengths)) => {
            lengths.iter().map(|&length| usize::try_from(length).map_or_else(|_| unknown(), Dim::Fixed)).collect()
        }
        Ok(None) => equal_parts(&input.shape[axis], outputs),
        Err(_) => vec![unknown(); outputs],
    };
    let part = |length: Dim| {
        let mut shape = input.shape.clone();
        shape[axis] = length;
        (input.element, shape)
    };
    Ok(lengths.into_iter().map(part).collect())
}

/// All of ⌈length / parts⌉, the last of what is left.
fn equal_parts(length: &Dim, parts: usize) -> Vec<Dim> {
    let Some(length) = length.fixed() else { return vec![unknown(); parts] };
    let each = length.div_ceil(parts.max(1));
    (0..parts).map(|part| Dim::Fixed(length.saturating_sub(each * part).min(each))).collect()
}

pub(super) fn tile(context: &Context<'_>) -> Inferred {
    let input = context.input(0)?;
    let repeats = context.ints_or_input("repeats", 1).ok().flatten();
    let times = |axis: usize, length: &Dim| {
        let count = usize::try_from(*repeats.as_ref()?.get(axis)?).ok()?;
        if count == 1 { Some(length.clone()) } else { length.fixed()?.checked_mul(count).map(Dim::Fixed) }
    };
    let shape = input.shape.iter().enumerate().map(|(axis, length)| times(axis, length).unwrap_or_else(unknown));
    Ok(vec![(input.element, shape.collect())])
}

/// Lengths before the axes, then lengths after them; negative ones cut.
pub(super) fn pad(context: &Context<'_>) -> Inferred {
    let input = context.input(0)?;
    let rank = input.shape.len();
    let pads = context.ints_or_input("pads", 1).ok().flatten().filter(|pads| pads.len() == 2 * rank);
    let pads = pads.filter(|_| context.optional(3).is_none());
    let padded = |axis: usize, length: &Dim| {
        let pads = pads.as_ref()?;
        match (pads[axis], pads[axis + rank]) {
            (0, 0) => Some(length.clone()),
            (before, after) => {
                let length = i64::try_from(length.fixed()?).ok()?.checked_add(before)?.checked_add(after)?;
                usize::try_from(length).ok().map(Dim::Fixed)
            }
        }
    };
    let shape = input.shape.iter().enumerate().map(|(axis, length)| padded(axis, length).unwrap_or_else(unknown));
    Ok(vec![(input.element, shape.collect())])
}

/// Each row of indices picks what lies behind the axes that it counts.
pub(super) fn gather_nd(context: &Context<'_>) -> Inferred {
    let (data, indices) = (context.input(0)?, context.input(1)?);
    let shared = usize::try_from(context.int("batch_dims").unwrap_or(0)).ok();
    let rows = indices.shape.split_last().and_then(|(count, rows)| Some((count.fixed()?, rows)));
    let picked = rows.and_then(|(count, rows)| {
        let behind = data.shape.get(shared?.checked_add(count)?..)?;
        Some(rows.iter().chain(behind).cloned().collect())
    });
    let misfit = || context.refuse(format!("the rows of `{indices}` do not pick from `{data}`"));
    Ok(vec![(data.element, picked.ok_or_else(misfit)?)])
}

/// As many as there are indices.
pub(super) fn gather_elements(context: &Context<'_>) -> Inferred {
    Ok(vec![(context.input(0)?.element, context.input(1)?.shape.clone())])
}
