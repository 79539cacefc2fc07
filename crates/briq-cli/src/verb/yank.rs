//! `briq yank`: keeps a version out of new resolutions.

use serde::Serialize;

use crate::context::Context;
use crate::locate;

/// Keep a version out of new resolutions; locks and digests still find it
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The version, such as digits@1.0.0
    #[arg(value_name = "REF")]
    reference: String,
    /// Take the yank back
    #[arg(long)]
    undo: bool,
}

#[derive(Serialize)]
struct Report {
    name: String,
    version: String,
    yanked: bool,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let store = context.store()?;
    let (name, selector) = locate::local(&arguments.reference)?;
    let version = locate::exact(&store.versions(name.clone())?, &name, &selector)?;
    store.yank(name.clone(), &version, !arguments.undo)?;
    let report = Report { name: name.to_string(), version: version.to_string(), yanked: !arguments.undo };
    context.output.data(&report, |report| {
        let state = if report.yanked { "is yanked" } else { "is offered again" };
        format!("{}@{} {state}", report.name, report.version)
    })
}
