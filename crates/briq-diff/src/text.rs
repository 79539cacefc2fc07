//! A difference as people read it.

use std::cmp::Ordering;
use std::fmt::Write as _;

use serde_json::Value;

use crate::difference::{Difference, Metric, Side, SignatureDifference, Structure, StructureChange};
use crate::number::{bytes, percent, short};
use crate::tensors::{State, TensorDifference};

/// How many lines a section has, unless all were asked for.
const LINES: usize = 20;

/// The difference as text, the biggest changes of tensors first; at most 20 lines in a section, unless `all` of them.
pub fn text(difference: &Difference, all: bool) -> String {
    let Difference { before, after, .. } = difference;
    let mut text = format!("{}\n{}\n", heading("-", before), heading("+", after));
    if difference.same {
        return text + "\nthe packages are the same\n";
    }
    let limit = if all { usize::MAX } else { LINES };
    let sections = [
        metadata(difference, limit),
        signature(&difference.signature, &before.version.to_string()),
        structure(&difference.structure, limit),
        tensors(difference, limit, all),
        metrics(&difference.metrics),
        entries(difference, limit),
    ];
    for section in sections.iter().filter(|section| !section.is_empty()) {
        let _ = write!(text, "\n{section}");
    }
    text
}

fn heading(sign: &str, side: &Side) -> String {
    format!("{sign} {} {}  {}  {}", side.name, side.version, bytes(side.size), side.digest)
}

/// A title with rows below, columns aligned, no more than so many.
fn section(title: &str, rows: &[Vec<String>], limit: usize) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("  {}\n", cells.join("  ").trim_end())
    };
    let shown: String = rows.iter().take(limit).map(line).collect();
    let left = rows.len().saturating_sub(limit);
    let more = if left > 0 { format!("  … {left} more: --all shows them\n") } else { String::new() };
    format!("{title}\n{shown}{more}")
}

fn metadata(difference: &Difference, limit: usize) -> String {
    let show = |value: &Option<Value>| match value {
        None => "·".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    let row = |field: &crate::Field| vec![field.name.clone(), show(&field.before), "→".into(), show(&field.after)];
    let rows: Vec<_> = difference.metadata.iter().map(row).collect();
    if rows.is_empty() { String::new() } else { section("metadata", &rows, limit) }
}

fn signature(signature: &SignatureDifference, from: &str) -> String {
    let SignatureDifference { bump, least_version, changes } = signature;
    if changes.is_empty() {
        return format!("signature: the same, a {bump} is enough\n");
    }
    let rows: Vec<_> = changes.iter().map(|change| vec![change.bump.to_string(), change.what.clone()]).collect();
    section(&format!("signature: demands a {bump} version, {least_version} or later after {from}"), &rows, usize::MAX)
}

fn structure(structure: &Structure, limit: usize) -> String {
    if structure.is_same() {
        return format!("structure: the same {}\n", count(structure.same, "node"));
    }
    let Structure { same, added, removed, changed, outputs } = structure;
    let row = |sign: &str, node: &StructureChange| {
        vec![sign.to_owned(), node.name.clone(), node.operator.clone(), node.what.join("; ")]
    };
    let signs = [("-", removed), ("+", added), ("~", changed)];
    let mut rows: Vec<_> = signs.iter().flat_map(|(sign, nodes)| nodes.iter().map(|node| row(sign, node))).collect();
    rows.extend(outputs.iter().map(|output| vec!["~".to_owned(), String::new(), String::new(), output.clone()]));
    let counts = (added.len(), removed.len(), changed.len());
    let title = format!(
        "structure: {} the same, {} added, {} removed, {} changed",
        count(*same, "node"),
        counts.0,
        counts.1,
        counts.2
    );
    section(&title, &rows, limit)
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// The biggest first: what is there on one side only or has another form, then by the relative change.
fn by_size(a: &TensorDifference, b: &TensorDifference) -> Ordering {
    let size = |tensor: &TensorDifference| match (tensor.state, tensor.relative) {
        (State::Same, _) => -1.0,
        (State::Changed | State::Retyped, Some(relative)) => relative,
        _ => f64::INFINITY,
    };
    size(b).total_cmp(&size(a)).then(a.state.cmp(&b.state))
}

fn tensors(difference: &Difference, limit: usize, all: bool) -> String {
    let changed = difference.changed_tensors().count();
    let same = difference.tensors.len() - changed;
    if changed == 0 {
        return format!("tensors: the same {}\n", count(same, "tensor"));
    }
    let mut shown: Vec<&TensorDifference> =
        if all { difference.tensors.iter().collect() } else { difference.changed_tensors().collect() };
    shown.sort_by(|a, b| by_size(a, b));
    let heading = ["tensor", "form", "", "differ", "largest", "norm", "relative"].map(str::to_owned).to_vec();
    let rows: Vec<_> = std::iter::once(heading).chain(shown.into_iter().map(tensor)).collect();
    section(&format!("tensors: {same} the same, {changed} not"), &rows, limit.saturating_add(1))
}

fn tensor(tensor: &TensorDifference) -> Vec<String> {
    let name = match &tensor.renamed_from {
        Some(old) => format!("{} (was {old})", tensor.name),
        None => tensor.name.clone(),
    };
    let form = match (&tensor.before, &tensor.after) {
        (Some(before), Some(after)) if before != after => format!("{before} → {after}"),
        (before, after) => after.as_ref().or(before.as_ref()).map(ToString::to_string).unwrap_or_default(),
    };
    let state = match tensor.state {
        State::Added => "added",
        State::Removed => "removed",
        State::Reshaped => "reshaped",
        State::Retyped => "retyped",
        State::Changed => "",
        State::Same => "same",
    };
    let mut row = vec![name, form, state.to_owned()];
    if let Some(figures) = &tensor.figures {
        let relative = figures.relative().map_or_else(|| "·".to_owned(), percent);
        row.extend([percent(figures.fraction()), short(figures.largest), short(figures.norm), relative]);
        if figures.not_finite > 0 {
            row.push(format!("{} not finite", figures.not_finite));
        }
    } else if tensor.state == State::Changed {
        row.push("its bytes differ".to_owned());
    }
    row
}

fn metrics(metrics: &[Metric]) -> String {
    let show = |number: Option<f64>| number.map_or_else(|| "·".to_owned(), |number| format!("{number:.6}"));
    let row = |metric: &Metric| {
        let moved = metric.difference.filter(|&number| number != 0.0);
        let signed = moved.map_or_else(String::new, |number| format!("{number:+.6}"));
        vec![metric.name.clone(), show(metric.before), "→".into(), show(metric.after), signed]
    };
    let rows: Vec<_> = metrics.iter().map(row).collect();
    if rows.is_empty() { String::new() } else { section("metrics", &rows, usize::MAX) }
}

fn entries(difference: &Difference, limit: usize) -> String {
    let row = |entry: &crate::EntryDifference| {
        let (sign, size) = match (entry.before, entry.after) {
            (Some(before), Some(after)) if before == after => ("~", bytes(after)),
            (Some(before), Some(after)) => ("~", format!("{} → {}", bytes(before), bytes(after))),
            (None, after) => ("+", bytes(after.unwrap_or_default())),
            (Some(before), None) => ("-", bytes(before)),
        };
        vec![sign.to_owned(), entry.path.clone(), size]
    };
    let rows: Vec<_> = difference.entries.iter().map(row).collect();
    let sizes = format!("{} → {}", bytes(difference.before.size), bytes(difference.after.size));
    section(&format!("entries: {} differ, {sizes}", rows.len()), &rows, limit)
}
