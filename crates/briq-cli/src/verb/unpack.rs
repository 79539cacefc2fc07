//! `briq unpack`: the entries of a package as files.

use std::path::PathBuf;

use serde::Serialize;

use crate::context::Context;
use crate::locate;

/// Write the entries of a package into a directory, verified
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The package
    #[arg(value_name = "REF")]
    reference: String,
    /// The directory; must not exist, or be empty
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
}

#[derive(Serialize)]
struct Report {
    directory: PathBuf,
    files: usize,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let package = locate::package(context, &arguments.reference)?;
    package.unpack(&arguments.output)?;
    let report =
        Report { directory: arguments.output.clone(), files: 1 + package.entries().len() + package.seals().len() };
    context.output.data(&report, |report| format!("{} files in {}", report.files, report.directory.display()))
}
