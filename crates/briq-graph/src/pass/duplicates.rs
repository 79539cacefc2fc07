//! Nodes that compute the same from the same, and small constants that hold the same, become one.

use std::collections::HashMap;

use super::Changes;
use super::constants::is_deterministic;
use super::rewriter::Rewriter;
use crate::{Data, ElementType, GraphError, Node};

/// The most bytes of a constant that is compared with others.
const MAX_COMPARED: usize = 1024;

pub(super) fn run(rewriter: &mut Rewriter<'_>) -> Result<Changes, GraphError> {
    let mut changes = Changes::default();
    for (old, new) in equal_constants(rewriter) {
        if !rewriter.is_pinned(&old) && rewriter.substitute(&old, &new) {
            changes.count("constant");
        }
    }
    let mut seen: HashMap<String, usize> = HashMap::new();
    for id in rewriter.order()? {
        let node = rewriter.node(id);
        if !is_deterministic(node) {
            continue;
        }
        let first = *seen.entry(key(node)).or_insert(id);
        if first != id && merge(rewriter, id, first) {
            changes.count("node");
        }
    }
    Ok(changes)
}

/// Each small constant that another one before it equals, with that one.
fn equal_constants(rewriter: &Rewriter<'_>) -> Vec<(String, String)> {
    let mut seen: HashMap<(ElementType, &[usize], &[u8]), &str> = HashMap::new();
    let mut equal = Vec::new();
    for tensor in rewriter.graph().initializers.iter().filter(|tensor| !tensor.name.is_empty()) {
        let Data::Inline(bytes) = &tensor.data else { continue };
        if bytes.len() > MAX_COMPARED {
            continue;
        }
        match seen.entry((tensor.element, &tensor.shape, bytes)) {
            std::collections::hash_map::Entry::Occupied(first) => {
                equal.push((tensor.name.clone(), (*first.get()).to_owned()));
            }
            std::collections::hash_map::Entry::Vacant(place) => drop(place.insert(&tensor.name)),
        }
    }
    equal
}

/// All that decides what a node computes, and which of its outputs are wanted.
fn key(node: &Node) -> String {
    let wanted: Vec<bool> = node.outputs.iter().map(|name| !name.is_empty()).collect();
    format!("{}:{} {:?} {:?} {wanted:?}", node.domain, node.operator, node.inputs, node.attributes)
}

fn merge(rewriter: &mut Rewriter<'_>, id: usize, first: usize) -> bool {
    let old = rewriter.node(id).outputs.clone();
    let new = rewriter.node(first).outputs.clone();
    // Two values that are both seen from outside need two nodes.
    if old.len() > 1 && old.iter().any(|name| rewriter.is_pinned(name)) {
        return false;
    }
    let pairs = old.iter().zip(&new).filter(|(old, _)| !old.is_empty());
    pairs.fold(true, |merged, (old, new)| rewriter.substitute(old, new) && merged)
}
