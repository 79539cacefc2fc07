//! Products with a constant matrix are carried out on all axes: what merged the leading ones before them, because the exporter's
//! product takes two axes, moves behind, where it meets what splits them again.

use super::rewriter::{Id, Rewriter};
use super::{Changes, FUSED_DOMAIN};
use crate::shape::Inference;
use crate::{GraphError, Node};

pub(super) fn run(rewriter: &mut Rewriter<'_>) -> Result<Changes, GraphError> {
    let mut changes = Changes::default();
    let inference = rewriter.infer()?;
    for id in rewriter.order()? {
        let Some((input, columns)) = merged(rewriter, &inference, rewriter.node(id)) else { continue };
        changes.count("product");
        swap(rewriter, id, &input, columns);
    }
    Ok(changes)
}

/// What a `Reshape` before a product is given, where it merges the leading axes alone; and the product's columns.
fn merged(rewriter: &Rewriter<'_>, inference: &Inference, node: &Node) -> Option<(String, i64)> {
    let product = node.domain == FUSED_DOMAIN && node.operator == "Gemm" && node.input(3).is_none();
    let reshape = rewriter.made_by(node.input(0).filter(|_| product)?, "Reshape")?;
    let (before, after) = (inference.value(reshape.operand(0))?, inference.value(&reshape.outputs[0])?);
    let last = |shape: &[crate::Dim]| shape.last().and_then(crate::Dim::fixed);
    let kept = last(&before.shape).is_some() && last(&before.shape) == last(&after.shape);
    let columns = last(&inference.value(&node.outputs[0])?.shape)?;
    (kept && before.shape.len() > 2 && after.shape.len() == 2)
        .then(|| Some((reshape.operand(0).to_owned(), i64::try_from(columns).ok().filter(|&columns| columns > 0)?)))?
}

fn swap(rewriter: &mut Rewriter<'_>, id: Id, input: &str, columns: i64) {
    let mut product = rewriter.node(id).clone();
    let output = product.outputs[0].clone();
    let whole = rewriter.fresh(&output);
    input.clone_into(&mut product.inputs[0]);
    product.outputs = vec![whole.clone()];
    rewriter.add(product, id);
    let target = rewriter.add_integers(&output, &[-1, columns]);
    rewriter.replace(id, Node::new("", "Reshape", &[&whole, &target], &[&output]));
}
