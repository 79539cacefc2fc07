//! `briq yank`: keeps a version out of new resolutions.

use crate::context::Context;
use crate::locate;

/// Keep a version out of new resolutions; locks and digests still find it
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The version, such as digits@=1.0.0
    #[arg(value_name = "REF")]
    reference: String,
    /// Take the yank back
    #[arg(long)]
    undo: bool,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let store = context.store()?;
    let (name, selector) = locate::local(&arguments.reference)?;
    let versions = store.versions(name.clone())?;
    let exact = versions.iter().find(|record| record.yanked == arguments.undo && selector.selects(&record.version));
    let version = match exact {
        Some(record) => record.version.clone(),
        None => store.resolve(name.clone(), &selector)?.version,
    };
    store.yank(name.clone(), &version, !arguments.undo)?;
    let state = if arguments.undo { "is offered again" } else { "is yanked" };
    context.output.note(format!("{name}@{version} {state}"));
    Ok(())
}
