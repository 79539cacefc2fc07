//! `cargo xtask tidy`: proves what the architecture promises.
//!
//! Every check returns what it found rather than stopping at the first, so that one run names all there is to do.

mod documentation;
mod outliers;
mod publishing;
mod sources;
mod standalone;
mod tiers;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::workspace::Workspace;

/// What `cargo xtask tidy` may be told.
#[derive(Default, clap::Args)]
pub(crate) struct Arguments {
    /// List long files and functions as well; they are no failure
    #[arg(long)]
    report: bool,
    /// Leave out what compiles: crates by themselves, the verbs of `briq`, packaging
    #[arg(long)]
    quick: bool,
}

impl Arguments {
    /// Only what needs nothing compiled.
    pub(crate) fn quick() -> Self {
        Self { quick: true, report: false }
    }
}

/// A promise that does not hold, as one line.
type Findings = Vec<String>;

/// One check, by its name.
type Check = (&'static str, fn(&Workspace) -> Result<Findings>);

/// Runs the checks; fails when one of them found something.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let mut checks: Vec<Check> = vec![
        ("tiers", tiers::check),
        ("sources", sources::check),
        ("documentation", documentation::check),
        ("publishing", publishing::check_metadata),
    ];
    if !arguments.quick {
        checks.push(("verbs", documentation::check_verbs));
        checks.push(("packaging", publishing::check_packaging));
        checks.push(("standalone", standalone::check));
    }
    let mut total = 0;
    for (name, check) in checks {
        let findings = check(workspace)?;
        total += findings.len();
        findings.iter().for_each(|finding| println!("tidy: {name}: {finding}"));
        if findings.is_empty() {
            println!("tidy: {name}: ok");
        }
    }
    if arguments.report {
        outliers::report(workspace)?;
    }
    if total > 0 {
        bail!("tidy found {total} things");
    }
    Ok(())
}

/// The files of the workspace whose name ends so, without build outputs, in alphabetical order.
fn files(root: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type()?.is_dir() {
                if name != "target" && name != ".git" {
                    folders.push(entry.path());
                }
            } else if name.ends_with(ending) {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}
