//! How good a network is on examples that it has not seen.

use std::collections::BTreeMap;

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
/// When the network does not take the examples, or the device fails.
pub fn evaluate(engine: &BurnEngine, examples: &Examples, classes: &[String]) -> Result<Evaluation, ModelError> {
    let mut answers = Vec::with_capacity(examples.targets.len());
    let rows: Vec<usize> = (0..examples.len()).collect();
    for rows in rows.chunks(BATCH) {
        let batch = examples.select(rows);
        answers.extend(engine.answer(&batch.features, rows.len())?);
    }
    Ok(if examples.classes.is_empty() {
        regression(&answers, examples)
    } else {
        classification(&answers, examples, classes)
    })
}

fn classification(scores: &[f32], examples: &Examples, classes: &[String]) -> Evaluation {
    let answered: Vec<usize> = scores.chunks(examples.outputs.max(1)).map(largest).collect();
    let mut counts = vec![vec![0_u64; classes.len()]; classes.len()];
    for (&right, &answer) in examples.classes.iter().zip(&answered) {
        counts[right][answer] += 1;
    }
    let right: u64 = (0..classes.len()).map(|class| counts[class][class]).sum();
    let metrics = [
        ("accuracy", right as f64 / examples.len().max(1) as f64),
        ("macro-f1", macro_f1(&counts)),
        ("mae", mean_absolute_error(scores, &examples.targets)),
    ];
    Evaluation {
        examples: examples.len(),
        metrics: metrics.map(|(name, value)| (name.to_owned(), value)).into(),
        confusion: Some(Confusion { classes: classes.to_vec(), counts }),
    }
}

/// The unweighted mean of the classes' F1; a class that is neither present nor answered counts as zero.
fn macro_f1(counts: &[Vec<u64>]) -> f64 {
    let f1 = |class: usize| {
        let hits = counts[class][class] as f64;
        let present: u64 = counts[class].iter().sum();
        let answered: u64 = counts.iter().map(|row| row[class]).sum();
        if present + answered == 0 { 0.0 } else { 2.0 * hits / (present + answered) as f64 }
    };
    (0..counts.len()).map(f1).sum::<f64>() / counts.len().max(1) as f64
}

/// Over every number; for classes the targets are one-hot.
fn mean_absolute_error(answers: &[f32], targets: &[f32]) -> f64 {
    let total: f64 = answers.iter().zip(targets).map(|(&answer, &target)| f64::from((answer - target).abs())).sum();
    total / answers.len().max(1) as f64
}

fn regression(answers: &[f32], examples: &Examples) -> Evaluation {
    let pairs = || answers.iter().zip(&examples.targets).map(|(&a, &t)| (f64::from(a), f64::from(t)));
    let count = answers.len().max(1) as f64;
    let squared: f64 = pairs().map(|(answer, target)| (answer - target).powi(2)).sum();
    let mean = pairs().map(|(_, target)| target).sum::<f64>() / count;
    let spread: f64 = pairs().map(|(_, target)| (target - mean).powi(2)).sum();
    let metrics = [
        ("mae", mean_absolute_error(answers, &examples.targets)),
        ("rmse", (squared / count).sqrt()),
        ("r2", if spread > 0.0 { 1.0 - squared / spread } else { 0.0 }),
    ];
    Evaluation {
        examples: examples.len(),
        metrics: metrics.map(|(name, value)| (name.to_owned(), value)).into(),
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
    fn macro_f1_is_the_mean_over_classes() {
        let counts = vec![vec![3, 1], vec![0, 4]];
        let expected = (2.0 * 3.0 / 7.0 + 2.0 * 4.0 / 9.0) / 2.0;
        assert!((macro_f1(&counts) - expected).abs() < 1e-12);
    }

    #[test]
    fn the_first_of_equal_scores_is_the_answer() {
        assert_eq!(largest(&[0.1, 0.7, 0.7]), 1);
    }
}
