//! Constants of one element: operations that they leave without effect go, and what only looks like a tensor becomes a scalar.
//!
//! Not for a graph that learns: a factor of one may be a parameter.

use super::Changes;
use super::identities::is_same;
use super::rewriter::{Id, Rewriter};
use crate::shape::Inference;
use crate::{GraphError, Initializer, Node};

pub(super) fn run(rewriter: &mut Rewriter<'_>) -> Result<Changes, GraphError> {
    let mut changes = Changes::default();
    let inference = rewriter.infer()?;
    for id in rewriter.order()? {
        shrink(rewriter, id, &inference, &mut changes);
        let node = rewriter.node(id);
        let Some((operator, input)) = neutral(rewriter, node, &inference) else { continue };
        let (input, output) = (input.to_owned(), node.outputs[0].clone());
        if rewriter.substitute(&output, &input) {
            changes.count(operator);
        }
    }
    Ok(changes)
}

/// The operand that is left as it is: the other one is a scalar integer, 0 or 1 as the operator has it.
///
/// Of floating point, only a factor of one is neutral: `-0.0 + 0.0` is `0.0`.
fn neutral<'r>(rewriter: &Rewriter<'_>, node: &'r Node, inference: &Inference) -> Option<(&'static str, &'r str)> {
    let (what, element, commutes) = match node.operator.as_str() {
        _ if !node.domain.is_empty() => return None,
        "Add" => ("Add", 0, true),
        "Sub" => ("Sub", 0, false),
        "Mul" => ("Mul", 1, true),
        "Div" => ("Div", 1, false),
        _ => return None,
    };
    let is_neutral = |name: &str| {
        let constant = rewriter.constant(name);
        let exact = constant.is_some_and(|tensor| element == 1 || !tensor.element.is_float());
        exact && rewriter.scalar(name) == Some(element as f64)
    };
    let (a, b) = (node.input(0)?, node.input(1)?);
    let kept = match (is_neutral(a) && commutes, is_neutral(b)) {
        (_, true) => a,
        (true, _) => b,
        _ => return None,
    };
    is_same(inference.value(kept)?, inference.value(&node.outputs[0])?).then_some((what, kept))
}

/// A constant of one element beside something of as many axes becomes a scalar, as which patterns know it.
fn shrink(rewriter: &mut Rewriter<'_>, id: Id, inference: &Inference, changes: &mut Changes) {
    let node = rewriter.node(id);
    if !node.domain.is_empty() || !ARITHMETIC.contains(&node.operator.as_str()) || node.inputs.len() != 2 {
        return;
    }
    for (own, other) in [(0, 1), (1, 0)] {
        let node = rewriter.node(id);
        let Some(tensor) = rewriter.constant(node.operand(own)) else { continue };
        let rank = inference.value(node.operand(other)).map(|value| value.shape.len());
        let beside = tensor.count() == 1 && !tensor.shape.is_empty() && Some(tensor.shape.len()) <= rank;
        if !beside || tensor.inline().is_none() {
            continue;
        }
        let scalar = Initializer { shape: Vec::new(), ..tensor.clone() };
        let mut node = node.clone();
        let name = rewriter.fresh(&scalar.name);
        node.inputs[own].clone_from(&name);
        rewriter.add_constant(Initializer { name, ..scalar });
        rewriter.replace(id, node);
        changes.count("scalar");
    }
}

/// The operators that broadcast one of two operands.
const ARITHMETIC: [&str; 7] = ["Add", "Div", "Max", "Min", "Mul", "Pow", "Sub"];
