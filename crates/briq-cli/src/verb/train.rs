//! `briq train`: trains the network of a project.

use std::path::PathBuf;

use briq_model::{Ended, Project};
use serde::Serialize;

use crate::compute::BackendArgument;
use crate::context::Context;
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
    /// Use another seed than the recipe's
    #[arg(long)]
    seed: Option<u64>,
    /// Forget a training that was interrupted, and begin anew
    #[arg(long)]
    restart: bool,
}

#[derive(Serialize)]
struct Report {
    epochs: usize,
    best_epoch: usize,
    ended: Ended,
    part: String,
    examples: usize,
    metrics: std::collections::BTreeMap<String, f64>,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let backend = arguments.compute.backend;
    let mut project = Project::open(&arguments.directory)?;
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
    let report = Report {
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

fn summary(report: &Report) -> String {
    let metrics: Vec<String> = report.metrics.iter().map(|(name, value)| format!("{name} {value:.4}")).collect();
    let early = if report.ended == Ended::EarlyStopping { ", stopped early" } else { "" };
    format!(
        "{} epochs{early}; kept epoch {}\n{} on the {} examples of the {} part",
        report.epochs,
        report.best_epoch,
        metrics.join(", "),
        report.examples,
        report.part,
    )
}
