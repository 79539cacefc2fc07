//! How good a network is on examples that it has not seen.

use std::collections::BTreeMap;

use briq_data::metrics;
use briq_spec::recipe::Metric;
use serde::{Deserialize, Serialize};

use crate::engine::BurnEngine;
use crate::error::ModelError;
use crate::train::Examples;

/// Rows that are answered at once while evaluating.
const BATCH: usize = 256;

/// The figures of one evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Which examples: `test`, `validation` or `training` of a project, or `given`.
    pub part: String,
    /// Number of examples.
    pub examples: usize,
    /// Each figure by name: `accuracy`, `macro-f1`, `mae`, `rmse`, `r2`.
    pub metrics: BTreeMap<String, f64>,
    /// Rows are what is right, columns what was answered; none for a regression.
    pub confusion: Option<Confusion>,
}

/// How often each class was taken for each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    /// The classes in order.
    pub classes: Vec<String>,
    /// `counts[right][answered]`.
    pub counts: Vec<Vec<u64>>,
}

impl Evaluation {
    /// Keeps the wanted metrics; all of them when none is named.
    #[must_use]
    pub fn keep(mut self, wanted: &[Metric]) -> Self {
        if !wanted.is_empty() {
            self.metrics.retain(|name, _| wanted.iter().any(|metric| metric_name(*metric) == name));
        }
        self
    }
}

fn metric_name(metric: Metric) -> &'static str {
    match metric {
        Metric::Accuracy => "accuracy",
        Metric::MacroF1 => "macro-f1",
        Metric::Mae => "mae",
        Metric::Rmse => "rmse",
        Metric::R2 => "r2",
    }
}

/// Answers every example and compares.
///
/// # Errors
/// When the network does not take the examples or gives another number of outputs than they have, or the device fails.
pub fn evaluate(engine: &BurnEngine, examples: &Examples, classes: &[String]) -> Result<Evaluation, ModelError> {
    let mut answers = Vec::with_capacity(examples.targets.len());
    let rows: Vec<usize> = (0..examples.len()).collect();
    for rows in rows.chunks(BATCH) {
        let batch = examples.select(rows);
        answers.extend(engine.answer(&batch.features, rows.len())?);
    }
    if answers.len() != examples.targets.len() {
        let (given, wanted) = (answers.len(), examples.targets.len());
        let message = format!("the network gives {given} numbers for {} examples that want {wanted}", examples.len());
        return Err(ModelError::invalid(message));
    }
    Ok(if examples.classes.is_empty() {
        regression(&answers, examples)
    } else {
        classification(&answers, examples, classes)
    })
}

fn classification(scores: &[f32], examples: &Examples, classes: &[String]) -> Evaluation {
    let index = |class: usize| u32::try_from(class).unwrap_or(u32::MAX);
    let answered: Vec<u32> = scores.chunks(examples.outputs.max(1)).map(|scores| index(largest(scores))).collect();
    let right: Vec<u32> = examples.classes.iter().map(|&class| index(class)).collect();
    let confusion = metrics::Confusion::new(classes.len(), &right, &answered);
    let counts = (0..classes.len()).map(|class| confusion.row(class).to_vec()).collect();
    Evaluation {
        confusion: Some(Confusion { classes: classes.to_vec(), counts }),
        ..figures(
            examples,
            &[
                ("accuracy", confusion.accuracy()),
                ("macro-f1", confusion.macro_f1()),
                ("mae", metrics::mean_absolute_error(&examples.targets, scores)),
            ],
        )
    }
}

fn regression(answers: &[f32], examples: &Examples) -> Evaluation {
    let targets = &examples.targets;
    figures(
        examples,
        &[
            ("mae", metrics::mean_absolute_error(targets, answers)),
            ("rmse", metrics::root_mean_square_error(targets, answers)),
            ("r2", metrics::r_squared(targets, answers)),
        ],
    )
}

/// Figures that are numbers: the manifest and JSON have no others.
fn figures(examples: &Examples, metrics: &[(&str, f64)]) -> Evaluation {
    let finite = metrics.iter().filter(|(_, value)| value.is_finite());
    Evaluation {
        part: "given".into(),
        examples: examples.len(),
        metrics: finite.map(|&(name, value)| (name.to_owned(), value)).collect(),
        confusion: None,
    }
}

/// The position of the largest score; the first of equal ones.
#[must_use]
pub fn largest(scores: &[f32]) -> usize {
    let better = |best: usize, index: usize| if scores[index] > scores[best] { index } else { best };
    (0..scores.len()).fold(0, better)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equal_scores_is_the_answer() {
        assert_eq!(largest(&[0.1, 0.7, 0.7]), 1);
    }
}
