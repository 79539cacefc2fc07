//! Matrix products.

use super::Inferred;
use super::context::{Context, unknown};
use crate::{Dim, GraphError, Value};

/// `A B + C`, where A and B may be transposed.
pub(super) fn gemm(context: &Context<'_>) -> Inferred {
    let (a, b) = (context.input(0)?, context.input(1)?);
    let element = context.same_element(&[a, b])?;
    context.ranked(a, 2)?;
    context.ranked(b, 2)?;
    let (rows, inner) = if context.flag("transA") { (1, 0) } else { (0, 1) };
    let (depth, columns) = if context.flag("transB") { (1, 0) } else { (0, 1) };
    context.agree((a, inner), (b, depth))?;
    let shape = vec![a.shape[rows].clone(), b.shape[columns].clone()];
    if let Some(c) = context.optional(2) {
        context.same_element(&[a, c])?;
        added(context, &shape, c)?;
    }
    Ok(vec![(element, shape)])
}

/// C may be broadcast to the product, never the product to C.
fn added(context: &Context<'_>, product: &[Dim], c: &Value) -> Result<(), GraphError> {
    let shape = context.broadcast(product, &c.shape)?;
    let grows = |(before, after): (&Dim, &Dim)| before.fixed() == Some(1) && after.fixed() != Some(1);
    if shape.len() > product.len() || product.iter().zip(&shape).any(grows) {
        return Err(context.refuse(format!("`{c}` is larger than the product {}", crate::brackets(product))));
    }
    Ok(())
}

/// NumPy's matmul: vectors are taken as a row before and a column after, leading axes are broadcast.
pub(super) fn matmul(context: &Context<'_>) -> Inferred {
    let (a, b) = (context.input(0)?, context.input(1)?);
    let element = context.same_element(&[a, b])?;
    if a.shape.is_empty() || b.shape.is_empty() {
        return Err(context.refuse(format!("`{a}` and `{b}` should both have an axis")));
    }
    context.agree((a, a.shape.len() - 1), (b, b.shape.len().saturating_sub(2)))?;
    let (batch_a, row) = split(&a.shape, 1);
    let (batch_b, column) = split(&b.shape, 0);
    let mut shape = context.broadcast(batch_a, batch_b)?;
    shape.extend(row.into_iter().chain(column));
    Ok(vec![(element, shape)])
}

/// The leading axes of a stack of matrices, and the axis that the product keeps: the one that stands `kept` before
/// the last. A vector has neither.
fn split(shape: &[Dim], kept: usize) -> (&[Dim], Option<Dim>) {
    match shape.len() {
        0 | 1 => (&[], None),
        rank => (&shape[..rank - 2], Some(shape[rank - 1 - kept].clone())),
    }
}

/// As many positions as there are queries, each as wide as the values. Heads are an axis, or lie beside one another.
pub(super) fn attention(context: &Context<'_>) -> Inferred {
    let (queries, values) = (context.input(0)?, context.input(2)?);
    context.ranked(values, queries.shape.len())?;
    let heads = |name: &str| context.int(name).and_then(|heads| usize::try_from(heads).ok()).filter(|heads| *heads > 0);
    let mut shape = queries.shape.clone();
    match (shape.as_mut_slice(), values.shape.as_slice()) {
        ([.., depth], [_, _, _, own]) => *depth = own.clone(),
        ([_, _, width], [_, _, own]) => {
            let wide = |own: usize| (own / heads("kv_num_heads")?).checked_mul(heads("q_num_heads")?);
            *width = own.fixed().and_then(wide).map_or_else(unknown, Dim::Fixed);
        }
        _ => return Err(context.refuse(format!("`{queries}` should have three or four axes"))),
    }
    Ok(vec![(queries.element, shape)])
}
