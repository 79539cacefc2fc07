//! `cargo xtask docs`: rustdoc without a warning, generated pages that are up to date, and the book.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::conformance;
use crate::process::{self, succeeds};
use crate::workspace::{BUILD, Workspace};

/// The generated page that describes every verb.
pub(crate) const COMMANDS: &str = "docs/src/reference/commands.md";

/// The generated page that says what each exit code means.
const EXIT_CODES: &str = "docs/src/reference/exit-codes.md";

/// The generated page of operators.
const OPERATORS: &str = "docs/src/reference/operators.md";

/// What stands above every generated page.
const GENERATED: &str = "This page is generated from the program by `cargo xtask docs --write`, and compared in CI.\n";

/// What `cargo xtask docs` may be told.
#[derive(Default, clap::Args)]
pub(crate) struct Arguments {
    /// Write the generated pages instead of comparing them
    #[arg(long)]
    write: bool,
}

/// Checks or writes the generated pages, then builds the documentation of the crates and the book.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let program = workspace.build_briq()?;
    generated(&workspace.root.join(COMMANDS), &commands_page(&program)?, arguments.write)?;
    generated(&workspace.root.join(EXIT_CODES), &exit_codes_page(&help(&program, &[])?)?, arguments.write)?;
    generated(&workspace.root.join(OPERATORS), &conformance::page(workspace, GENERATED)?, arguments.write)?;
    rustdoc(workspace)?;
    book(workspace)
}

/// The libraries; what the programs say of themselves is the page of commands.
fn rustdoc(workspace: &Workspace) -> Result<()> {
    let flags = std::env::var("RUSTDOCFLAGS").unwrap_or_default();
    let mut command = workspace.cargo("doc");
    command.args(BUILD).args(["--lib", "--no-deps", "--quiet"]).env("RUSTDOCFLAGS", format!("{flags} -D warnings"));
    process::run(&mut command)
}

/// The book is Markdown that reads well as it is; where mdBook is installed, it is rendered too.
fn book(workspace: &Workspace) -> Result<()> {
    if !succeeds("mdbook", &["--version"]) {
        println!("docs: the book is docs/src; `cargo install mdbook` renders it");
        return Ok(());
    }
    let output = workspace.target.join("book");
    process::run(Command::new("mdbook").arg("build").arg("docs").arg("-d").arg(output).current_dir(&workspace.root))
}

/// Compares a page with what it should be, or writes it.
fn generated(path: &Path, expected: &str, write: bool) -> Result<()> {
    let found = std::fs::read_to_string(path).unwrap_or_default();
    if found == expected {
        return Ok(());
    }
    if !write {
        bail!("{} is out of date: run `cargo xtask docs --write`", path.display());
    }
    std::fs::create_dir_all(path.parent().context("a page lies in a folder")?)?;
    std::fs::write(path, expected).with_context(|| format!("write {}", path.display()))
}

/// The verbs of the program, those of a verb's own after it: `registry`, `registry serve`.
pub(crate) fn verbs(program: &Path) -> Result<Vec<String>> {
    let mut verbs = Vec::new();
    let mut open: Vec<Vec<String>> = vec![Vec::new()];
    while let Some(path) = open.pop() {
        for verb in listed(&help(program, &path)?) {
            let path = [&path[..], &[verb.to_owned()]].concat();
            verbs.push(path.join(" "));
            open.push(path);
        }
    }
    verbs.sort();
    Ok(verbs)
}

fn commands_page(program: &Path) -> Result<String> {
    let mut page = format!("# Commands\n\n{GENERATED}");
    let overview = help(program, &[])?;
    write!(page, "\n```text\n{}\n```\n", overview.trim_end())?;
    for verb in verbs(program)? {
        let words: Vec<_> = verb.split(' ').map(str::to_owned).collect();
        let help = help(program, &words)?;
        write!(page, "\n## `briq {verb}`\n\n```text\n{}\n```\n", help.trim_end())?;
    }
    Ok(page)
}

/// The table that `briq --help` ends with, as a table of the book.
fn exit_codes_page(help: &str) -> Result<String> {
    let section = help.lines().skip_while(|line| *line != "Exit codes:").skip(1).take_while(|line| !line.is_empty());
    let mut rows: Vec<(&str, String)> = Vec::new();
    for line in section {
        match (line.trim().split_once("  "), rows.last_mut()) {
            (Some((code, meaning)), _) => rows.push((code, meaning.trim().to_owned())),
            (None, Some((_, meaning))) => write!(meaning, " {}", line.trim())?,
            (None, None) => bail!("briq --help lists exit codes in a form that is not known: {line:?}"),
        }
    }
    ensure!(!rows.is_empty(), "briq --help lists no exit codes");
    let mut page = format!("# Exit codes\n\n{GENERATED}\n| code | meaning |\n|---|---|\n");
    for (code, meaning) in rows {
        writeln!(page, "| {code} | {meaning} |")?;
    }
    Ok(page)
}

/// What `--help` says, at a width that does not depend on the terminal.
fn help(program: &Path, verb: &[String]) -> Result<String> {
    let mut command = Command::new(program);
    command.args(verb).arg("--help").env("COLUMNS", "100").stdin(Stdio::null());
    let text = process::read(&mut command)?;
    Ok(text.lines().map(|line| format!("{}\n", line.trim_end())).collect())
}

/// The names under the heading `Commands:`.
fn listed(help: &str) -> Vec<&str> {
    let section = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = section.filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')));
    names.filter_map(|rest| rest.split(' ').next()).filter(|name| *name != "help").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_the_commands_of_a_help_text() {
        let help = "Usage: briq <COMMAND>\n\nCommands:\n  new    Make one\n         on two lines\n  train  Train\n  help   Print\n\nOptions:\n  -h\n";
        assert_eq!(listed(help), ["new", "train"]);
        assert_eq!(listed("Usage: briq new\n\nOptions:\n  -h\n"), Vec::<&str>::new());
    }

    #[test]
    fn makes_a_table_of_exit_codes() {
        let page =
            exit_codes_page("Options:\n\nExit codes:\n  0  done\n  1  failed for\n     a reason\n").expect("a table");
        assert!(page.ends_with("| 0 | done |\n| 1 | failed for a reason |\n"), "{page}");
        assert!(exit_codes_page("Usage: briq\n").is_err());
    }
}
