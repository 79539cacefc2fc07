//! `briq evaluate`: how good a package is on data.

use std::path::PathBuf;

use briq_model::{Confusion, Evaluation, Examples, Layered};
use serde::Serialize;

use crate::compute::BackendArgument;
use crate::context::Context;
use crate::exit::{Code, Failure};
use crate::output::table;
use crate::{input, locate};

/// Compare a package's answers with a file of labelled examples
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The package
    #[arg(value_name = "REF")]
    reference: String,
    /// CSV or TSV (.gz too), the label in the last column
    #[arg(long)]
    data: PathBuf,
    /// The file's first row names its columns
    #[arg(long)]
    header: bool,
    /// Lines to pass over before the header or the rows
    #[arg(long, default_value_t = 0)]
    skip_lines: usize,
    #[command(flatten)]
    compute: BackendArgument,
}

#[derive(Serialize)]
struct Report<'a> {
    package: String,
    version: String,
    #[serde(flatten)]
    evaluation: &'a Evaluation,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let backend = arguments.compute.backend;
    let context = &context.on(backend);
    let package = locate::package(context, &arguments.reference)?;
    let labels = briq_model::labels(&package)?.unwrap_or_default();
    let examples = examples(arguments, &labels)?;
    let base = locate::base(context, &arguments.reference, &package)?;
    let engine = briq_model::engine(Layered::new(&package, base.as_ref()), backend)?;
    let evaluation = briq_model::evaluate(&engine, &examples, &labels)?;
    let manifest = package.manifest();
    let report =
        Report { package: manifest.name.to_string(), version: manifest.version.to_string(), evaluation: &evaluation };
    context.output.data(&report, |report| {
        let figures: Vec<_> =
            report.evaluation.metrics.iter().map(|(name, value)| format!("{name:10} {value:.4}")).collect();
        let confusion = report.evaluation.confusion.as_ref().map(confusion_text).unwrap_or_default();
        format!(
            "{} {}, {} examples\n{}\n{confusion}",
            report.package,
            report.version,
            evaluation.examples,
            figures.join("\n")
        )
    })
}

fn examples(arguments: &Arguments, labels: &[String]) -> anyhow::Result<Examples> {
    let options = briq_data::ReadOptions {
        header: arguments.header,
        skip_lines: arguments.skip_lines,
        task: if labels.is_empty() { briq_data::Task::Regression } else { briq_data::Task::Classification },
        classes: (!labels.is_empty()).then(|| labels.to_vec()),
        ..briq_data::ReadOptions::default()
    };
    let data = input::table(&arguments.data, &options)?;
    Examples::of(&data).ok_or_else(|| Failure::new(Code::Input, "the data has no labels").into())
}

/// The confusion matrix as a table: rows are what is right, columns what was answered.
pub(crate) fn confusion_text(confusion: &Confusion) -> String {
    let heading = std::iter::once("right \\ answered".to_owned()).chain(confusion.classes.iter().cloned()).collect();
    let row = |(class, counts): (&String, &Vec<u64>)| {
        let cells = counts.iter().map(|&count| if count == 0 { "·".to_owned() } else { count.to_string() });
        std::iter::once(class.clone()).chain(cells).collect()
    };
    let rows: Vec<Vec<String>> =
        std::iter::once(heading).chain(confusion.classes.iter().zip(&confusion.counts).map(row)).collect();
    format!("\n{}", table(&rows))
}
