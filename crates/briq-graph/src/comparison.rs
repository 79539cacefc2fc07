//! What differs between two graphs.
//!
//! Names are a hint and no more: exporters number nodes and values anew whenever anything changes. So nodes are first
//! matched by what they compute, from the inputs downwards and from the outputs upwards, then by name, then by their
//! neighbours; what is left was added or removed. Values have no identity of their own: they are the outputs of matched nodes.

mod changes;
mod matching;
mod wiring;

use std::collections::HashMap;

use self::matching::Matching;
use self::wiring::{Source, Wiring};
use crate::{Graph, GraphError};

/// How two graphs, an older and a newer one, differ. Nodes and initializers are positions in their graphs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Comparison {
    /// Nodes that are the same one, in the order in which the newer graph is computed; those in `changed` are among them.
    pub pairs: Vec<(usize, usize)>,
    /// Nodes of the newer graph alone, in the order in which they are computed.
    pub added: Vec<usize>,
    /// Nodes of the older graph alone, in the order in which they were computed.
    pub removed: Vec<usize>,
    /// Nodes of both that differ.
    pub changed: Vec<Changed>,
    /// Outputs of both that another node gives: `output \`scores\` was … and is …`.
    pub outputs: Vec<String>,
    /// Initializers of either graph, in the order in which the newer graph reads them; those of the older alone come last.
    pub tensors: Vec<(Option<usize>, Option<usize>)>,
}

/// A node of both graphs that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The node in the older graph.
    pub before: usize,
    /// The node in the newer graph.
    pub after: usize,
    /// What differs, one thing each: `kernel_shape was [3, 3] and is [5, 5]`.
    pub what: Vec<String>,
}

impl Comparison {
    /// Whether the graphs compute the same, whatever their names are, as far as structure says.
    pub fn is_same(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty() && self.outputs.is_empty()
    }
}

/// Compares a newer graph with an older one, in time that grows with their edges.
///
/// The values of parameters are not looked at: only the form of floating-point constants counts, and of others also
/// what they hold, as far as it stands in the graph.
///
/// # Errors
/// Nodes that wait for one another, and values that nothing produces.
pub fn compare(before: &Graph, after: &Graph) -> Result<Comparison, GraphError> {
    let (old, new) = (Wiring::new(before)?, Wiring::new(after)?);
    let matching = Matching::of(&old, &new);
    let pairs: Vec<(usize, usize)> = new.order.iter().filter_map(|&node| Some((matching.older(node)?, node))).collect();
    let changed = |&(before, after): &(usize, usize)| {
        let what = changes::of(&old, &new, &matching, (before, after));
        (!what.is_empty()).then_some(Changed { before, after, what })
    };
    Ok(Comparison {
        added: new.order.iter().copied().filter(|&node| matching.older(node).is_none()).collect(),
        removed: old.order.iter().copied().filter(|&node| matching.newer(node).is_none()).collect(),
        changed: pairs.iter().filter_map(changed).collect(),
        outputs: changes::of_outputs(&old, &new, &matching),
        tensors: tensors(&old, &new, &pairs),
        pairs,
    })
}

/// Which initializers are the same one: those that the same node reads at the same place, then those of the same name.
fn tensors(old: &Wiring<'_>, new: &Wiring<'_>, pairs: &[(usize, usize)]) -> Vec<(Option<usize>, Option<usize>)> {
    let mut older: HashMap<usize, usize> = HashMap::new();
    let mut taken = vec![false; old.graph.initializers.len()];
    let mut pair = |before: usize, after: usize| {
        if !taken[before] && !older.contains_key(&after) {
            taken[before] = true;
            older.insert(after, before);
        }
    };
    for &(before, after) in pairs {
        for sources in old.sources[before].iter().zip(&new.sources[after]) {
            if let (Source::Constant(before), Source::Constant(after)) = sources {
                pair(*before, *after);
            }
        }
    }
    for (after, initializer) in new.graph.initializers.iter().enumerate() {
        if let Some(&before) = old.constants.get(initializer.name.as_str()) {
            pair(before, after);
        }
    }
    let of_both = new.reading_order().into_iter().map(|after| (older.get(&after).copied(), Some(after)));
    let gone = old.reading_order().into_iter().filter(|&before| !taken[before]).map(|before| (Some(before), None));
    of_both.chain(gone).collect()
}
