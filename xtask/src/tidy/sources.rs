//! What no source file of the workspace holds.

use std::path::Path;

use anyhow::{Context, Result};

use super::{Findings, files};
use crate::workspace::Workspace;

/// Names that say nothing of what a file defines.
const NAMELESS: [&str; 6] = ["utils.rs", "util.rs", "common.rs", "base.rs", "helpers.rs", "misc.rs"];

/// What must not stand in a file with this ending, and what stands there instead.
const FORBIDDEN: [(&str, &str, &str); 6] = [
    (".rs", concat!("#[", "allow("), "write #[expect(lint, reason = \"…\")]"),
    (".rs", concat!("#![", "allow("), "write #![expect(lint, reason = \"…\")]"),
    ("", concat!("FIX", "ME"), "write it down in docs/src/shortcomings.md"),
    ("", concat!("XX", "X:"), "write it down in docs/src/shortcomings.md"),
    ("", concat!("/ro", "ot/"), "a path of one machine"),
    ("", concat!("<<<", "<<<< "), "a conflict that was not resolved"),
];

/// Where the crate that touches neither files nor network would do it nevertheless.
const PURE: (&str, [&str; 3]) = ("crates/briq-spec/src", ["std::fs", "std::process", "TcpStream"]);

/// Files with a nameless name, and lines that hold what they must not.
pub(super) fn check(workspace: &Workspace) -> Result<Findings> {
    let mut findings = Vec::new();
    for ending in [".rs", ".toml", ".md"] {
        for path in files(&workspace.root, ending)? {
            let shown = workspace.relative(&path);
            let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", shown.display()))?;
            findings.extend(judge(shown, &text));
        }
    }
    Ok(findings)
}

fn judge(path: &Path, text: &str) -> Findings {
    let mut findings = Vec::new();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if NAMELESS.contains(&name.as_ref()) {
        findings.push(format!("{}: name the file after what it defines", path.display()));
    }
    let pure = if path.starts_with(PURE.0) { &PURE.1[..] } else { &[] };
    for (number, line) in text.lines().enumerate() {
        let here = format!("{}:{}", path.display(), number + 1);
        let forbidden = FORBIDDEN.iter().filter(|(ending, found, _)| name.ends_with(ending) && line.contains(found));
        findings.extend(forbidden.map(|(_, found, instead)| format!("{here}: {found}: {instead}")));
        findings.extend(pure.iter().filter(|found| line.contains(**found)).map(|found| format!("{here}: {found}")));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_must_not_stand_there() {
        let cases = [
            ("crates/a/src/utils.rs", "", "name the file"),
            ("crates/a/src/a.rs", concat!("#[", "allow(dead_code)]"), "expect(lint"),
            ("docs/a.md", concat!("FIX", "ME later"), "shortcomings"),
            ("crates/briq-spec/src/a.rs", "use std::fs;", "std::fs"),
        ];
        for (path, text, expected) in cases {
            let findings = judge(Path::new(path), text);
            assert!(findings.len() == 1 && findings[0].contains(expected), "{path}: {findings:?}");
        }
        assert_eq!(judge(Path::new("crates/briq-store/src/a.rs"), "use std::fs;"), Findings::new());
    }
}
