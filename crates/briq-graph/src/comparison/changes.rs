//! What differs between two nodes that are the same one.

use std::collections::{BTreeSet, HashMap};

use super::matching::Matching;
use super::wiring::{Source, Wiring, values};
use crate::{Attribute, Initializer, brackets};

/// Longer lists and texts are cut when they are shown.
const SHOWN: usize = 8;

/// What differs, one thing each; empty where nothing does.
pub(super) fn of(
    old: &Wiring<'_>,
    new: &Wiring<'_>,
    matching: &Matching,
    (before, after): (usize, usize),
) -> Vec<String> {
    let (first, second) = (old.node(before), new.node(after));
    let mut what = Vec::new();
    let full = |domain: &str, operator: &str| match domain {
        "" => operator.to_owned(),
        domain => format!("{domain}.{operator}"),
    };
    was_is(&mut what, "operator", &full(&first.domain, &first.operator), &full(&second.domain, &second.operator));
    let names: BTreeSet<&String> = first.attributes.keys().chain(second.attributes.keys()).collect();
    for name in names {
        what.extend(attribute(name, first.attributes.get(name), second.attributes.get(name)));
    }
    for input in 0..old.sources[before].len().max(new.sources[after].len()) {
        let (was, is) = (old.source(before, input), new.source(after, input));
        if !same_source(old, new, matching, (was, is)) {
            let (was, is) = (describe(old, was), describe(new, is));
            let differs = if was == is { "has other values".to_owned() } else { format!("was {was} and is {is}") };
            what.push(format!("input {input} {differs}"));
        }
    }
    was_is(&mut what, "number of outputs", &first.outputs.len().to_string(), &second.outputs.len().to_string());
    what
}

/// Outputs of both graphs that another node gives.
pub(super) fn of_outputs(old: &Wiring<'_>, new: &Wiring<'_>, matching: &Matching) -> Vec<String> {
    let given: HashMap<&str, Source<'_>> = new.outputs.iter().copied().collect();
    let changed = |(name, was): &(&str, Source<'_>)| {
        let is = given.get(name)?;
        let same = same_source(old, new, matching, (*was, *is));
        (!same).then(|| format!("output `{name}` was {} and is {}", describe(old, *was), describe(new, *is)))
    };
    old.outputs.iter().filter_map(changed).collect()
}

fn was_is(what: &mut Vec<String>, of: &str, before: &str, after: &str) {
    if before != after {
        what.push(format!("{of} was {before} and is {after}"));
    }
}

fn attribute(name: &str, before: Option<&Attribute>, after: Option<&Attribute>) -> Option<String> {
    match (before, after) {
        (Some(before), Some(after)) if same(before, after) => None,
        (Some(before), Some(after)) => {
            let (before, after) = (show(before), show(after));
            let differs = if before == after { "differs".into() } else { format!("was {before} and is {after}") };
            Some(format!("{name} {differs}"))
        }
        (Some(before), None) => Some(format!("{name} was {} and is gone", show(before))),
        (None, Some(after)) => Some(format!("{name} is new: {}", show(after))),
        (None, None) => None,
    }
}

/// Whether two attributes hold the same, bit by bit; the nodes in a body may have other names.
fn same(before: &Attribute, after: &Attribute) -> bool {
    let bits = |numbers: &[f32]| numbers.iter().map(|number| number.to_bits()).collect::<Vec<_>>();
    match (before, after) {
        (Attribute::Float(a), Attribute::Float(b)) => a.to_bits() == b.to_bits(),
        (Attribute::Floats(a), Attribute::Floats(b)) => bits(a) == bits(b),
        (Attribute::Tensor(a), Attribute::Tensor(b)) => {
            (a.element, &a.shape, &a.data) == (b.element, &b.shape, &b.data)
        }
        (Attribute::Graph(a), Attribute::Graph(b)) => super::compare(a, b).is_ok_and(|found| found.is_same()),
        _ => before == after,
    }
}

fn show(attribute: &Attribute) -> String {
    match attribute {
        Attribute::Float(number) => number.to_string(),
        Attribute::Int(number) => number.to_string(),
        Attribute::String(text) => format!("\"{}\"", text.chars().take(40).collect::<String>()),
        Attribute::Tensor(tensor) => form(tensor),
        Attribute::Floats(numbers) => list(numbers),
        Attribute::Ints(numbers) => list(numbers),
        Attribute::Strings(texts) => list(texts),
        Attribute::Graph(body) => format!("a body of {} nodes", body.nodes.len()),
    }
}

fn list<T: std::fmt::Display>(items: &[T]) -> String {
    if items.len() <= SHOWN { brackets(items) } else { format!("a list of {}", items.len()) }
}

fn form(constant: &Initializer) -> String {
    match constant.to_i64() {
        Some(numbers) if numbers.len() <= SHOWN => brackets(&numbers),
        _ => format!("{}{}", constant.element, brackets(&constant.shape)),
    }
}

fn same_source(
    old: &Wiring<'_>,
    new: &Wiring<'_>,
    matching: &Matching,
    (before, after): (Source<'_>, Source<'_>),
) -> bool {
    match (before, after) {
        (Source::Absent, Source::Absent) => true,
        (Source::Outside(before), Source::Outside(after)) => before == after,
        (Source::Constant(before), Source::Constant(after)) => {
            let (before, after) = (&old.graph.initializers[before], &new.graph.initializers[after]);
            (before.element, &before.shape, values(before)) == (after.element, &after.shape, values(after))
        }
        (Source::Node(before, output), Source::Node(after, from)) => {
            // Of nodes that compute the same from the same, it does not matter which one is read.
            let same = matching.newer(before) == Some(after) || old.above[before] == new.above[after];
            same && output == from
        }
        _ => false,
    }
}

fn describe(wiring: &Wiring<'_>, source: Source<'_>) -> String {
    match source {
        Source::Absent => "absent".into(),
        Source::Outside(name) => format!("`{name}`"),
        Source::Constant(constant) => form(&wiring.graph.initializers[constant]),
        Source::Node(node, 0) => wiring.node(node).label(),
        Source::Node(node, output) => format!("output {output} of {}", wiring.node(node).label()),
    }
}
