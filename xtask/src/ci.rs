//! `cargo xtask ci`: everything that must hold before a change is merged; the cheap answers first, the tests last.

use std::time::Instant;

use anyhow::{Result, bail};

use crate::process::{self, succeeds};
use crate::story::seconds;
use crate::workspace::{BUILD, Workspace};
use crate::{demo, docs, test, tidy};

/// What `cargo xtask ci` may be told: nothing, so that it means the same everywhere.
#[derive(clap::Args)]
pub(crate) struct Arguments {}

/// One of the checks.
type Check = (&'static str, fn(&Workspace) -> Result<()>);

const CHECKS: [Check; 8] = [
    ("lock file", lock),
    ("fmt", fmt),
    ("deny", deny),
    ("build", build),
    ("clippy", clippy),
    ("docs", |workspace| docs::run(workspace, &docs::Arguments::default())),
    ("tidy", |workspace| tidy::run(workspace, &tidy::Arguments::default())),
    ("demo", |workspace| demo::run(workspace, &demo::Arguments::short())),
];

/// Runs every check, so that one run tells everything; its last line is the test runner's own.
pub(crate) fn run(workspace: &Workspace, _: &Arguments) -> Result<()> {
    let mut failed = Vec::new();
    let mut times = Vec::new();
    for (name, check) in CHECKS {
        println!("ci: {name}");
        let began = Instant::now();
        if let Err(error) = check(workspace) {
            eprintln!("ci: {name} failed: {error:#}");
            failed.push(name);
        }
        times.push(format!("{name} {}", seconds(began.elapsed())));
    }
    println!("ci: {}", times.join(", "));
    if !failed.is_empty() {
        eprintln!("ci: failed so far: {}", failed.join(", "));
    }
    println!("ci: test");
    test::run(workspace, &test::Arguments::default())?;
    if !failed.is_empty() {
        bail!("ci: {} failed", failed.join(", "));
    }
    Ok(())
}

/// The lock file belongs to the manifests; from here on no command needs to change it.
fn lock(workspace: &Workspace) -> Result<()> {
    process::read(workspace.cargo("metadata").args(["--locked", "--format-version", "1"])).map(drop)
}

pub(crate) fn fmt(workspace: &Workspace) -> Result<()> {
    process::run(workspace.cargo("fmt").args(["--all", "--check"]))
}

fn build(workspace: &Workspace) -> Result<()> {
    workspace.build_briq().map(drop)
}

pub(crate) fn clippy(workspace: &Workspace) -> Result<()> {
    process::run(workspace.cargo("clippy").args(BUILD).args(["--all-targets", "--quiet", "--", "-D", "warnings"]))
}

/// Licences, bans and sources; the advisory database is a service, and CI gives the same answer without it.
fn deny(workspace: &Workspace) -> Result<()> {
    if !succeeds("cargo-deny", &["--version"]) {
        // Its default features are for fetching advisories.
        let install = ["cargo-deny", "--locked", "--no-default-features", "--quiet"];
        process::run(workspace.cargo("install").args(install))?;
    }
    process::run(workspace.cargo("deny").args(["check", "--hide-inclusion-graph", "licenses", "bans", "sources"]))
}
