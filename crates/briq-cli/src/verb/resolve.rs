//! `briq resolve`: the one package that a reference means.

use briq_model::Backend;
use briq_registry::{Place, Resolved};
use serde::Serialize;

use crate::compute;
use crate::context::Context;
use crate::locate;

/// Show which package a reference means
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The package, such as digits@^1
    #[arg(value_name = "REF")]
    reference: String,
    /// Choose among variants for a machine that computes with this [default: what this machine has]
    #[arg(long, value_parser = compute::parser(), default_value = "auto", hide_default_value = true)]
    backend: Backend,
}

#[derive(Serialize)]
struct Report {
    name: String,
    version: String,
    digest: String,
    registry: Option<String>,
    place: &'static str,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let context = &context.on(arguments.backend);
    let resolved = locate::resolve(context, &arguments.reference)?;
    context.output.data(&report(&resolved), |report| format!("{}@{}  {}", report.name, report.version, report.digest))
}

fn report(resolved: &Resolved) -> Report {
    Report {
        name: resolved.name.to_string(),
        version: resolved.version.to_string(),
        digest: resolved.digest.to_string(),
        registry: resolved.registry.clone(),
        place: match resolved.place {
            Place::File(_) => "file",
            Place::Store => "store",
            Place::Registry(_) => "registry",
        },
    }
}
