//! `briq alias`: a name, such as `production`, for a version.

use crate::context::Context;
use crate::exit::{Code, Failure};
use crate::locate;

/// Let a name such as `production` stand for a version
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The version, such as digits@1.0.0
    #[arg(value_name = "REF")]
    reference: String,
    /// The alias
    alias: String,
    /// Remove the alias instead
    #[arg(long)]
    remove: bool,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let store = context.store()?;
    let (name, selector) = locate::local(&arguments.reference)?;
    let alias = arguments.alias.parse::<briq_spec::Alias>()?;
    if arguments.remove {
        if !store.remove_alias(name.clone(), &alias)? {
            return Err(Failure::new(Code::NotFound, format!("{name} has no alias `{alias}`")).into());
        }
        context.output.note(format!("{name}:{alias} is no more"));
        return Ok(());
    }
    let record = store.resolve(name.clone(), &selector)?;
    store.set_alias(name.clone(), &alias, &record.version)?;
    context.output.note(format!("{name}:{alias} is {name}@{}", record.version));
    Ok(())
}
