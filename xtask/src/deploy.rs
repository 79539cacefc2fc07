//! `cargo xtask deploy`: the release pipeline, from source to a gated rollout.
//!
//! checks → release build → train → package → verify → checksums → publish → roll out → gates → report. What is to be
//! done is a plan, made before anything is done; `--dry-run` prints it. A gate that does not hold rolls back.

mod gates;
mod plan;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::briq::Briq;
use crate::process;
use crate::story::{Story, seconds};
use crate::workspace::Workspace;
use crate::{ci, test, tidy};
use plan::{Action, Plan, Release, Step};

/// What `cargo xtask deploy` may be told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The folder with the `briq.toml` to be released; without it, the template `digits`
    #[arg(long, value_name = "DIR")]
    package: Option<PathBuf>,
    /// Where it is to run
    #[arg(long, default_value = "local", value_parser = ["local"])]
    to: String,
    /// The name of the deployment; without it, that of the package
    #[arg(long)]
    name: Option<String>,
    /// The address that it serves; without it, the one it has
    #[arg(long)]
    http: Option<std::net::SocketAddr>,
    /// Print what would be done
    #[arg(long)]
    dry_run: bool,
    /// Go back to the revision before this one
    #[arg(long)]
    rollback: bool,
    /// Leave out formatting, lints, tidy and tests, where they were run already
    #[arg(long)]
    no_checks: bool,
}

/// Makes the plan; prints it or carries it out.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let release = Release::read(workspace, arguments)?;
    let plan = if arguments.rollback { Plan::rollback(&release) } else { Plan::release(&release, arguments) };
    if arguments.dry_run {
        print!("{plan}");
        return Ok(());
    }
    let mut story =
        Story::new(&format!("Release {} {}", release.name, release.version), &format!("to {}", arguments.to));
    let mut report = Vec::new();
    let outcome = carry_out(workspace, &plan, &release, &mut story, &mut report);
    let path = release.folder.join(if arguments.rollback { "rollback.json" } else { "report.json" });
    write_report(&path, &release, &report, &outcome)?;
    story.figure("report", path.display().to_string());
    story.figure("took", seconds(story.elapsed()));
    story.close();
    outcome
}

fn carry_out(
    workspace: &Workspace,
    plan: &Plan,
    release: &Release,
    story: &mut Story,
    report: &mut Vec<Value>,
) -> Result<()> {
    std::fs::create_dir_all(&release.folder).context("make the folder of the release")?;
    for step in &plan.steps {
        story.step(step.title);
        let began = Instant::now();
        let outcome = act(workspace, step, release, story);
        report.push(json!({
            "step": step.title,
            "command": step.action.to_string(),
            "seconds": began.elapsed().as_secs_f64(),
            "error": outcome.as_ref().err().map(|error| format!("{error:#}")),
        }));
        outcome?;
        story.done("done");
    }
    Ok(())
}

fn act(workspace: &Workspace, step: &Step, release: &Release, story: &Story) -> Result<()> {
    if let Action::Checks = step.action {
        return checks(workspace);
    }
    let briq = Briq { program: workspace.target.join("release").join("briq"), home: None };
    match &step.action {
        Action::Checks => Ok(()),
        Action::Build => workspace.build_briq().map(drop),
        Action::Briq(words) => {
            story.command(&step.action.to_string());
            briq.show(&words.iter().map(String::as_str).collect::<Vec<_>>())
        }
        Action::Checksums => checksums(release),
        Action::Gates { roll_back } => gates::hold(&briq, release, *roll_back, story),
    }
}

fn checks(workspace: &Workspace) -> Result<()> {
    ci::fmt(workspace)?;
    ci::clippy(workspace)?;
    tidy::run(workspace, &tidy::Arguments::quick())?;
    test::run(workspace, &test::Arguments::default())
}

/// `SHA256SUMS` beside the package, for whoever has no Briq at hand.
fn checksums(release: &Release) -> Result<()> {
    let file = release.file.file_name().context("the package is a file")?;
    let sums = process::read(std::process::Command::new("sha256sum").arg(file).current_dir(&release.folder))?;
    std::fs::write(release.folder.join("SHA256SUMS"), sums).context("write SHA256SUMS")
}

fn write_report(path: &Path, release: &Release, steps: &[Value], outcome: &Result<()>) -> Result<()> {
    let error = outcome.as_ref().err().map(|error| format!("{error:#}"));
    let report = json!({
        "package": release.name, "version": release.version, "deployment": release.deployment,
        "done": error.is_none(), "error": error, "steps": steps,
    });
    std::fs::write(path, format!("{report:#}\n")).context("write the report")
}
