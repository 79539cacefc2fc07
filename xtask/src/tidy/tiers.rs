//! The table of tiers in `docs/src/architecture.md` is not only drawn: it is read here and proved.
//!
//! A row says which tier a crate stands in and what it never reaches. The proof is over the closure of its normal
//! dependencies with every feature on, as Cargo resolved them, for every platform.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};

use super::Findings;
use crate::workspace::Workspace;

/// The document that holds the table.
const TABLE: &str = "docs/src/architecture.md";

/// The words of the column "never reaches", and the crates by which one would reach it.
const REACHES: [(&str, &[&str]); 5] = [
    ("file system", &["memmap2", "tempfile", "walkdir", "fs4"]),
    ("network", &["reqwest", "hyper", "axum", "tonic", "ureq", "socket2", "mio", "rustls", "quinn"]),
    ("burn", &["burn", "burn-*", "cubecl", "cubecl-*", "wgpu"]),
    ("tokio", &["tokio", "tokio-*"]),
    ("HTTP", &["hyper", "h2", "reqwest", "axum", "tonic", "ureq"]),
];

/// One row of the table.
struct Row {
    tier: u8,
    never: Vec<String>,
}

/// Crates without a row, rows without a crate, forbidden reaches, and dependencies that point upwards.
pub(super) fn check(workspace: &Workspace) -> Result<Findings> {
    let text = std::fs::read_to_string(workspace.root.join(TABLE)).with_context(|| format!("read {TABLE}"))?;
    let rows = rows(&text);
    let metadata =
        MetadataCommand::new().current_dir(&workspace.root).other_options(vec!["--all-features".into()]).exec()?;
    let closures = Closures::new(&metadata)?;
    let crates: BTreeSet<_> = workspace.published().iter().map(|package| package.name.to_string()).collect();

    let mut findings = Vec::new();
    for name in rows.keys().filter(|name| !crates.contains(*name) && *name != "xtask") {
        findings.push(format!("{TABLE} has a row for {name}, which is no crate of the workspace"));
    }
    for name in &crates {
        match rows.get(name) {
            Some(row) => findings.extend(closures.judge(name, row, &rows)),
            None => findings.push(format!("{TABLE} has no row for {name}")),
        }
    }
    Ok(findings)
}

/// The rows of the table: `| tier | [`crate`](…) | holds | never reaches |`.
fn rows(text: &str) -> BTreeMap<String, Row> {
    text.lines().filter_map(row).collect()
}

fn row(line: &str) -> Option<(String, Row)> {
    let cells: Vec<_> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
    let [tier, name, _, never] = cells[..] else { return None };
    let name = name.split('`').nth(1)?.to_owned();
    let never = never.split(',').map(str::trim).filter(|word| !matches!(*word, "" | "–"));
    Some((name, Row { tier: tier.parse().ok()?, never: never.map(str::to_owned).collect() }))
}

/// What each crate of the workspace reaches.
struct Closures {
    names: BTreeMap<PackageId, String>,
    edges: BTreeMap<PackageId, Vec<PackageId>>,
}

impl Closures {
    fn new(metadata: &Metadata) -> Result<Self> {
        let resolve = metadata.resolve.as_ref().context("cargo metadata gave no dependency graph")?;
        let mut edges = BTreeMap::new();
        for node in &resolve.nodes {
            let normal =
                node.deps.iter().filter(|dep| dep.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal));
            edges.insert(node.id.clone(), normal.map(|dep| dep.pkg.clone()).collect());
        }
        let names = metadata.packages.iter().map(|package| (package.id.clone(), package.name.to_string())).collect();
        Ok(Self { names, edges })
    }

    /// What is wrong with one crate.
    fn judge(&self, name: &str, row: &Row, rows: &BTreeMap<String, Row>) -> Findings {
        let mut findings = Vec::new();
        let paths = self.reached_by(name);
        for word in &row.never {
            let Some((_, forbidden)) = REACHES.iter().find(|(known, _)| known == word) else {
                findings.push(format!("{TABLE} says that {name} never reaches {word:?}, a word that nothing proves"));
                continue;
            };
            let reached =
                paths.iter().find(|(crate_name, _)| forbidden.iter().any(|pattern| matches(pattern, crate_name)));
            findings.extend(reached.map(|(_, path)| format!("{name} must never reach {word}, but: {path}")));
        }
        let above = |other: &&String| rows.get(*other).is_some_and(|other| other.tier > row.tier);
        for other in paths.keys().filter(above) {
            findings.push(format!("{name} stands below {other}, and depends on it"));
        }
        findings
    }

    /// Every crate in the closure of this one, with a shortest path to it.
    fn reached_by(&self, name: &str) -> BTreeMap<String, String> {
        let mut paths = BTreeMap::new();
        let start = self.names.iter().find(|(_, known)| *known == name).map(|(id, _)| (id, name.to_owned()));
        let mut queue: std::collections::VecDeque<_> = start.into_iter().collect();
        while let Some((id, path)) = queue.pop_front() {
            for next in self.edges.get(id).into_iter().flatten() {
                let next_name = &self.names[next];
                if !paths.contains_key(next_name) {
                    let path = format!("{path} → {next_name}");
                    paths.insert(next_name.clone(), path.clone());
                    queue.push_back((next, path));
                }
            }
        }
        paths
    }
}

/// Whether a crate's name is meant by a pattern: itself, or a beginning followed by `*`.
fn matches(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |beginning| name.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_rows_of_a_table() {
        let text = "| tier | crate | holds | never reaches |\n|---|---|---|---|\n\
                    | 1 | [`briq-store`](x) | the store | burn, file system |\n| 3 | `briq-cli` | all | – |\n";
        let rows = rows(text);
        assert_eq!(rows.keys().collect::<Vec<_>>(), ["briq-cli", "briq-store"]);
        assert_eq!(rows["briq-store"].never, ["burn", "file system"]);
        assert!(rows["briq-cli"].never.is_empty());
    }

    #[test]
    fn a_forbidden_crate_is_found_with_the_path_to_it() {
        let id = |repr: &str| PackageId { repr: repr.into() };
        let names = ["a", "b", "tokio-util"].map(|name| (id(name), name.to_owned()));
        let edges = BTreeMap::from([(id("a"), vec![id("b")]), (id("b"), vec![id("tokio-util")])]);
        let closures = Closures { names: names.into(), edges };
        let row = Row { tier: 0, never: vec!["tokio".into(), "burn".into()] };
        assert_eq!(closures.judge("a", &row, &BTreeMap::new()), ["a must never reach tokio, but: a → b → tokio-util"]);
    }

    #[test]
    fn a_dependency_that_points_upwards_is_found() {
        let id = |repr: &str| PackageId { repr: repr.into() };
        let names = ["a", "b"].map(|name| (id(name), name.to_owned()));
        let closures = Closures { names: names.into(), edges: BTreeMap::from([(id("a"), vec![id("b")])]) };
        let row = |tier| Row { tier, never: Vec::new() };
        let rows = BTreeMap::from([("a".to_owned(), row(1)), ("b".to_owned(), row(2))]);
        assert_eq!(closures.judge("a", &row(1), &rows), ["a stands below b, and depends on it"]);
    }
}
