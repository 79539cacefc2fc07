//! Operators that only passes make.

use super::context::{Context, unknown};
use super::{Inferred, Rule, arithmetic, window};
use crate::Dim;

/// The operators of the domain `briq`.
pub(super) const RULES: [(&str, Rule); 4] =
    [("Attention", attention), ("Conv", window::convolution), ("Gemm", gemm), ("Silu", arithmetic::float_unary)];

/// Leading axes are kept; the weight gives the last.
fn gemm(context: &Context<'_>) -> Inferred {
    let (input, weight) = (context.input(0)?, context.input(1)?);
    let element = context.same_element(&[input, weight])?;
    context.ranked(weight, 2)?;
    let (depth, columns) = if context.flag("transB") { (1, 0) } else { (0, 1) };
    let Some(last) = input.shape.len().checked_sub(1).filter(|&last| last > 0) else {
        return Err(context.refuse(format!("`{input}` should have two axes or more")));
    };
    context.agree((input, last), (weight, depth))?;
    let mut shape = input.shape.clone();
    shape[last] = weight.shape[columns].clone();
    Ok(vec![(element, shape)])
}

/// As many positions as there are queries, each as wide as the values of all heads. Operands lie `[batch, positions,
/// heads · depth]` or `[batch, heads, positions, depth]`.
fn attention(context: &Context<'_>) -> Inferred {
    let [queries, keys, values] = [context.input(0)?, context.input(1)?, context.input(2)?];
    let element = context.same_element(&[queries, keys, values])?;
    let misfit = |value| context.refuse(format!("`{value}` should have three or four axes"));
    let ([batch, positions, _] | [batch, _, positions, _]) = queries.shape.as_slice() else {
        return Err(misfit(queries));
    };
    let heads = context.int("num_heads").and_then(|heads| usize::try_from(heads).ok());
    let width = match values.shape.as_slice() {
        [_, _, width] => width.clone(),
        [_, _, _, depth] => {
            let width = depth.fixed().and_then(|depth| depth.checked_mul(heads?));
            width.map_or_else(unknown, Dim::Fixed)
        }
        _ => return Err(misfit(values)),
    };
    Ok(vec![(element, vec![batch.clone(), positions.clone(), width])])
}
