//! `cargo xtask bench`: what Briq costs on this machine, and how it stands beside its peers.

mod networks;
mod overview;
mod package;
mod runtime;
mod table;

use anyhow::Result;

use crate::workspace::Workspace;

/// What `cargo xtask bench` may be told.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    #[command(flatten)]
    overview: overview::Arguments,
}

/// A comparison with peers; without one, building, packaging and serving are measured.
#[derive(clap::Subcommand)]
enum Part {
    /// Compare predictions and cold starts with ONNX Runtime and tract, on networks that are made here
    Runtime(runtime::Arguments),
    /// Compare packing, verifying and opening with cp, b3sum, tar, safetensors and MLflow, on weights that are made here
    Package(package::Arguments),
}

/// Measures and prints.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    match &arguments.part {
        Some(Part::Runtime(arguments)) => runtime::run(workspace, arguments),
        Some(Part::Package(arguments)) => package::run(workspace, arguments),
        None => overview::run(workspace, &arguments.overview),
    }
}
