//! Reductions along axes.

use super::Inferred;
use super::context::Context;
use crate::{Dim, ElementType};

/// `axes` is an attribute up to operator set 17 (12 for `ReduceSum`), an input after.
pub(super) fn reduce(context: &Context<'_>) -> Inferred {
    let input = context.input(0)?;
    let rank = input.shape.len();
    let given = context.ints_or_input("axes", 1)?.filter(|axes| !axes.is_empty());
    let axes = match given {
        Some(axes) => context.axes(&axes, rank)?,
        None if context.flag("noop_with_empty_axes") => Vec::new(),
        None => (0..rank).collect(),
    };
    let keep = context.int("keepdims").unwrap_or(1) != 0;
    let lengths = input.shape.iter().enumerate().filter_map(|(axis, length)| match axes.contains(&axis) {
        false => Some(length.clone()),
        true => keep.then_some(Dim::Fixed(1)),
    });
    Ok(vec![(input.element, lengths.collect())])
}

/// Positions along one axis.
pub(super) fn search(context: &Context<'_>) -> Inferred {
    let input = context.input(0)?;
    let axis = context.axis(context.int("axis").unwrap_or(0), input.shape.len())?;
    let mut shape = input.shape.clone();
    match context.int("keepdims").unwrap_or(1) {
        0 => drop(shape.remove(axis)),
        _ => shape[axis] = Dim::Fixed(1),
    }
    Ok(vec![(ElementType::I64, shape)])
}
