//! Operators that keep the values and change where they are.

use super::Inferred;
use super::context::{Context, unknown};
use crate::{Dim, GraphError, brackets};

pub(super) fn flatten(context: &Context<'_>) -> Inferred {
    let input = context.input(0)?;
    let rank = input.shape.len();
    // The axis may be the rank itself: everything then goes into the first of the two.
    let axis = match context.int("axis").unwrap_or(1) {
        axis if usize::try_from(axis) == Ok(rank) => rank,
        axis => context.axis(axis, rank)?,
    };
    let (outer, inner) = input.shape.split_at(axis);
    Ok(vec![(input.element, vec![merged(context, outer)?, merged(context, inner)?])])
}

/// The length of several axes made one.
fn merged(context: &Context<'_>, axes: &[Dim]) -> Result<Dim, GraphError> {
    let others: Vec<&Dim> = axes.iter().filter(|length| **length != Dim::Fixed(1)).collect();
    match others.as_slice() {
        [only] => Ok((*only).clone()),
        _ => Ok(product(context, axes)?.map_or_else(unknown, Dim::Fixed)),
    }
}

/// The number of elements, where every axis is known.
fn product(context: &Context<'_>, axes: &[Dim]) -> Result<Option<usize>, GraphError> {
    let Some(lengths) = axes.iter().map(Dim::fixed).collect::<Option<Vec<usize>>>() else { return Ok(None) };
    let product = lengths.iter().try_fold(1_usize, |product, &length| product.checked_mul(length));
    product.map(Some).ok_or_else(|| context.refuse(format!("{} has too many elements", brackets(axes))))
}

/// 0 copies an axis (unless `allowzero`), -1 takes what is left.
pub(super) fn reshape(context: &Context<'_>) -> Inferred {
    let input = context.input(0)?;
    let target = context.ints_or_input("shape", 1)?.ok_or_else(|| context.refuse("it is given no shape"))?;
    let copied = |axis: usize| target.get(axis) == Some(&0) && !context.flag("allowzero");
    let lengths = target.iter().enumerate().map(|(axis, &length)| match length {
        _ if copied(axis) => input.shape.get(axis).cloned().map(Some),
        -1 => Some(None),
        _ => usize::try_from(length).ok().map(|length| Some(Dim::Fixed(length))),
    });
    let misfit = || context.refuse(format!("`{input}` cannot become {}", brackets(&target)));
    let shape: Vec<Option<Dim>> = lengths.collect::<Option<_>>().ok_or_else(misfit)?;
    // What is copied cancels out; the rest has to hold as many elements before as after.
    let before = not_copied(input.shape.iter().cloned(), copied);
    let after = not_copied(shape.iter().cloned(), copied);
    let filler = left_over(context, &before, &after)?.ok_or_else(misfit)?;
    Ok(vec![(input.element, shape.into_iter().map(|length| length.unwrap_or_else(|| filler.clone())).collect())])
}

fn not_copied<T>(axes: impl Iterator<Item = T>, copied: impl Fn(usize) -> bool) -> Vec<T> {
    axes.enumerate().filter(|(axis, _)| !copied(*axis)).map(|(_, length)| length).collect()
}

/// The axis that is written as -1 (anything, where none is), or `None` where the elements cannot be shared out so.
fn left_over(context: &Context<'_>, before: &[Dim], after: &[Option<Dim>]) -> Result<Option<Dim>, GraphError> {
    let named: Vec<Dim> = after.iter().flatten().cloned().collect();
    let fillers = after.len() - named.len();
    let (fixed, dynamic): (Vec<Dim>, Vec<Dim>) = before.iter().cloned().partition(|length| length.fixed().is_some());
    let (have, wanted) = (product(context, &fixed)?.unwrap_or(1), product(context, &named)?.unwrap_or(1));
    Ok(match (dynamic.as_slice(), fillers) {
        ([], 0) => (have == wanted).then(unknown),
        ([], 1) => (wanted > 0 && have.is_multiple_of(wanted)).then(|| Dim::Fixed(have / wanted)),
        ([only], 1) if have == wanted => Some(only.clone()),
        (_, 0 | 1) => Some(unknown()),
        _ => None,
    })
}

pub(super) fn transpose(context: &Context<'_>) -> Inferred {
    let input = context.input(0)?;
    let rank = input.shape.len();
    let order = match context.ints("perm") {
        Some(order) => order.iter().map(|&axis| context.axis(axis, rank)).collect::<Result<Vec<_>, _>>()?,
        None => (0..rank).rev().collect(),
    };
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if !sorted.into_iter().eq(0..rank) {
        return Err(context.refuse(format!("{} is not an order of the axes of `{input}`", brackets(&order))));
    }
    Ok(vec![(input.element, order.iter().map(|&axis| input.shape[axis].clone()).collect())])
}

pub(super) fn concat(context: &Context<'_>) -> Inferred {
    let inputs = context.all()?;
    let element = context.same_element(&inputs)?;
    let first = inputs[0];
    let axis = context.int("axis").ok_or_else(|| context.refuse("it is given no axis"))?;
    let axis = context.axis(axis, first.shape.len())?;
    let mut shape = first.shape.clone();
    for other in &inputs[1..] {
        context.ranked(other, first.shape.len())?;
        for place in (0..shape.len()).filter(|&place| place != axis) {
            shape[place] = context.agree((first, place), (other, place))?;
        }
    }
    if inputs.len() > 1 {
        let lengths: Option<Vec<usize>> = inputs.iter().map(|input| input.shape[axis].fixed()).collect();
        shape[axis] = lengths.map_or_else(unknown, |lengths| Dim::Fixed(lengths.iter().sum()));
    }
    Ok(vec![(element, shape)])
}

/// Drops the axes named, each of length 1; without names, every axis of length 1.
pub(super) fn squeeze(context: &Context<'_>) -> Inferred {
    let input = context.input(0)?;
    let rank = input.shape.len();
    let axes = match context.ints_or_input("axes", 1)? {
        Some(axes) => context.axes(&axes, rank)?,
        None if input.shape.iter().all(|length| length.fixed().is_some()) => {
            (0..rank).filter(|&axis| input.shape[axis] == Dim::Fixed(1)).collect()
        }
        None => return Err(context.refuse(format!("it names no axes, and `{input}` is dynamic"))),
    };
    if let Some(&axis) = axes.iter().find(|&&axis| input.shape[axis].fixed().is_some_and(|length| length != 1)) {
        return Err(context.refuse(format!("axis {axis} of `{input}` is not 1")));
    }
    let kept = input.shape.iter().enumerate().filter(|(axis, _)| !axes.contains(axis));
    Ok(vec![(input.element, kept.map(|(_, length)| length.clone()).collect())])
}

pub(super) fn unsqueeze(context: &Context<'_>) -> Inferred {
    let input = context.input(0)?;
    let axes = context.ints_or_input("axes", 1)?.ok_or_else(|| context.refuse("it names no axes"))?;
    let rank = input.shape.len() + axes.len();
    let mut shape = input.shape.clone();
    for axis in context.axes(&axes, rank)? {
        shape.insert(axis, Dim::Fixed(1));
    }
    Ok(vec![(input.element, shape)])
}
