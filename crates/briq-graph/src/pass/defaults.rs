//! Recurrent layers start from zeros; who writes the zeros out need not.

use super::Changes;
use super::rewriter::Rewriter;
use crate::{Attribute, GraphError, Node};

/// Where the initial states of `RNN`, `GRU` and `LSTM` stand among their inputs.
const STATES: [usize; 2] = [5, 6];

/// How many nodes zeros are followed through.
const MAX_STEPS: usize = 16;

pub(super) fn run(rewriter: &mut Rewriter<'_>) -> Result<Changes, GraphError> {
    let mut changes = Changes::default();
    for id in rewriter.order()? {
        let node = rewriter.node(id);
        if !["LSTM", "GRU", "RNN"].iter().any(|operator| node.is(operator)) {
            continue;
        }
        let zero = |position: &usize| node.input(*position).is_some_and(|state| is_zero(rewriter, state));
        let states: Vec<usize> = STATES.into_iter().filter(zero).collect();
        if states.is_empty() {
            continue;
        }
        let mut plain = node.clone();
        for position in states {
            plain.inputs[position].clear();
            changes.count("initial state");
        }
        rewriter.replace(id, plain);
    }
    Ok(changes)
}

/// Whether a value holds zeros alone, whatever its shape.
fn is_zero(rewriter: &Rewriter<'_>, value: &str) -> bool {
    let mut value = value;
    for _ in 0..MAX_STEPS {
        if let Some(tensor) = rewriter.weights(value) {
            return rewriter.bytes(tensor).is_some_and(|bytes| bytes.iter().all(|&byte| byte == 0));
        }
        let Some(node) = rewriter.producer(value).map(|id| rewriter.node(id)) else { return false };
        if node.is("ConstantOfShape") {
            return is_filled_with_zero(node);
        }
        let rearranging = ["Expand", "Gather", "Identity", "Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze"];
        if !rearranging.iter().any(|operator| node.is(operator)) {
            return false;
        }
        value = node.operand(0);
    }
    false
}

fn is_filled_with_zero(node: &Node) -> bool {
    let Some(value) = node.attributes.get("value") else { return true };
    let bytes = value.as_tensor().and_then(crate::Initializer::inline);
    matches!(value, Attribute::Tensor(_)) && bytes.is_some_and(|bytes| bytes.iter().all(|&byte| byte == 0))
}
