//! The book names everything there is: pages, crates, verbs; and its links lead somewhere.

use std::path::Path;

use anyhow::{Context, Result};

use super::{Findings, files};
use crate::docs::{COMMANDS, verbs};
use crate::workspace::Workspace;

/// Pages that the table of contents misses, links that lead nowhere, crates that the README does not name.
pub(super) fn check(workspace: &Workspace) -> Result<Findings> {
    let book = workspace.root.join("docs/src");
    let summary = std::fs::read_to_string(book.join("SUMMARY.md")).context("read the table of contents of the book")?;
    let mut findings = Vec::new();
    for path in files(&book, ".md")? {
        let name = path.strip_prefix(&book)?.display().to_string();
        if name != "SUMMARY.md" && !summary.contains(&format!("({name})")) {
            findings.push(format!("docs/src/SUMMARY.md does not list {name}"));
        }
    }
    for path in files(&workspace.root, ".md")? {
        let text = std::fs::read_to_string(&path)?;
        let shown = workspace.relative(&path).display();
        findings.extend(
            broken_links(&path, &text).into_iter().map(|link| format!("{shown} links to {link}, which is not there")),
        );
    }
    let readme = std::fs::read_to_string(workspace.root.join("README.md")).context("read README.md")?;
    for package in workspace.published() {
        if !readme.contains(&format!("`{}`", package.name)) {
            findings.push(format!("README.md does not name {}", package.name));
        }
    }
    Ok(findings)
}

/// Verbs of the built program that the reference does not describe, and the other way round.
pub(super) fn check_verbs(workspace: &Workspace) -> Result<Findings> {
    let described =
        std::fs::read_to_string(workspace.root.join(COMMANDS)).with_context(|| format!("read {COMMANDS}"))?;
    let described: Vec<_> =
        described.lines().filter_map(|line| line.strip_prefix("## `briq ")?.strip_suffix('`')).collect();
    let verbs = verbs(&workspace.build_briq()?)?;
    let missing = verbs.iter().filter(|verb| !described.contains(&verb.as_str()));
    let gone = described.iter().filter(|verb| !verbs.iter().any(|known| known == *verb));
    let missing = missing.map(|verb| format!("{COMMANDS} does not describe briq {verb}"));
    Ok(missing.chain(gone.map(|verb| format!("{COMMANDS} describes briq {verb}, which is gone"))).collect())
}

/// Relative links of a page that lead to no file.
fn broken_links<'a>(page: &Path, text: &'a str) -> Vec<&'a str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let relative =
        targets.filter(|target| !target.contains("://") && !target.starts_with('#') && !target.contains(' '));
    let folder = page.parent().unwrap_or(Path::new("."));
    let leads_nowhere = |target: &&str| {
        let file = target.split('#').next().unwrap_or_default();
        !file.is_empty() && !folder.join(file).exists()
    };
    relative.filter(leads_nowhere).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_links_that_lead_nowhere() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("there.md"), "").expect("it is writable");
        let text = "[a](there.md) [b](gone.md#x) [c](https://example.org) [d](#here) [e](there.md#y)";
        assert_eq!(broken_links(&folder.path().join("page.md"), text), ["gone.md#x"]);
    }
}
