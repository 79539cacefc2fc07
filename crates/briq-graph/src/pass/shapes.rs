//! What follows from shapes that are known before the graph runs becomes a constant.
//!
//! A `Reshape` is the usual reader of such a chain. Where all but one of the lengths that it is given are known, that one is
//! written as -1, so that the chain behind a dynamic batch goes too.

use super::Changes;
use super::rewriter::{Id, Rewriter};
use crate::shape::{Element, Inference, Size};
use crate::{Attribute, Data, Dim, ElementType, GraphError, Initializer, Node, Value};

pub(super) fn run(rewriter: &mut Rewriter<'_>) -> Result<Changes, GraphError> {
    let mut changes = Changes::default();
    let inference = rewriter.infer()?;
    for id in rewriter.order()? {
        if let Some(tensor) = known(rewriter.node(id), &inference) {
            changes.count("constant");
            rewriter.settle(id, vec![tensor]);
        } else if let Some(target) = target(rewriter, rewriter.node(id), &inference) {
            changes.count("Reshape");
            aim(rewriter, id, &target);
        }
    }
    Ok(changes)
}

/// The only output of a node, where every element of it is known.
fn known(node: &Node, inference: &Inference) -> Option<Initializer> {
    let [name] = node.outputs.as_slice() else { return None };
    if node.is("Constant") {
        return None;
    }
    let elements = inference.elements(name)?.iter().map(Element::known).collect::<Option<Vec<i64>>>()?;
    let value = inference.value(name)?;
    let shape: Option<Vec<usize>> = value.shape.iter().map(Dim::fixed).collect();
    Some(Initializer {
        name: name.clone(),
        element: value.element,
        shape: shape?,
        data: Data::Inline(bytes(value, &elements)?),
    })
}

fn bytes(value: &Value, elements: &[i64]) -> Option<Vec<u8>> {
    let narrow = |&number: &i64| i32::try_from(number).ok().map(i32::to_le_bytes);
    match value.element {
        ElementType::I64 => Some(elements.iter().flat_map(|number| number.to_le_bytes()).collect()),
        ElementType::I32 => elements.iter().map(narrow).collect::<Option<Vec<_>>>().map(|all| all.concat()),
        ElementType::Bool => Some(elements.iter().map(|&bit| u8::from(bit != 0)).collect()),
        _ => None,
    }
}

/// The lengths of what a `Reshape` gives, with 0 for those that stay as they are and -1 for one that is not known.
fn target(rewriter: &Rewriter<'_>, node: &Node, inference: &Inference) -> Option<Vec<i64>> {
    if !node.is("Reshape") || rewriter.constant(node.input(1)?).is_some() || allows_zero(node) {
        return None;
    }
    let shape = inference.value(&node.outputs[0])?.shape.as_slice();
    let from = inference.value(node.input(0)?)?.shape.as_slice();
    if shape.contains(&Dim::Fixed(0)) {
        return None;
    }
    let length = |length: &Dim| length.fixed().and_then(|length| i64::try_from(length).ok());
    let mut lengths: Vec<Option<i64>> = shape.iter().map(length).collect();
    for axis in 0..shape.len() {
        let open = lengths.iter().filter(|length| length.is_none()).count();
        let stays = from.get(axis) == Some(&shape[axis]) && Size::of(&shape[axis]).is_some();
        if open > 1 && stays && lengths[axis].is_none() {
            lengths[axis] = Some(0);
        }
    }
    let open = lengths.iter().filter(|length| length.is_none()).count();
    (open <= 1).then(|| lengths.into_iter().map(|length| length.unwrap_or(-1)).collect())
}

fn allows_zero(node: &Node) -> bool {
    node.attributes.get("allowzero").and_then(Attribute::as_int).unwrap_or(0) != 0
}

fn aim(rewriter: &mut Rewriter<'_>, id: Id, target: &[i64]) {
    let mut node = rewriter.node(id).clone();
    node.inputs[1] = rewriter.add_integers(&node.inputs[1], target);
    rewriter.replace(id, node);
}
