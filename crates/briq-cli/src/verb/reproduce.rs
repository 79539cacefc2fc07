//! `briq reproduce`: makes a package anew from what it says of its making, and compares.

use std::path::{Path, PathBuf};

use briq_diff::Difference;
use briq_model::{Backend, Likeness, Materials, Needed};
use briq_package::{Draft, Package};
use serde::Serialize;

use crate::context::Context;
use crate::exit::{Code, Failure};
use crate::progress::TrainingProgress;
use crate::{compute, locate};

/// Make a package anew from the recipe inside, and compare the two
///
/// A package that was trained is trained again: same recipe, seed, backend and data. Its data are known by their digest, and
/// so is the package that it was fine-tuned from, which is looked for in the local store. One that was imported is imported
/// again from its source file. Exit code 10 means that the new one answers its golden examples otherwise.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The package
    #[arg(value_name = "REF")]
    reference: String,
    /// The data it was trained on or the file it was imported from, or a folder that holds it
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// The package it was fine-tuned from [default: the one of that digest in the local store]
    #[arg(long, value_name = "REF")]
    base: Option<String>,
    /// What computes [default: what computed the first time]
    #[arg(long, value_parser = compute::parser())]
    backend: Option<Backend>,
    /// Keep the new package
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Serialize)]
struct Report {
    verdict: Verdict,
    /// The largest difference of an answer, where the golden examples hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    largest_error: Option<f64>,
    /// Where they do not.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    digest: String,
    reproduced: String,
    difference: Difference,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Identical,
    Equivalent,
    Different,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let package = locate::package(context, &arguments.reference)?;
    let work = tempfile::tempdir()?;
    let draft = draft(arguments, context, &package, work.path())?;
    let target = arguments.output.clone().unwrap_or_else(|| work.path().join("reproduced.briq"));
    draft.write(&target)?;
    let report = report(&package, &Package::open(&target)?)?;
    context.output.data(&report, text)?;
    if report.verdict == Verdict::Different {
        return Err(Failure::new(Code::Differs, "the package could not be reproduced").into());
    }
    Ok(())
}

fn draft(arguments: &Arguments, context: &Context, package: &Package, work: &Path) -> anyhow::Result<Draft> {
    let missing =
        |what: String| Failure::new(Code::Input, format!("making it anew takes {what}")).hint("give --data PATH");
    match briq_model::needed(package)? {
        Needed::Training { data, base } => {
            let wanted = || missing(format!("{}, {} rows, {}", data.name, data.rows, data.blake3));
            let path = arguments.data.as_ref().ok_or_else(wanted)?;
            let base = base.map(|reference| base_package(arguments, context, reference)).transpose()?;
            let materials = Materials { data: path, base: base.as_ref(), backend: arguments.backend };
            let mut progress = TrainingProgress::new(context.output.is_json());
            Ok(briq_model::retrain(package, &materials, work, &mut progress)?)
        }
        Needed::Source(source) => {
            let wanted = || missing(format!("{} ({}), {}", source.name, source.framework, source.blake3));
            let path = arguments.data.as_ref().ok_or_else(wanted)?;
            Ok(briq_model::reimport(package, path, briq_import::keras::read)?.draft)
        }
    }
}

/// The package that this one was fine-tuned from: as it was named, or of that digest in the local store.
fn base_package(arguments: &Arguments, context: &Context, reference: &str) -> anyhow::Result<Package> {
    let Some(named) = &arguments.base else {
        return locate::package(context, reference).map_err(|error| {
            error.context(
                Failure::new(Code::NotFound, format!("the package was fine-tuned from {reference}"))
                    .hint("publish it to the local store, or name it with --base"),
            )
        });
    };
    locate::package(context, named)
}

fn report(first: &Package, again: &Package) -> anyhow::Result<Report> {
    let (verdict, largest_error, reason) = match briq_model::likeness(first, again)? {
        Likeness::Identical => (Verdict::Identical, None, None),
        Likeness::Equivalent(error) => (Verdict::Equivalent, Some(error), None),
        Likeness::Different(reason) => (Verdict::Different, None, Some(reason)),
    };
    Ok(Report {
        verdict,
        largest_error,
        reason,
        digest: first.digest().to_string(),
        reproduced: again.digest().to_string(),
        difference: briq_diff::compare(first, again)?,
    })
}

fn text(report: &Report) -> String {
    let verdict = match (report.verdict, &report.reason, report.largest_error) {
        (Verdict::Identical, ..) => "identical: the same bytes".to_owned(),
        (Verdict::Equivalent, _, error) => {
            let error = error.unwrap_or_default();
            format!("equivalent: other bytes, and the golden examples hold (largest difference {error:.3e})")
        }
        (Verdict::Different, reason, _) => {
            format!("different: {}", reason.as_deref().unwrap_or("the golden examples do not hold"))
        }
    };
    match report.verdict {
        Verdict::Identical => format!("{verdict}\n  {}", report.digest),
        _ => format!("{verdict}\n\n{}", briq_diff::text(&report.difference, false)),
    }
}
