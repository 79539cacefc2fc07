//! `briq gc`: gives back the disk space of what nothing names.

use serde::Serialize;

use briq_store::GcOptions;

use crate::context::Context;
use crate::output::bytes;

/// Remove blobs of the local store that no version names
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only say what would be removed
    #[arg(long)]
    dry_run: bool,
}

#[derive(Serialize)]
struct Report {
    blobs: u64,
    bytes: u64,
    dry_run: bool,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let options = GcOptions { dry_run: arguments.dry_run, ..GcOptions::default() };
    let collected = context.store()?.gc(&options)?;
    let report = Report { blobs: collected.blobs, bytes: collected.bytes, dry_run: arguments.dry_run };
    context.output.data(&report, |report| {
        let verb = if report.dry_run { "would remove" } else { "removed" };
        format!("{verb} {} blobs, {}", report.blobs, bytes(report.bytes))
    })
}
