//! `cargo xtask bench`: what building, packaging and serving cost on this machine.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::json;

use crate::process;
use crate::story::{Story, bytes, seconds};
use crate::workspace::{BUILD, Workspace};

/// What `cargo xtask bench` may be told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The crate whose build by itself is timed
    #[arg(long, default_value = "briq-package")]
    package: String,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// A crate that is built alone, in a folder of its own.
struct Alone {
    crates: usize,
    seconds: f64,
}

/// Measures and prints.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let began = Instant::now();
    let program = workspace.build_briq()?;
    let build = began.elapsed();
    let size = std::fs::metadata(&program)?.len();
    let alone = alone(workspace, &arguments.package)?;
    let start = start_up(&program)?;
    if arguments.json {
        let figures = json!({
            "briq": {"bytes": size, "build_seconds": build.as_secs_f64(), "start_seconds": start},
            "alone": {"package": arguments.package, "crates": alone.crates, "seconds": alone.seconds},
        });
        println!("{figures:#}");
        return Ok(());
    }
    let mut story = Story::new("Figures", "of this machine, now");
    story.figure("briq, the program", bytes(size));
    story.figure("briq, build from what was there", seconds(build));
    story.figure("briq --version", seconds(std::time::Duration::from_secs_f64(start)));
    let value = format!("{} crates in {:.1} s", alone.crates, alone.seconds);
    story.figure(&format!("{} alone, from nothing", arguments.package), value);
    story.close();
    Ok(())
}

/// Builds one crate from nothing, with downloads already done.
fn alone(workspace: &Workspace, package: &str) -> Result<Alone> {
    process::run(workspace.cargo("fetch").arg("--quiet"))?;
    let folder = tempfile::tempdir()?;
    let began = Instant::now();
    let mut command = workspace.cargo("build");
    command.args([BUILD[0], "--package", package, "--message-format", "json"]);
    let messages = process::read(command.arg("--target-dir").arg(folder.path()))?;
    let seconds = began.elapsed().as_secs_f64();
    let built = cargo_metadata::Message::parse_stream(messages.as_bytes()).filter_map(|message| match message {
        Ok(cargo_metadata::Message::CompilerArtifact(artifact)) => Some(artifact.package_id.repr),
        _ => None,
    });
    Ok(Alone { crates: built.collect::<std::collections::BTreeSet<_>>().len(), seconds })
}

/// The quickest of ten starts.
fn start_up(program: &Path) -> Result<f64> {
    let mut best = f64::INFINITY;
    for _ in 0..10 {
        let began = Instant::now();
        process::read(std::process::Command::new(program).arg("--version")).context("start briq")?;
        best = best.min(began.elapsed().as_secs_f64());
    }
    Ok(best)
}
