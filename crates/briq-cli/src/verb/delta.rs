//! `briq delta`: a package as what it differs by from another.

use std::path::PathBuf;

use briq_package::parcel;
use serde::Serialize;

use crate::context::Context;
use crate::locate;
use crate::parcel::saving;

/// Write a package as what it differs by from a base, which whoever expands it has to have
///
/// The result is a parcel. `briq expand`, and every verb that takes the path of a package, makes the very same package of
/// it; the base is looked up in the local store by its digest.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The package that the receiver has
    #[arg(value_name = "BASE")]
    base: String,
    /// The package to send
    #[arg(value_name = "REF")]
    reference: String,
    /// The file to write [default: NAME-VERSION.briqz]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Serialize)]
struct Report {
    file: PathBuf,
    digest: String,
    base: String,
    /// Bytes of the parcel.
    size: u64,
    /// Bytes of the package's entries.
    entries: u64,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let base = locate::package(context, &arguments.base)?;
    let package = locate::package(context, &arguments.reference)?;
    let manifest = package.manifest();
    let default = || parcel::file_name(briq_package::file_name(&manifest.name, &manifest.version).as_ref());
    let target = arguments.output.clone().unwrap_or_else(default);
    let coded = parcel::write(&package, Some(&base), &target)?;
    let report = Report {
        file: target,
        digest: coded.digest.to_string(),
        base: base.digest().to_string(),
        size: coded.size,
        entries: coded.entries,
    };
    context.output.data(&report, |report| {
        format!("{}  {}  {}", report.file.display(), saving(report.size, report.entries), report.digest)
    })
}
