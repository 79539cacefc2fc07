//! Products with a constant matrix become `briq.Gemm`, whose matrix can be packed once.

use super::channel::{as_list, is_per_channel};
use super::rewriter::{Id, Rewriter};
use super::{Changes, FUSED_DOMAIN};
use crate::shape::Inference;
use crate::{Attribute, ElementType, GraphError, Initializer, Node};

pub(super) fn run(rewriter: &mut Rewriter<'_>) -> Result<Changes, GraphError> {
    let mut changes = Changes::default();
    let inference = rewriter.infer()?;
    for id in rewriter.order()? {
        let node = rewriter.node(id);
        let fused = match node.operator.as_str() {
            "MatMul" if node.is("MatMul") => matmul(rewriter, node, &inference).map(|fused| ("MatMul", fused)),
            "Gemm" if node.is("Gemm") => gemm(rewriter, id, &inference).map(|fused| ("Gemm", fused)),
            _ => None,
        };
        if let Some((operator, fused)) = fused {
            changes.count(operator);
            rewriter.replace(id, fused);
        }
    }
    Ok(changes)
}

fn fused(node: &Node, inputs: &[&str]) -> Node {
    let output = node.outputs[0].as_str();
    Node { domain: FUSED_DOMAIN.to_owned(), ..Node::new(&node.name, "Gemm", inputs, &[output]) }
}

fn matmul(rewriter: &Rewriter<'_>, node: &Node, inference: &Inference) -> Option<Node> {
    let (input, weight) = (node.input(0)?, node.input(1)?);
    let matrix = rewriter.weights(weight)?.shape.len() == 2;
    let stacked =
        inference.value(input).is_some_and(|value| value.shape.len() >= 2 && value.element == ElementType::F32);
    (matrix && stacked).then(|| fused(node, &[input, weight]))
}

fn gemm(rewriter: &mut Rewriter<'_>, id: Id, inference: &Inference) -> Option<Node> {
    let node = rewriter.node(id).clone();
    let float = |name: &str| node.attributes.get(name).map_or(Some(1.0), Attribute::as_float);
    let flag = |name: &str| node.attributes.get(name).and_then(Attribute::as_int).unwrap_or(0);
    let (input, weight, alpha, beta) = (node.input(0)?, node.input(1)?, float("alpha")?, float("beta")?);
    let columns = columns(&rewriter.weights(weight)?.shape, flag("transB") != 0)?;
    let term = term(rewriter, &node, inference, columns, beta).filter(|_| flag("transA") == 0)?;
    let weight = scaled(rewriter, weight, alpha, id);
    let built = match term {
        Term::None => fused(&node, &[input, &weight]),
        Term::Residual => fused(&node, &[input, &weight, "", node.operand(2)]),
        Term::Bias => {
            let bias = as_list(rewriter, node.operand(2), columns, id)?;
            let bias = scaled(rewriter, &bias, beta, id);
            fused(&node, &[input, &weight, &bias])
        }
    };
    Some(if flag("transB") != 0 { built.with("transB", 1) } else { built })
}

/// How many columns the product has.
pub(super) fn columns(weight: &[usize], transposed: bool) -> Option<usize> {
    let [rows, columns] = *weight else { return None };
    Some(if transposed { rows } else { columns })
}

/// What a `Gemm` adds to the product.
enum Term {
    None,
    Bias,
    Residual,
}

fn term(rewriter: &Rewriter<'_>, node: &Node, inference: &Inference, columns: usize, beta: f32) -> Option<Term> {
    let Some(term) = node.input(2) else { return Some(Term::None) };
    if let Some(tensor) = rewriter.weights(term) {
        return is_per_channel(&tensor.shape, 2, 1, columns).then_some(Term::Bias);
    }
    let (term, product) = (inference.value(term)?, inference.value(&node.outputs[0])?);
    (beta == 1.0 && super::identities::is_same(term, product)).then_some(Term::Residual)
}

/// A constant times a number, which is computed with the other constants.
fn scaled(rewriter: &mut Rewriter<'_>, name: &str, by: f32, beside: Id) -> String {
    if by == 1.0 {
        return name.to_owned();
    }
    let fresh = rewriter.fresh(name);
    let factor = rewriter.add_constant(Initializer::from_f32(fresh, Vec::new(), &[by]));
    rewriter.emit("Mul", &[name, &factor], beside)
}
