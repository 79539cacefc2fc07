//! `briq pull`: brings a package here.

use std::path::PathBuf;

use anyhow::Context as _;
use briq_spec::lock::Lock;
use serde::Serialize;

use crate::context::Context;
use crate::{locate, progress};

/// Bring a package into the local store, or write it to a file
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The package
    #[arg(value_name = "REF")]
    reference: String,
    /// Also write the package to this file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Take exactly what this lock file names, and fail when it names nothing that fits
    #[arg(long, value_name = "FILE")]
    locked: Option<PathBuf>,
}

#[derive(Serialize)]
struct Report {
    name: String,
    version: String,
    digest: String,
    file: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let package = match &arguments.locked {
        None => locate::stored(context, &arguments.reference)?,
        Some(lock) => locked(context, &arguments.reference, lock)?,
    };
    if let Some(target) = &arguments.output {
        package.assemble(target)?;
    }
    let manifest = package.manifest();
    let report = Report {
        name: manifest.name.to_string(),
        version: manifest.version.to_string(),
        digest: package.digest().to_string(),
        file: arguments.output.clone(),
    };
    context.output.data(&report, |report| {
        let place = report.file.as_ref().map_or("the local store".into(), |file| file.display().to_string());
        format!("{}@{} is in {place}  {}", report.name, report.version, report.digest)
    })
}

fn locked(context: &Context, reference: &str, lock: &PathBuf) -> anyhow::Result<briq_package::Package> {
    let text = std::fs::read_to_string(lock).with_context(|| format!("cannot read {}", lock.display()))?;
    let lock = Lock::parse(&text)?;
    let reference = locate::reference(reference)?;
    let store = context.store()?;
    let progress = progress::transfer("pulling");
    let package = context.wait(async {
        let resolved = briq_registry::resolve_locked(&lock, &reference, &store).await?;
        briq_registry::open(&resolved, &store, &progress).await
    })??;
    Ok(package)
}
