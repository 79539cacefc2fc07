//! Operators that keep the values and change where they are.

use super::Inferred;
use super::context::{Context, unknown};
use super::elements::Element;
use super::size::Size;
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
    match axes.iter().all(|length| length.fixed().is_some()) {
        true => Ok(product(context, axes)?.to_length()),
        false => Ok(Size::product(axes).map_or_else(unknown, |size| size.to_length())),
    }
}

/// The number of elements of axes that are all known.
fn product(context: &Context<'_>, axes: &[Dim]) -> Result<Size, GraphError> {
    Size::product(axes).ok_or_else(|| context.refuse(format!("{} has too many elements", brackets(axes))))
}

/// 0 copies an axis (unless `allowzero`), -1 takes what is left.
pub(super) fn reshape(context: &Context<'_>) -> Inferred {
    let input = context.input(0)?;
    let target = target(context)?;
    let copied = |axis: usize| target.get(axis) == Some(&Element::Known(0)) && !context.flag("allowzero");
    let lengths = target.iter().enumerate().map(|(axis, element)| match element {
        _ if copied(axis) => input.shape.get(axis).cloned().map(Some),
        Element::Known(-1) | Element::Unknown => Some(None),
        other => other.to_length().map(Some),
    });
    let misfit = || context.refuse(format!("`{input}` cannot become {}", brackets(&target)));
    let shape: Vec<Option<Dim>> = lengths.collect::<Option<_>>().ok_or_else(misfit)?;
    // What is copied cancels out; the rest has to hold as many elements before as after.
    let before = not_copied(input.shape.iter().cloned(), copied);
    let after = not_copied(shape.iter().cloned(), copied);
    let fillers = target.iter().filter(|element| **element == Element::Known(-1)).count();
    let filler = left_over(context, &before, &after)?.filter(|_| fillers < 2).ok_or_else(misfit)?;
    Ok(vec![(input.element, shape.into_iter().map(|length| length.unwrap_or_else(|| filler.clone())).collect())])
}

/// The lengths that a `Reshape` asks for, or how many they are where none is known.
fn target(context: &Context<'_>) -> Result<Vec<Element>, GraphError> {
    if let Some(elements) = context.elements(1).filter(|_| context.ints("shape").is_none()) {
        return Ok(elements.to_vec());
    }
    match context.optional(1).map(|shape| shape.shape.as_slice()) {
        Some([Dim::Fixed(rank)]) if *rank <= crate::onnx::MAX_RANK => Ok(vec![Element::Unknown; *rank]),
        _ => {
            let given = context.ints_or_input("shape", 1)?;
            let given = given.ok_or_else(|| context.refuse("it is given no shape"))?;
            Ok(given.into_iter().map(Element::Known).collect())
        }
    }
}

fn not_copied<T>(axes: impl Iterator<Item = T>, copied: impl Fn(usize) -> bool) -> Vec<T> {
    axes.enumerate().filter(|(axis, _)| !copied(*axis)).map(|(_, length)| length).collect()
}

/// The axis whose length is left open (anything, where none is), or `None` where the elements cannot be shared out so.
fn left_over(context: &Context<'_>, before: &[Dim], after: &[Option<Dim>]) -> Result<Option<Dim>, GraphError> {
    let named: Vec<Dim> = after.iter().flatten().cloned().collect();
    let all_fixed = before.iter().chain(&named).all(|length| length.fixed().is_some());
    if !all_fixed {
        let quotient = || Size::product(before)?.divided_by(&Size::product(&named)?);
        let only = after.len() - named.len() == 1;
        return Ok(Some(quotient().filter(|_| only).map_or_else(unknown, |size| size.to_length())));
    }
    let (have, wanted) = (product(context, before)?, product(context, &named)?);
    Ok(match after.len() - named.len() {
        0 => (have == wanted).then(unknown),
        1 => have.divided_by(&wanted).map(|size| size.to_length()),
        _ => Some(unknown()),
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
