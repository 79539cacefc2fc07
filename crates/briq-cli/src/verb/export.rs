//! `briq export`: the network of a package as a file of another program.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;

use crate::context::Context;
use crate::exit::{Code, Failure};
use crate::locate;
use crate::output::bytes;

/// Write the network of a package as a file that other programs read
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    format: Format,
}

#[derive(clap::Subcommand)]
enum Format {
    /// An ONNX model: structure and parameters
    Onnx {
        #[command(flatten)]
        target: Target,
        /// Keep the parameters in a safetensors file beside it, as networks beyond 2 GiB need
        #[arg(long)]
        external: bool,
    },
    /// The parameters alone, by name
    Safetensors {
        #[command(flatten)]
        target: Target,
    },
}

#[derive(clap::Args)]
struct Target {
    /// The package
    #[arg(value_name = "REF")]
    reference: String,
    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
}

#[derive(Serialize)]
struct Report {
    files: Vec<File>,
}

#[derive(Serialize)]
struct File {
    file: PathBuf,
    size: u64,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    match &arguments.format {
        Format::Onnx { target, external } => onnx(target, *external, context),
        Format::Safetensors { target } => {
            target.check(&target.output)?;
            let package = locate::package(context, &target.reference)?;
            let tensors = briq_model::export_safetensors(&package)?;
            report(&[(target.output.clone(), tensors)], context)
        }
    }
}

fn onnx(target: &Target, external: bool, context: &Context) -> anyhow::Result<()> {
    target.check(&target.output)?;
    let beside = if external { Some(target.beside()?) } else { None };
    let name = beside.as_ref().and_then(|path| path.file_name()?.to_str());
    let package = locate::package(context, &target.reference)?;
    let exported = briq_model::export_onnx(&package, name)?;
    // The parameters first: a model is never there without them.
    let mut files: Vec<(PathBuf, Vec<u8>)> = beside.into_iter().zip(exported.beside).collect();
    files.push((target.output.clone(), exported.file));
    report(&files, context)
}

fn report(files: &[(PathBuf, Vec<u8>)], context: &Context) -> anyhow::Result<()> {
    for (path, bytes) in files {
        briq_package::replace_file(path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let file = |(path, bytes): &(PathBuf, Vec<u8>)| File { file: path.clone(), size: bytes.len() as u64 };
    let report = Report { files: files.iter().map(file).collect() };
    context.output.data(&report, |report| {
        let line = |file: &File| format!("{}  {}", file.file.display(), bytes(file.size));
        report.files.iter().map(line).collect::<Vec<_>>().join("\n")
    })
}

impl Target {
    /// The file of the parameters, beside the model and under its name.
    fn beside(&self) -> anyhow::Result<PathBuf> {
        let beside = self.output.with_extension("safetensors");
        let named = beside.file_name().is_some_and(|name| name.to_str().is_some());
        if !named || beside == self.output {
            let message = format!("{} cannot have a .safetensors file beside it", self.output.display());
            return Err(Failure::new(Code::Input, message).hint("let its name end in .onnx").into());
        }
        self.check(&beside)?;
        Ok(beside)
    }

    /// Refuses to replace a file unless that was asked for.
    fn check(&self, path: &Path) -> anyhow::Result<()> {
        if self.force || !path.exists() {
            return Ok(());
        }
        let message = format!("{} is there already", path.display());
        Err(Failure::new(Code::Conflict, message).hint("replace it with --force").into())
    }
}
