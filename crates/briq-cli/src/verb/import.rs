//! `briq import`: a package from a network of another framework.

mod adapter;
mod architecture;

use std::path::PathBuf;

use anyhow::Context as _;
use briq_import::{FileKind, StateDict};
use briq_model::{Imported, Origin};
use briq_spec::PackageName;
use briq_spec::recipe::PackageSection;
use serde::Serialize;

use self::architecture::{Architecture, Pair};
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
    Onnx(Target),
    /// A Keras model: .h5 or .keras
    Keras(Target),
    /// Parameters that torch.save wrote, into declared layers
    Pytorch(Declared),
    /// Parameters in a safetensors file, into declared layers; or a LoRA adapter of another package
    Safetensors(Parameters),
}

/// What is imported, and what it becomes.
#[derive(clap::Args)]
struct Target {
    /// The file
    #[arg(value_name = "SRC")]
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

/// Parameters without a structure of their own.
#[derive(clap::Args)]
struct Declared {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    architecture: Architecture,
}

/// Parameters that go into declared layers, or upon those of another package.
#[derive(clap::Args)]
struct Parameters {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    architecture: Option<Architecture>,
    /// SRC is a folder that peft wrote, with a LoRA adapter of this package
    #[arg(long, value_name = "REF", required_unless_present = "architecture", conflicts_with = "architecture")]
    adapter_of: Option<String>,
    /// Which parameter of that package a module changes, such as q=layer_1.weight; may be repeated [default: by name]
    #[arg(long = "parameter", value_name = "MODULE=NAME", requires = "adapter_of")]
    parameters: Vec<Pair>,
}

/// One module and the layer that it became, or the parameter that it changes.
#[derive(Serialize)]
struct Match {
    module: String,
    layer: String,
}

#[derive(Serialize)]
struct Report {
    file: PathBuf,
    digest: String,
    size: u64,
    golden: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    matched: Vec<Match>,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    match &arguments.format {
        Format::Onnx(target) => onnx(target, context),
        Format::Keras(target) => keras(target, context),
        Format::Pytorch(declared) => {
            parameters(&declared.target, &declared.architecture, "pytorch", briq_import::pytorch::read, context)
        }
        Format::Safetensors(given) => safetensors(given, context),
    }
}

fn onnx(target: &Target, context: &Context) -> anyhow::Result<()> {
    briq_import::expect(&target.read()?, FileKind::Onnx).with_context(|| target.unread())?;
    let imported = briq_model::import_onnx(&target.source, &target.package(), &target.labels()?)?;
    finish(target, &imported, Vec::new(), context)
}

fn keras(target: &Target, context: &Context) -> anyhow::Result<()> {
    let bytes = target.read()?;
    let graph = briq_import::keras::read(&bytes).with_context(|| target.unread())?;
    let imported = target.cast(&graph, "keras", &bytes)?;
    finish(target, &imported, Vec::new(), context)
}

/// Reads the parameters of a file.
type Read = fn(&[u8]) -> Result<StateDict, briq_import::ImportError>;

fn safetensors(given: &Parameters, context: &Context) -> anyhow::Result<()> {
    if let Some(base) = &given.adapter_of {
        return adapter::import(&given.target, base, &given.parameters, context);
    }
    let architecture = given.architecture.as_ref().expect("clap demands it where there is no base");
    parameters(&given.target, architecture, "safetensors", briq_import::read_safetensors, context)
}

fn parameters(
    target: &Target,
    architecture: &Architecture,
    framework: &str,
    read: Read,
    context: &Context,
) -> anyhow::Result<()> {
    let bytes = target.read()?;
    let state = read(&bytes).with_context(|| target.unread())?;
    state.notes.iter().for_each(|note| context.output.note(format!("note: {note}")));
    let assembled = architecture.fill(&state).with_context(|| target.unread())?;
    let imported = target.cast(&assembled.graph, framework, &bytes)?;
    let matched = assembled.matched.into_iter().map(|(module, layer)| Match { module, layer }).collect();
    finish(target, &imported, matched, context)
}

fn finish(target: &Target, imported: &Imported, matched: Vec<Match>, context: &Context) -> anyhow::Result<()> {
    if let Some(reason) = &imported.unproven {
        context.output.note(format!("warning: no golden examples could be recorded: {reason}"));
    }
    let written = imported.draft.write(&target.output)?;
    let report = Report {
        file: written.path.clone(),
        digest: written.digest.to_string(),
        size: written.size,
        golden: imported.unproven.is_none(),
        matched,
    };
    context.output.data(&report, text)
}

fn text(report: &Report) -> String {
    let line = |matched: &Match| format!("{} → {}\n", matched.module, matched.layer);
    let matched: String = report.matched.iter().map(line).collect();
    format!("{matched}{}  {}  {}", report.file.display(), bytes(report.size), report.digest)
}

impl Target {
    fn read(&self) -> anyhow::Result<Vec<u8>> {
        std::fs::read(&self.source).with_context(|| format!("cannot read {}", self.source.display()))
    }

    /// What is said around an importer's error.
    fn unread(&self) -> String {
        format!("cannot import {}", self.source.display())
    }

    fn package(&self) -> PackageSection {
        PackageSection {
            name: self.name.clone(),
            version: self.version.clone(),
            description: self.description.clone(),
            license: self.license.clone(),
            authors: Vec::new(),
        }
    }

    fn labels(&self) -> anyhow::Result<Vec<String>> {
        let Some(path) = &self.labels else { return Ok(Vec::new()) };
        let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is no JSON list of labels", path.display()))
    }

    fn cast(&self, graph: &briq_graph::Graph, framework: &str, bytes: &[u8]) -> anyhow::Result<Imported> {
        let source = briq_model::source_file(framework, &self.source, bytes);
        let (package, labels) = (self.package(), self.labels()?);
        Ok(briq_model::import_graph(graph, &Origin { package: &package, source, labels: &labels })?)
    }
}
