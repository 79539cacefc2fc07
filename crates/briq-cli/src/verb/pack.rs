//! `briq pack`: casts a trained project into one file.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use briq_model::Project;
use briq_package::parcel::{self, Parcel};
use briq_package::{Draft, Package};
use serde::Serialize;

use crate::context::Context;
use crate::output::bytes;
use crate::parcel::saving;

/// Cast a trained project into one package file
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The project: a directory with a briq.toml that was trained
    #[arg(default_value = ".")]
    directory: PathBuf,
    /// The file to write [default: NAME-VERSION.briq in the project]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write it compressed, to be sent: a parcel, NAME-VERSION.briqz, from which it is expanded before it is used
    #[arg(long)]
    compress: bool,
}

#[derive(Serialize)]
struct Report {
    file: PathBuf,
    digest: String,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    compressed: Option<Compressed>,
}

/// What compression saves, and what it costs where the package is used.
#[derive(Serialize)]
struct Compressed {
    /// Bytes of the package file.
    package: u64,
    /// How long expanding it took here, disk included.
    expand_seconds: f64,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let project = Project::open(&arguments.directory)?;
    let outcome = project.outcome()?;
    let package = &project.recipe.package;
    let default = || arguments.directory.join(format!("{}-{}.briq", package.name.short(), package.version));
    let draft = briq_model::cast(&project, &outcome)?;
    let report = if arguments.compress {
        let default = || parcel::file_name(&default());
        compress(&draft, arguments.output.clone().unwrap_or_else(default))?
    } else {
        let written = draft.write(&arguments.output.clone().unwrap_or_else(default))?;
        Report { file: written.path, digest: written.digest.to_string(), size: written.size, compressed: None }
    };
    context.output.data(&report, describe)
}

/// Packs beside the target, writes the parcel, and expands it once: that proves it, and says what it costs.
fn compress(draft: &Draft, target: PathBuf) -> anyhow::Result<Report> {
    let beside = target.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let folder = tempfile::Builder::new().prefix(".briq-").tempdir_in(beside);
    let folder = folder.with_context(|| format!("cannot write beside {}", target.display()))?;
    let written = draft.write(&folder.path().join("package.briq"))?;
    let coded = parcel::write(&Package::open(&written.path)?, None, &target)?;
    let began = Instant::now();
    Parcel::open(&target)?.expand(None, &folder.path().join("expanded.briq"))?;
    let compressed = Compressed { package: written.size, expand_seconds: began.elapsed().as_secs_f64() };
    Ok(Report { file: target, digest: written.digest.to_string(), size: coded.size, compressed: Some(compressed) })
}

fn describe(report: &Report) -> String {
    let (size, cost) = match &report.compressed {
        None => (bytes(report.size), String::new()),
        Some(Compressed { package, expand_seconds }) => {
            (saving(report.size, *package), format!("\nexpanding it took {:.0} ms", 1000.0 * expand_seconds))
        }
    };
    format!("{}  {size}  {}{cost}", report.file.display(), report.digest)
}
