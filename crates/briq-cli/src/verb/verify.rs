//! `briq verify`: every byte of a package against its digests.

use serde::Serialize;

use crate::context::Context;
use crate::locate;
use crate::output::bytes;

/// Check every byte of a package
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The package
    #[arg(value_name = "REF")]
    reference: String,
}

#[derive(Serialize)]
struct Report {
    name: String,
    version: String,
    digest: String,
    entries: usize,
    bytes: u64,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let package = locate::package(context, &arguments.reference)?;
    let verified = package.verify()?;
    let manifest = package.manifest();
    let report = Report {
        name: manifest.name.to_string(),
        version: manifest.version.to_string(),
        digest: package.digest().to_string(),
        entries: verified.entries,
        bytes: verified.bytes,
    };
    context.output.data(&report, |report| {
        let (name, version, size) = (&report.name, &report.version, bytes(report.bytes));
        format!("{name} {version} is whole: {} entries, {size}, {}", report.entries, report.digest)
    })
}
