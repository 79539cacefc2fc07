//! `briq diff`: what differs between two packages.

use std::path::PathBuf;

use anyhow::Context as _;

use crate::context::Context;
use crate::exit::{Code, Failure};
use crate::locate;

/// Compare two packages: metadata, signature, structure, every tensor, metrics and entries
///
/// Tensors are compared number by number: how many differ, the largest difference, the norm of all of them, and that
/// norm in units of the older tensor's. Nodes are matched by what they compute, so that other names are no change.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The older package
    #[arg(value_name = "A")]
    before: String,
    /// The newer package
    #[arg(value_name = "B")]
    after: String,
    /// Show all lines of every section, and tensors that are the same
    #[arg(long)]
    all: bool,
    /// Draw a picture too: bars for the tensors, and the nodes that differ
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Exit with code 10 when the packages are not the same
    #[arg(long)]
    exit_code: bool,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let (before, after) = (locate::package(context, &arguments.before)?, locate::package(context, &arguments.after)?);
    let difference = briq_diff::compare(&before, &after)?;
    if let Some(path) = &arguments.svg {
        let written = briq_package::replace_file(path, briq_diff::picture(&difference).as_bytes());
        written.with_context(|| format!("cannot write {}", path.display()))?;
    }
    context.output.data(&difference, |difference| briq_diff::text(difference, arguments.all))?;
    if arguments.exit_code && !difference.same {
        return Err(Failure::new(Code::Differs, "the packages are not the same").into());
    }
    Ok(())
}
