//! `briq train`: trains the network of a project.

use std::path::PathBuf;

use briq_model::{Ended, Project, Tuning};
use serde::Serialize;

use crate::compute::BackendArgument;
use crate::context::Context;
use crate::locate;
use crate::progress::TrainingProgress;
use crate::verb::evaluate::confusion_text;

/// Train the network of a project, or go on with a training that was interrupted
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The project: a directory with a briq.toml
    #[arg(default_value = ".")]
    directory: PathBuf,
    #[command(flatten)]
    compute: BackendArgument,
    /// Start from the network and the parameters of this package; the recipe then needs no layers
    #[arg(long, value_name = "REF")]
    from: Option<String>,
    /// Leave parameters as they are whose names match, such as 'backbone.*'; may be given several times
    #[arg(long, value_name = "PATTERN", requires = "from")]
    freeze: Vec<String>,
    /// Make the last dense layer anew, as wide as the data has classes
    #[arg(long, requires = "from")]
    replace_head: bool,
    /// Use another seed than the recipe's
    #[arg(long)]
    seed: Option<u64>,
    /// Forget a training that was interrupted, and begin anew
    #[arg(long)]
    restart: bool,
}

#[derive(Serialize)]
struct Report {
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<String>,
    trained_parameters: usize,
    frozen_parameters: usize,
    epochs: usize,
    best_epoch: usize,
    ended: Ended,
    part: String,
    examples: usize,
    metrics: std::collections::BTreeMap<String, f64>,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let backend = arguments.compute.backend;
    let mut project = project(arguments, context)?;
    if let Some(seed) = arguments.seed {
        project.reseed(seed)?;
    }
    if arguments.restart {
        project.restart()?;
    }
    let mut progress = TrainingProgress::new(context.output.is_json());
    let outcome = project.train(backend, &mut progress)?;
    drop(progress);
    let history = &outcome.trained.history;
    let (trained_parameters, frozen_parameters) = project.parameter_counts();
    let report = Report {
        base: project.base.as_ref().map(|base| format!("{} {}", base.name, base.version)),
        trained_parameters,
        frozen_parameters,
        epochs: history.epochs.len(),
        best_epoch: history.best_epoch,
        ended: history.ended,
        part: outcome.evaluation.part.clone(),
        examples: outcome.evaluation.examples,
        metrics: outcome.evaluation.metrics.clone(),
    };
    context.output.data(&report, |report| {
        let confusion = outcome.evaluation.confusion.as_ref().map(confusion_text).unwrap_or_default();
        format!("{}\n{confusion}", summary(report))
    })
}

fn project(arguments: &Arguments, context: &Context) -> anyhow::Result<Project> {
    let Some(reference) = &arguments.from else { return Ok(Project::begin(&arguments.directory)?) };
    let package = locate::package(context, reference)?;
    let tuning = Tuning { freeze: arguments.freeze.clone(), replace_head: arguments.replace_head };
    Ok(Project::fine_tune(&arguments.directory, &package, &tuning)?)
}

fn summary(report: &Report) -> String {
    let metrics: Vec<String> = report.metrics.iter().map(|(name, value)| format!("{name} {value:.4}")).collect();
    let origin = report.base.as_ref().map(|base| {
        let (trained, frozen) = (report.trained_parameters, report.frozen_parameters);
        format!("from {base}: {trained} parameters trained, {frozen} frozen\n")
    });
    let early = if report.ended == Ended::EarlyStopping { ", stopped early" } else { "" };
    format!(
        "{}{} epochs{early}; kept epoch {}\n{} on the {} examples of the {} part",
        origin.unwrap_or_default(),
        report.epochs,
        report.best_epoch,
        metrics.join(", "),
        report.examples,
        report.part,
    )
}
