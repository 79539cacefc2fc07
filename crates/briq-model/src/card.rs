//! The model card: `README.md` of a package, after Mitchell et al. (2019), "Model Cards for Model Reporting".

use std::fmt::Write as _;

use crate::error::ModelError;
use crate::project::{Outcome, Project};

/// What a reader should know of the network, as Markdown.
pub(crate) fn card(project: &Project, outcome: &Outcome) -> Result<String, ModelError> {
    let package = &project.recipe.package;
    let mut text = format!("# {} {}\n\n", package.name, package.version);
    if let Some(description) = &package.description {
        let _ = writeln!(text, "{description}\n");
    }
    if let Some(base) = &project.base {
        let _ = writeln!(text, "Fine-tuned from {} {} (`{}`).\n", base.name, base.version, base.digest);
    }
    let _ = writeln!(text, "Licence: {}\n", package.license.as_deref().unwrap_or("not stated"));
    data(&mut text, project);
    figures(&mut text, outcome);
    let _ = write!(text, "## Network\n\n```text\n{}\n```\n", project.layers.graph.summary()?);
    Ok(text)
}

fn data(text: &mut String, project: &Project) {
    let parts = &project.parts;
    let _ = writeln!(
        text,
        "## Data\n\n{} ({} examples; {} to train on, {} to validate, {} to test)\n\nDigest: `{}`\n",
        project.data_name(),
        project.rows,
        parts.train.len(),
        parts.validation.len(),
        parts.test.len(),
        project.data_digest,
    );
}

fn figures(text: &mut String, outcome: &Outcome) {
    let _ = writeln!(
        text,
        "## Figures on the {} examples of the {} part\n\n| metric | value |\n|---|---|",
        outcome.evaluation.examples, outcome.evaluation.part,
    );
    for (name, value) in &outcome.evaluation.metrics {
        let _ = writeln!(text, "| {name} | {value:.4} |");
    }
    text.push('\n');
}
