//! `briq pack`: casts a trained project into one file.

use std::path::PathBuf;

use briq_model::Project;
use serde::Serialize;

use crate::context::Context;
use crate::output::bytes;

/// Cast a trained project into one package file
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The project: a directory with a briq.toml that was trained
    #[arg(default_value = ".")]
    directory: PathBuf,
    /// The file to write [default: NAME-VERSION.briq in the project]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Serialize)]
struct Report {
    file: PathBuf,
    digest: String,
    size: u64,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let project = Project::open(&arguments.directory)?;
    let outcome = project.outcome()?;
    let package = &project.recipe.package;
    let default = || arguments.directory.join(format!("{}-{}.briq", package.name.short(), package.version));
    let target = arguments.output.clone().unwrap_or_else(default);
    let written = briq_model::cast(&project, &outcome)?.write(&target)?;
    let report = Report { file: written.path.clone(), digest: written.digest.to_string(), size: written.size };
    context
        .output
        .data(&report, |report| format!("{}  {}  {}", report.file.display(), bytes(report.size), report.digest))
}
