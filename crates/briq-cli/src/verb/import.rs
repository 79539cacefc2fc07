//! `briq import`: a package from a network of another framework.

use std::path::PathBuf;

use anyhow::Context as _;
use briq_spec::PackageName;
use briq_spec::recipe::PackageSection;
use serde::Serialize;

use crate::context::Context;
use crate::output::bytes;

/// Cast a network of another framework into a package file
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    format: Format,
}

#[derive(clap::Subcommand)]
enum Format {
    /// An ONNX model, with its external data beside it
    Onnx(Onnx),
}

#[derive(clap::Args)]
struct Onnx {
    /// The .onnx file
    source: PathBuf,
    /// The name of the package
    #[arg(long)]
    name: PackageName,
    /// Its version
    #[arg(long)]
    version: semver::Version,
    /// One line on what the network does
    #[arg(long)]
    description: Option<String>,
    /// An SPDX licence expression
    #[arg(long)]
    license: Option<String>,
    /// A JSON file with the labels of the outputs, in order
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Serialize)]
struct Report {
    file: PathBuf,
    digest: String,
    size: u64,
    golden: bool,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let Format::Onnx(onnx) = &arguments.format;
    let package = PackageSection {
        name: onnx.name.clone(),
        version: onnx.version.clone(),
        description: onnx.description.clone(),
        license: onnx.license.clone(),
        authors: Vec::new(),
    };
    let imported = briq_model::import_onnx(&onnx.source, &package, &labels(onnx)?)?;
    if let Some(reason) = &imported.unproven {
        context.output.note(format!("warning: no golden examples could be recorded: {reason}"));
    }
    let written = imported.draft.write(&onnx.output)?;
    let report = Report {
        file: written.path.clone(),
        digest: written.digest.to_string(),
        size: written.size,
        golden: imported.unproven.is_none(),
    };
    context
        .output
        .data(&report, |report| format!("{}  {}  {}", report.file.display(), bytes(report.size), report.digest))
}

fn labels(onnx: &Onnx) -> anyhow::Result<Vec<String>> {
    let Some(path) = &onnx.labels else { return Ok(Vec::new()) };
    let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is no JSON list of labels", path.display()))
}
