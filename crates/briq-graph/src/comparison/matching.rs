//! Which nodes of two graphs are the same one.

use std::collections::HashMap;
use std::hash::Hash;

use super::wiring::{Source, Wiring};

/// So many readers of a node are looked at as neighbours: networks have fewer, and a file may have any number.
const MAX_READERS: usize = 256;

/// Pairs of nodes, each in one pair at most.
pub(super) struct Matching {
    newer: Vec<Option<usize>>,
    older: Vec<Option<usize>>,
}

/// What two neighbours of matched nodes must have in common to be matched too.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Likeness {
    /// Operator, attributes and the forms of constants.
    Own,
    /// The operator.
    Operator,
}

impl Matching {
    /// The pairs, the surest first.
    pub(super) fn of<'g>(old: &Wiring<'g>, new: &Wiring<'g>) -> Self {
        let mut matching = Self { newer: vec![None; old.own.len()], older: vec![None; new.own.len()] };
        let (above_old, above_new) = (&old.above, &new.above);
        let (below_old, below_new) = (old.seen_from_below(), new.seen_from_below());
        matching.by(old, new, |n| Some((above_old[n], below_old[n])), |n| Some((above_new[n], below_new[n])));
        matching.by(old, new, |n| Some(above_old[n]), |n| Some(above_new[n]));
        matching.by(old, new, |n| Some(below_old[n]), |n| Some(below_new[n]));
        matching.by(
            old,
            new,
            |n| named(old, n).map(|name| (name, old.own[n])),
            |n| named(new, n).map(|name| (name, new.own[n])),
        );
        matching.by_neighbours(old, new, Likeness::Own);
        matching.by(
            old,
            new,
            |n| named(old, n).map(|name| (name, &old.node(n).operator)),
            |n| named(new, n).map(|name| (name, &new.node(n).operator)),
        );
        matching.by_neighbours(old, new, Likeness::Operator);
        matching.by(old, new, |n| named(old, n), |n| named(new, n));
        matching
    }

    /// The node of the newer graph that a node of the older one has become.
    pub(super) fn newer(&self, node: usize) -> Option<usize> {
        self.newer[node]
    }

    /// The node of the older graph that a node of the newer one was.
    pub(super) fn older(&self, node: usize) -> Option<usize> {
        self.older[node]
    }

    fn pair(&mut self, before: usize, after: usize) {
        self.newer[before] = Some(after);
        self.older[after] = Some(before);
    }

    /// Matches what has the same key: of several, those of the same name, then one after the other.
    fn by<'g, K: Hash + Eq>(
        &mut self,
        old: &Wiring<'g>,
        new: &Wiring<'g>,
        key_old: impl Fn(usize) -> Option<K>,
        key_new: impl Fn(usize) -> Option<K>,
    ) {
        let with_name = |wiring: &Wiring<'g>, node: usize, key: K| (key, wiring.node(node).name.as_str());
        self.by_key(
            (old, |node| key_old(node).map(|key| with_name(old, node, key))),
            (new, |node| key_new(node).map(|key| with_name(new, node, key))),
        );
        self.by_key((old, key_old), (new, key_new));
    }

    /// Matches what has the same key, one after the other, in the order in which it is computed.
    fn by_key<K: Hash + Eq>(
        &mut self,
        (old, key_old): (&Wiring<'_>, impl Fn(usize) -> Option<K>),
        (new, key_new): (&Wiring<'_>, impl Fn(usize) -> Option<K>),
    ) {
        let mut candidates: HashMap<K, Vec<usize>> = HashMap::new();
        for &after in new.order.iter().rev().filter(|&&after| self.older[after].is_none()) {
            if let Some(key) = key_new(after) {
                candidates.entry(key).or_default().push(after);
            }
        }
        for &before in &old.order {
            let free = self.newer[before].is_none();
            let group = key_old(before).filter(|_| free).and_then(|key| candidates.get_mut(&key));
            if let Some(after) = group.and_then(Vec::pop) {
                self.pair(before, after);
            }
        }
    }

    /// Matches what follows on matched nodes, down the graph, and what leads to them, up the graph.
    fn by_neighbours(&mut self, old: &Wiring<'_>, new: &Wiring<'_>, likeness: Likeness) {
        for &before in &old.order {
            if self.newer[before].is_none()
                && let Some(after) = self.below_matched(old, new, before, likeness)
            {
                self.pair(before, after);
            }
        }
        for &before in old.order.iter().rev() {
            if self.newer[before].is_none()
                && let Some(after) = self.above_matched(old, new, before, likeness)
            {
                self.pair(before, after);
            }
        }
    }

    /// The node that reads, at the same place, from what the node's producer has become.
    fn below_matched(&self, old: &Wiring<'_>, new: &Wiring<'_>, before: usize, likeness: Likeness) -> Option<usize> {
        old.sources[before].iter().enumerate().find_map(|(input, source)| {
            let Source::Node(producer, output) = source else { return None };
            let readers = &new.readers[self.newer[*producer]?];
            let fits = |&&(after, place, from): &&(usize, usize, usize)| {
                (place, from) == (input, *output) && self.is_free(after) && alike(old, new, (before, after), likeness)
            };
            readers.iter().take(MAX_READERS).find(fits).map(|&(after, ..)| after)
        })
    }

    /// The node that what the node's reader has become reads from, at the same place.
    fn above_matched(&self, old: &Wiring<'_>, new: &Wiring<'_>, before: usize, likeness: Likeness) -> Option<usize> {
        old.readers[before].iter().take(MAX_READERS).find_map(|&(reader, input, output)| {
            let source = new.sources[self.newer[reader]?].get(input)?;
            let Source::Node(after, from) = *source else { return None };
            let fits = from == output && self.is_free(after) && alike(old, new, (before, after), likeness);
            fits.then_some(after)
        })
    }

    fn is_free(&self, after: usize) -> bool {
        self.older[after].is_none()
    }
}

fn alike(old: &Wiring<'_>, new: &Wiring<'_>, (before, after): (usize, usize), likeness: Likeness) -> bool {
    let (first, second) = (old.node(before), new.node(after));
    match likeness {
        Likeness::Own => old.own[before] == new.own[after],
        Likeness::Operator => (&first.operator, &first.domain) == (&second.operator, &second.domain),
    }
}

fn named<'g>(wiring: &Wiring<'g>, node: usize) -> Option<&'g str> {
    Some(wiring.node(node).name.as_str()).filter(|name| !name.is_empty())
}
