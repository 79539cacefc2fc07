//! Nodes that change nothing, and pairs of which one is enough.

use super::Changes;
use super::rewriter::{Id, Rewriter};
use crate::shape::{Element, Inference};
use crate::{Attribute, Dim, GraphError, Node, Value};

pub(super) fn run(rewriter: &mut Rewriter<'_>) -> Result<Changes, GraphError> {
    let mut changes = Changes::default();
    let inference = rewriter.infer()?;
    for id in rewriter.order()? {
        merge(rewriter, id, &inference, &mut changes);
        let node = rewriter.node(id);
        let Some(input) = same_as(rewriter, node, &inference).map(str::to_owned) else { continue };
        let (operator, output) = (named(&node.operator), node.outputs[0].clone());
        if rewriter.substitute(&output, &input) {
            changes.count(operator);
        }
    }
    Ok(changes)
}

/// The operators that may change nothing.
const CANDIDATES: [&str; 13] = [
    "Cast",
    "Concat",
    "Expand",
    "Flatten",
    "Identity",
    "Max",
    "Min",
    "Pad",
    "Reshape",
    "Slice",
    "Squeeze",
    "Sum",
    "Transpose",
];

/// The name of a candidate, for as long as the program runs.
fn named(operator: &str) -> &'static str {
    CANDIDATES.iter().find(|name| **name == operator).copied().unwrap_or("other")
}

/// The input that a node merely repeats.
fn same_as<'r>(rewriter: &'r Rewriter<'_>, node: &'r Node, inference: &Inference) -> Option<&'r str> {
    if !node.domain.is_empty() || !CANDIDATES.contains(&node.operator.as_str()) {
        return None;
    }
    let input = node.input(0)?;
    let kept = || Some((inference.value(input)?, inference.value(&node.outputs[0])?));
    let unchanged = || kept().is_some_and(|(before, after)| is_same(before, after));
    let repeats = match node.operator.as_str() {
        "Identity" => true,
        "Cast" => kept().is_some_and(|(before, after)| before.element == after.element),
        "Reshape" | "Flatten" | "Expand" | "Squeeze" => unchanged(),
        "Slice" => unchanged() && !reverses(rewriter, node),
        "Transpose" => permutation(node).is_some_and(|order| order.iter().copied().eq(0..order.len())),
        "Pad" => unchanged() && pads(rewriter, node).is_some_and(|pads| pads.iter().all(|&pad| pad == 0)),
        _ => node.inputs.len() == 1,
    };
    repeats.then_some(input)
}

/// Whether two shapes are the same whatever the dynamic axes turn out to be.
pub(super) fn is_same(a: &Value, b: &Value) -> bool {
    let known = |length: &Dim| *length != Dim::Dynamic(String::new());
    a.element == b.element && a.shape == b.shape && a.shape.iter().all(known)
}

/// Whether a slice that takes everything may take it backwards.
fn reverses(rewriter: &Rewriter<'_>, node: &Node) -> bool {
    let steps = node.input(4).map(|steps| rewriter.integers(steps));
    steps.is_some_and(|steps| steps.is_none_or(|steps| steps.iter().any(|&step| step < 0)))
}

fn permutation(node: &Node) -> Option<Vec<usize>> {
    let order = node.attributes.get("perm")?.as_ints()?;
    order.iter().map(|&axis| usize::try_from(axis).ok().filter(|&axis| axis < order.len())).collect()
}

fn pads(rewriter: &Rewriter<'_>, node: &Node) -> Option<Vec<i64>> {
    match node.attributes.get("pads").and_then(Attribute::as_ints) {
        Some(pads) => Some(pads.to_vec()),
        None => rewriter.integers(node.input(1)?),
    }
}

/// Makes one of a node and the one before it, where both only rearrange.
fn merge(rewriter: &mut Rewriter<'_>, id: Id, inference: &Inference, changes: &mut Changes) {
    let node = rewriter.node(id);
    if !node.domain.is_empty() {
        return;
    }
    let Some(before) = node.input(0).and_then(|input| rewriter.made_by(input, &node.operator)) else { return };
    let merged = match node.operator.as_str() {
        "Transpose" => transposed(before, node),
        "Reshape" => skipped(inference, before, node),
        _ => None,
    };
    if let Some(merged) = merged {
        changes.count("pair");
        rewriter.replace(id, merged);
    }
}

fn transposed(before: &Node, node: &Node) -> Option<Node> {
    let (first, second) = (permutation(before)?, permutation(node)?);
    let order: Option<Vec<i64>> = second.iter().map(|&axis| first.get(axis).map(|&axis| axis as i64)).collect();
    let mut merged = node.clone().with("perm", order?);
    merged.inputs[0] = before.operand(0).to_owned();
    Some(merged)
}

/// The second of two alone: what the first one does is lost anyway, unless a 0 copies an axis of the shape in between.
fn skipped(inference: &Inference, before: &Node, node: &Node) -> Option<Node> {
    let target = inference.elements(node.input(1)?)?;
    let lost = target.iter().all(|length| !matches!(length, Element::Known(0) | Element::Unknown));
    let mut merged = node.clone();
    merged.inputs[0] = before.operand(0).to_owned();
    lost.then_some(merged)
}
