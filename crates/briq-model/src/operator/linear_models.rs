//! Operators of the domain `ai.onnx.ml` that weigh features.

use super::scoring::{Transform, best, classified, labels, rows};
use super::{Call, Fault, Operator, Outcome};
use crate::value::HostTensor;

pub(super) const OPERATORS: &[(&str, Operator)] = &[("LinearClassifier", classify), ("LinearRegressor", regress)];

/// Rows of features, as a matrix; a vector is one row.
pub(super) fn examples(x: &HostTensor) -> Result<Vec<Vec<f64>>, Fault> {
    let width = x.shape.last().copied().filter(|width| *width > 0);
    let width = width.ok_or_else(|| Fault::because(format!("{:?} has no features", x.shape)))?;
    Ok(x.to_floats().chunks(width).map(<[f64]>::to_vec).collect())
}

pub(super) fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(a, b)| a * b).sum()
}

/// The scores of every row: one for each row of coefficients.
fn scores(call: &mut Call, targets: Option<usize>) -> Result<Vec<Vec<f64>>, Fault> {
    let coefficients = call.numbers("coefficients")?.unwrap_or_default();
    let intercepts = call.numbers("intercepts")?.unwrap_or_default();
    let examples = examples(&call.host(0)?)?;
    let width = examples.first().map_or(1, Vec::len);
    let count = targets.unwrap_or(coefficients.len() / width);
    if count == 0 || coefficients.len() != count * width || !(intercepts.is_empty() || intercepts.len() == count) {
        let text = format!("{} coefficients for {count} scores of {width} features", coefficients.len());
        return Err(Fault::because(text));
    }
    let score = |row: &Vec<f64>, weights: (usize, &[f64])| {
        dot(row, weights.1) + intercepts.get(weights.0).copied().unwrap_or(0.0)
    };
    let all = |row: &Vec<f64>| coefficients.chunks(width).enumerate().map(|weights| score(row, weights)).collect();
    Ok(examples.iter().map(all).collect())
}

fn regress(call: &mut Call) -> Outcome {
    let transform = Transform::of(call)?;
    let targets = call.size("targets", 1)?;
    let mut scores = scores(call, Some(targets))?;
    scores.iter_mut().for_each(|row| transform.apply(row));
    call.answer(rows(&scores))
}

/// One score for two classes is that of the second.
fn classify(call: &mut Call) -> Outcome {
    let transform = Transform::of(call)?;
    let labels = labels(call, "classlabels_ints")?;
    let mut scores = scores(call, None)?;
    for row in &mut scores {
        if let (&[score], 2) = (row.as_slice(), labels.count()) {
            *row = vec![-score, score];
        }
        transform.apply(row);
    }
    let chosen: Vec<usize> = scores.iter().map(|row| best(row)).collect();
    classified(call, &labels, &chosen, &scores)
}
