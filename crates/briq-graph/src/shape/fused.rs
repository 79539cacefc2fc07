//! Operators that only passes make.

use super::context::Context;
use super::{Inferred, Rule, arithmetic, window};

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

/// As many positions as there are queries, each as wide as the values.
fn attention(context: &Context<'_>) -> Inferred {
    let [queries, keys, values] = [context.input(0)?, context.input(1)?, context.input(2)?];
    for value in [queries, keys, values] {
        context.ranked(value, 3)?;
    }
    context.agree((queries, 2), (keys, 2))?;
    context.agree((keys, 1), (values, 1))?;
    let shape = vec![queries.shape[0].clone(), queries.shape[1].clone(), values.shape[2].clone()];
    Ok(vec![(context.same_element(&[queries, keys, values])?, shape)])
}
