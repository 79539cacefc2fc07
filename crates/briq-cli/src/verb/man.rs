//! `briq man`: manual pages.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::CommandFactory as _;
use serde::Serialize;

use crate::context::Context;

/// Write the manual pages into a directory
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The directory
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
}

#[derive(Serialize)]
struct Report {
    directory: PathBuf,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let directory = &arguments.output;
    let failed = || format!("cannot write manual pages into {}", directory.display());
    std::fs::create_dir_all(directory).with_context(failed)?;
    clap_mangen::generate_to(crate::arguments::Arguments::command(), directory).with_context(failed)?;
    context.output.data(&Report { directory: directory.clone() }, |report| {
        let directory = report.directory.display();
        format!("manual pages are in {directory}; try: man {directory}/briq.1")
    })
}
