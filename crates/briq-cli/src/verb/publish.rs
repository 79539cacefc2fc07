//! `briq publish`: gives a version to others.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use briq_package::Package;
use briq_registry::{Client, Endpoint, PushOptions};
use serde::Serialize;

use crate::context::Context;
use crate::output::bytes;
use crate::{locate, parcel, progress};

/// Publish a package: to the local store, or to any OCI registry
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The package file
    file: PathBuf,
    /// host[:port][/path] of an OCI registry, http:// for one without TLS [default: the local store]
    #[arg(long, value_name = "URL")]
    registry: Option<String>,
    /// Put a delta from this package beside it, for those who have that one, such as the version before or the base of a
    /// fine-tune
    #[arg(long, value_name = "REF", requires = "registry")]
    delta_from: Option<String>,
}

#[derive(Serialize)]
struct Report {
    name: String,
    version: String,
    digest: String,
    place: String,
    already_there: bool,
    /// Bytes of the delta that is beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    delta: Option<u64>,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let package = parcel::open(context, &arguments.file)?;
    package.verify()?;
    warn_without_base(&package, context)?;
    let report = match &arguments.registry {
        None => to_store(context, &package)?,
        Some(registry) => {
            let base = arguments.delta_from.as_ref().map(|base| locate::package(context, base)).transpose()?;
            to_registry(context, package, registry, base)?
        }
    };
    if arguments.delta_from.is_some() && report.delta.is_none() {
        context.output.note("no delta was put beside it: it would not be shorter than the package");
    }
    context.output.data(&report, |report| {
        let state = if report.already_there { "was there already" } else { "published" };
        let delta = report.delta.map(|delta| format!(" (delta of {})", bytes(delta))).unwrap_or_default();
        format!("{}@{} {state} in {}  {}{delta}", report.name, report.version, report.place, report.digest)
    })
}

/// An adapter may be published before its base; until then nobody can use it.
fn warn_without_base(package: &Package, context: &Context) -> anyhow::Result<()> {
    let manifest = package.manifest();
    let Some((name, digest)) = manifest.base().filter(|_| manifest.adapter.is_some()) else { return Ok(()) };
    match context.store()?.package(&digest) {
        Err(error) if error.is_not_found() => {
            context.output.note(format!("warning: its base {name}@{digest} is not in the local store"));
            Ok(())
        }
        other => Ok(other.map(drop)?),
    }
}

fn to_store(context: &Context, package: &Package) -> anyhow::Result<Report> {
    let published = context.store()?.publish(package)?;
    let manifest = package.manifest();
    Ok(Report {
        name: manifest.name.to_string(),
        version: manifest.version.to_string(),
        digest: package.digest().to_string(),
        place: "the local store".into(),
        already_there: published.already_there,
        delta: None,
    })
}

fn to_registry(context: &Context, package: Package, registry: &str, base: Option<Package>) -> anyhow::Result<Report> {
    let endpoint: Endpoint = registry.parse().context("cannot read the registry's address")?;
    let (progress, delta_from) = (progress::transfer("pushing"), base.map(Arc::new));
    let options = PushOptions { progress, delta_from, ..PushOptions::default() };
    let package = Arc::new(package);
    let pushed = context.wait(async {
        let client = Client::from_env(endpoint).await?;
        client.push(&package, &options).await
    })??;
    Ok(Report {
        name: pushed.repository.to_string(),
        version: pushed.version.to_string(),
        digest: pushed.digest.to_string(),
        place: registry.to_owned(),
        already_there: pushed.already_there,
        delta: pushed.delta,
    })
}
