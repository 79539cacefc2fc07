//! The long ones: `cargo xtask tidy --report`. Length is no failure; it is where a reader should look twice.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::files;
use crate::workspace::Workspace;

/// Nine files in ten stay under this many lines.
const FILE_LINES: usize = 400;
/// Nineteen functions in twenty stay under this many lines.
const FUNCTION_LINES: usize = 45;

/// A function, where it begins, and how many lines it takes.
#[derive(Debug, PartialEq)]
struct Function {
    path: PathBuf,
    line: usize,
    name: String,
    lines: usize,
}

/// Prints the share of long files and functions, and names each.
pub(super) fn report(workspace: &Workspace) -> Result<()> {
    let (mut lengths, mut functions) = (Vec::new(), Vec::new());
    for path in files(&workspace.root, ".rs")? {
        let text = std::fs::read_to_string(&path)?;
        let shown = workspace.relative(&path);
        lengths.push((text.lines().count(), shown.to_owned()));
        functions.extend(scan(shown, &text));
    }
    let long_files: Vec<_> = lengths.iter().filter(|(lines, _)| *lines >= FILE_LINES).collect();
    let long_functions: Vec<_> = functions.iter().filter(|function| function.lines >= FUNCTION_LINES).collect();
    let median = |mut all: Vec<usize>| {
        all.sort_unstable();
        all.get(all.len() / 2).copied().unwrap_or(0)
    };
    let file_median = median(lengths.iter().map(|(lines, _)| *lines).collect());
    let function_median = median(functions.iter().map(|function| function.lines).collect());
    println!("tidy: {} files, median {file_median} lines, {} of {FILE_LINES} or more", lengths.len(), long_files.len());
    for (lines, path) in long_files {
        println!("  {lines:>5}  {}", path.display());
    }
    println!(
        "tidy: {} functions, median {function_median} lines, {} of {FUNCTION_LINES} or more",
        functions.len(),
        long_functions.len()
    );
    for Function { path, line, name, lines } in long_functions {
        println!("  {lines:>5}  {name} at {}:{line}", path.display());
    }
    Ok(())
}

/// Every function of a formatted file: it ends at the first `}` that stands as far left as it began.
fn scan(path: &Path, text: &str) -> Vec<Function> {
    let lines: Vec<_> = text.lines().collect();
    let mut functions = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let Some(name) = function_name(line.trim_start()) else { continue };
        let closing = format!("{}}}", " ".repeat(indent));
        let body = lines[start..]
            .iter()
            .take_while(|line| !line.ends_with(';') || line.len() - line.trim_start().len() > indent);
        if let Some(end) = body.clone().position(|line| *line == closing) {
            functions.push(Function { path: path.to_owned(), line: start + 1, name: name.to_owned(), lines: end + 1 });
        }
    }
    functions
}

fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let words = ["pub", "const", "async", "unsafe", "extern", "\"C\""];
    let introduced = before.split_whitespace().all(|word| words.contains(&word) || word.starts_with("pub("));
    let name = after.split(['(', '<']).next()?;
    (introduced && !name.is_empty() && !name.contains(' ')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_functions_by_their_closing_brace() {
        let text = "pub fn one() {\n    if x {\n    }\n}\n\nimpl T {\n    fn short(&self) -> u8 {\n        1\n    }\n}\n\ntrait U {\n    fn declared(&self);\n}\n";
        let found: Vec<_> = scan(Path::new("a.rs"), text).into_iter().map(|f| (f.name, f.line, f.lines)).collect();
        assert_eq!(found, [("one".to_owned(), 1, 4), ("short".to_owned(), 7, 3)]);
    }
}
