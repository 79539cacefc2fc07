//! `briq pull`: brings a package here.

use std::path::PathBuf;

use anyhow::Context as _;
use briq_model::Backend;
use briq_registry::Progress;
use briq_spec::lock::Lock;
use serde::Serialize;

use crate::compute;
use crate::context::Context;
use crate::locate;
use crate::output::bytes;
use crate::progress::Transfer;

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
    /// Choose among variants for a machine that computes with this [default: what this machine has]
    #[arg(long, value_parser = compute::parser(), default_value = "auto", hide_default_value = true)]
    backend: Backend,
}

#[derive(Serialize)]
struct Report {
    name: String,
    version: String,
    digest: String,
    file: Option<PathBuf>,
    /// Bytes that came over the network.
    moved: u64,
    /// Bytes of the package that were on this machine before it was pulled.
    reused: u64,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let context = &context.on(arguments.backend);
    let transfer = Transfer::new("pulling");
    let package = match &arguments.locked {
        None => locate::stored_with(context, &arguments.reference, &transfer.progress)?,
        Some(lock) => locked(context, &arguments.reference, lock, &transfer.progress)?,
    };
    locate::base(context, &arguments.reference, &package)?;
    let (moved, reused) = transfer.bytes();
    if let Some(target) = &arguments.output {
        package.assemble(target)?;
    }
    let manifest = package.manifest();
    let report = Report {
        name: manifest.name.to_string(),
        version: manifest.version.to_string(),
        digest: package.digest().to_string(),
        file: arguments.output.clone(),
        moved,
        reused,
    };
    context.output.data(&report, |report| {
        let place = report.file.as_ref().map_or("the local store".into(), |file| file.display().to_string());
        let traffic = traffic(report.moved, report.reused);
        format!("{}@{} is in {place}  {}{traffic}", report.name, report.version, report.digest)
    })
}

/// Nothing where nothing was transferred.
fn traffic(moved: u64, reused: u64) -> String {
    match moved + reused {
        0 => String::new(),
        _ => format!(" ({} moved, {} were here)", bytes(moved), bytes(reused)),
    }
}

fn locked(
    context: &Context,
    reference: &str,
    lock: &PathBuf,
    progress: &Progress,
) -> anyhow::Result<briq_package::Package> {
    let text = std::fs::read_to_string(lock).with_context(|| format!("cannot read {}", lock.display()))?;
    let lock = Lock::parse(&text)?;
    let reference = locate::reference(reference)?;
    let store = context.store()?;
    let package = context.wait(async {
        let resolved =
            briq_registry::resolve_locked(&lock, &reference, &store, &|| briq_model::machine(context.backend)).await?;
        briq_registry::open(&resolved, &store, progress).await
    })??;
    Ok(package)
}
