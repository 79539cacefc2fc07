//! `briq yank`: keeps a version out of new resolutions.

use serde::Serialize;

use crate::context::Context;
use crate::locate;

/// Keep a version, with all its variants, out of new resolutions; locks and digests still find it
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The version, such as digits@1.0.0, or one variant of it, such as digits@1.0.0+f16
    #[arg(value_name = "REF")]
    reference: String,
    /// Take the yank back
    #[arg(long)]
    undo: bool,
}

#[derive(Serialize)]
struct Report {
    name: String,
    versions: Vec<String>,
    yanked: bool,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let store = context.store()?;
    let (name, selector) = locate::local(&arguments.reference)?;
    let versions = locate::exact(&store.versions(name.clone())?, &name, &selector)?;
    for version in &versions {
        store.yank(name.clone(), version, !arguments.undo)?;
    }
    let versions = versions.iter().map(ToString::to_string).collect();
    let report = Report { name: name.to_string(), versions, yanked: !arguments.undo };
    context.output.data(&report, |report| {
        let state = if report.yanked { "is yanked" } else { "is offered again" };
        let line = |version: &String| format!("{}@{version} {state}", report.name);
        report.versions.iter().map(line).collect::<Vec<_>>().join("\n")
    })
}
