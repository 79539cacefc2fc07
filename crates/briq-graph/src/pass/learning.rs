//! `Dropout` drops nothing once learning is over.

use super::Changes;
use super::rewriter::Rewriter;
use crate::{GraphError, Node};

pub(super) fn run(rewriter: &mut Rewriter<'_>) -> Result<Changes, GraphError> {
    let mut changes = Changes::default();
    for id in rewriter.order()? {
        let node = rewriter.node(id);
        if !node.is("Dropout") || !is_idle(rewriter, node) {
            continue;
        }
        let (input, output) = (node.operand(0).to_owned(), node.outputs[0].clone());
        if rewriter.substitute(&output, &input) {
            changes.count("Dropout");
        }
    }
    Ok(changes)
}

/// Whether nobody asks what was dropped, and the node itself does not insist on dropping.
fn is_idle(rewriter: &Rewriter<'_>, node: &Node) -> bool {
    let mask = node.outputs[1..].iter().any(|mask| rewriter.is_pinned(mask) || rewriter.readers(mask).next().is_some());
    let insists = node.input(2).is_some_and(|flag| !is_off(rewriter, flag));
    let before_7 = node.attributes.get("is_test").and_then(crate::Attribute::as_int) == Some(0);
    !(mask || insists || before_7)
}

fn is_off(rewriter: &Rewriter<'_>, flag: &str) -> bool {
    rewriter.constant(flag).and_then(|tensor| rewriter.bytes(tensor)).is_some_and(|bytes| bytes.as_ref() == [0])
}
