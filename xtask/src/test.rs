//! `cargo xtask test`: the whole test suite, with the programs it compares itself with.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::peers::{self, Peers};
use crate::process;
use crate::workspace::{BUILD, Workspace};

/// A test that has to do without a peer prints a line that begins so.
const SKIPPED: &str = "skipped: ";

/// Where the test runner reports what tests printed, in the root of the workspace.
const REPORT: &str = "target/nextest/default/junit.xml";

/// What `cargo xtask test` may be told.
#[derive(Default, clap::Args)]
pub(crate) struct Arguments {
    /// Do not install anything; tests of missing peers are named and counted
    #[arg(long)]
    offline: bool,
    /// Given on to the test runner: filters and its own options
    #[arg(last = true)]
    runner: Vec<String>,
}

/// Runs the suite; its last line is the test runner's own, unless tests were skipped.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let peers = peers::find(!arguments.offline)?;
    for name in &peers.missing {
        eprintln!("peers: {name} is missing");
    }
    ensure!(!in_ci() || peers.missing.is_empty(), "peers are missing, and in CI nothing is skipped");
    suite(workspace, &peers, &arguments.runner)
}

fn suite(workspace: &Workspace, peers: &Peers, runner: &[String]) -> Result<()> {
    let program = workspace.build_briq()?;
    let examples = if runner.is_empty() { doctests(workspace) } else { Ok(()) };
    let report = workspace.root.join(REPORT);
    let _ = std::fs::remove_file(&report);
    let mut tests = if has_nextest(workspace) { nextest(workspace) } else { libtest(workspace) };
    peers.announce(&mut tests);
    let outcome = process::run(tests.args(runner).env("BRIQ_BIN", program));
    report_skipped(&report)?;
    outcome.and(examples)
}

/// The examples in the documentation; nextest does not run them.
fn doctests(workspace: &Workspace) -> Result<()> {
    process::run(workspace.cargo("test").args(BUILD).args(["--doc", "--quiet", "--no-fail-fast"]))
}

/// Looks for the test runner, and installs it where it is missing.
fn has_nextest(workspace: &Workspace) -> bool {
    let found = || process::succeeds("cargo-nextest", &["nextest", "--version"]);
    if !found() {
        let install = process::run(workspace.cargo("install").args(["cargo-nextest", "--locked", "--quiet"]));
        let _ = install.inspect_err(|error| eprintln!("peers: {error:#}; cargo test runs the tests instead"));
    }
    found()
}

fn nextest(workspace: &Workspace) -> Command {
    let mut command = workspace.cargo("nextest");
    command.arg("run").args(BUILD).args(["--no-fail-fast", "--config-file", "xtask/nextest.toml"]);
    command
}

fn libtest(workspace: &Workspace) -> Command {
    let mut command = workspace.cargo("test");
    command.args(BUILD).args(["--all-targets", "--no-fail-fast"]);
    command
}

/// Names and counts the tests that could not be run here; in CI one such test fails the run.
fn report_skipped(junit: &Path) -> Result<()> {
    let Ok(report) = std::fs::read_to_string(junit) else { return Ok(()) };
    let skipped = skipped(&report);
    for (reason, count) in &skipped {
        eprintln!("{SKIPPED}{reason} ({count} tests)");
    }
    ensure!(!in_ci() || skipped.is_empty(), "tests were skipped, and in CI nothing is skipped");
    Ok(())
}

/// The reasons that tests gave for having been skipped, and how many tests gave each.
fn skipped(report: &str) -> BTreeMap<&str, usize> {
    let mut reasons = BTreeMap::new();
    for case in report.split("<testcase ").skip(1) {
        let said = case.split(['\n', '>']).find_map(|line| line.trim_start().strip_prefix(SKIPPED));
        if let Some(reason) = said {
            *reasons.entry(reason.split("</").next().unwrap_or(reason).trim_end()).or_default() += 1;
        }
    }
    reasons
}

/// Whether the run decides about a change.
pub(crate) fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| !value.is_empty() && value != "false")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_was_skipped_by_reason() {
        let report = "<testsuite>\n<testcase name=\"a\">\n<system-out>skipped: skopeo is not installed\n</system-out>\n\
                      </testcase>\n<testcase name=\"b\"><system-err>loading\nskipped: skopeo is not installed</system-err>\
                      </testcase>\n<testcase name=\"c\"/>\n</testsuite>";
        assert_eq!(skipped(report), BTreeMap::from([("skopeo is not installed", 2)]));
    }
}
