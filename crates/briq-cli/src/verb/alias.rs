//! `briq alias`: a name, such as `production`, for a version.

use anyhow::Context as _;
use serde::Serialize;

use crate::context::Context;
use crate::exit::{Code, Failure};
use crate::locate;

/// Let a name such as `production` stand for a version
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The version, such as digits@1.0.0; with --remove the package, such as digits
    #[arg(value_name = "REF")]
    reference: String,
    /// The alias
    alias: String,
    /// Remove the alias instead
    #[arg(long)]
    remove: bool,
}

#[derive(Serialize)]
struct Report {
    name: String,
    alias: String,
    version: Option<String>,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let store = context.store()?;
    let (name, selector) = locate::local(&arguments.reference)?;
    let alias = arguments.alias.parse::<briq_spec::Alias>()?;
    let mut report = Report { name: name.to_string(), alias: alias.to_string(), version: None };
    if arguments.remove {
        if !store.remove_alias(name.clone(), &alias)? {
            return Err(Failure::new(Code::NotFound, format!("{name} has no alias `{alias}`")).into());
        }
    } else {
        // Any of the variants stands for all: who follows the alias chooses again.
        let versions = locate::exact(&store.versions(name.clone())?, &name, &selector)?;
        let version = versions.first().context("there is no such version")?;
        store.set_alias(name, &alias, version)?;
        report.version = Some(version.to_string());
    }
    context.output.data(&report, |report| match &report.version {
        Some(version) => format!("{0}:{1} is {0}@{version}", report.name, report.alias),
        None => format!("{}:{} is no more", report.name, report.alias),
    })
}
