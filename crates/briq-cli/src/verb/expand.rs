//! `briq expand`: a parcel becomes the package file again.

use std::path::PathBuf;

use briq_package::parcel::Parcel;
use serde::Serialize;

use crate::context::Context;
use crate::output::bytes;
use crate::{locate, parcel};

/// Make the package file of a parcel, byte for byte, with its seals
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The parcel, from `briq pack --compress` or `briq delta`
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The package that a delta is told from [default: looked up in the local store by its digest]
    #[arg(long, value_name = "REF")]
    base: Option<String>,
    /// The file to write [default: NAME-VERSION.briq]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Serialize)]
struct Report {
    file: PathBuf,
    digest: String,
    size: u64,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let opened = Parcel::open(&arguments.file)?;
    let manifest = opened.manifest();
    let default = || briq_package::file_name(&manifest.name, &manifest.version).into();
    let target = arguments.output.clone().unwrap_or_else(default);
    let base = arguments.base.as_deref().map(|base| locate::package(context, base)).transpose()?;
    let size = parcel::expand(context, &opened, base, &target)?;
    let report = Report { file: target, digest: opened.digest().to_string(), size };
    context
        .output
        .data(&report, |report| format!("{}  {}  {}", report.file.display(), bytes(report.size), report.digest))
}
