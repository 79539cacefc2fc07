//! Operators of the domain `ai.onnx.ml` that weigh features: linear models, and support vectors for regression.

use super::scoring::{Transform, best, classified, labels, rows};
use super::{Call, Fault, Operator, Outcome};
use crate::value::HostTensor;

pub(super) const OPERATORS: &[(&str, Operator)] =
    &[("LinearClassifier", classify), ("LinearRegressor", regress), ("SVMRegressor", regress_by_vectors)];

/// Rows of features, as a matrix; a vector is one row.
pub(super) fn examples(x: &HostTensor) -> Result<Vec<Vec<f64>>, Fault> {
    let width = x.shape.last().copied().filter(|width| *width > 0);
    let width = width.ok_or_else(|| Fault::because(format!("{:?} has no features", x.shape)))?;
    Ok(x.to_floats().chunks(width).map(<[f64]>::to_vec).collect())
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
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

/// How alike two rows are.
enum Kernel {
    Linear,
    Polynomial,
    Gaussian,
    Sigmoid,
}

impl Kernel {
    fn of(call: &Call) -> Result<Self, Fault> {
        Ok(match call.string("kernel_type")?.unwrap_or("LINEAR") {
            "LINEAR" => Self::Linear,
            "POLY" => Self::Polynomial,
            "RBF" => Self::Gaussian,
            "SIGMOID" => Self::Sigmoid,
            other => return Err(Fault::because(format!("kernel `{other}` is not known"))),
        })
    }

    fn compare(&self, [gamma, offset, degree]: [f64; 3], a: &[f64], b: &[f64]) -> f64 {
        match self {
            Self::Linear => dot(a, b),
            Self::Polynomial => (gamma * dot(a, b) + offset).powf(degree),
            Self::Gaussian => (-gamma * a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>()).exp(),
            Self::Sigmoid => (gamma * dot(a, b) + offset).tanh(),
        }
    }
}

/// Smola and Schölkopf (2004): weighted likenesses to the support vectors.
fn regress_by_vectors(call: &mut Call) -> Outcome {
    let (transform, kernel) = (Transform::of(call)?, Kernel::of(call)?);
    let given = call.numbers("kernel_params")?.unwrap_or_default();
    let parameters = std::array::from_fn(|at| given.get(at).copied().unwrap_or(0.0));
    let (weights, vectors) = (call.numbers("coefficients")?, call.numbers("support_vectors")?);
    let (weights, vectors) = (weights.unwrap_or_default(), vectors.unwrap_or_default());
    let bias = call.numbers("rho")?.and_then(|rho| rho.first().copied()).unwrap_or(0.0);
    let one_class = call.flag("one_class", false)?;
    let count = call.size("n_supports", 0)?;
    let examples = examples(&call.host(0)?)?;
    let width = examples.first().map_or(1, Vec::len);
    let fits =
        if count > 0 { vectors.len() == count * width && weights.len() == count } else { weights.len() == width };
    if !fits {
        return Err(Fault::because(format!("{} support vectors do not have {width} features each", count)));
    }
    let answer = |row: &Vec<f64>| {
        let sum = if count == 0 {
            dot(row, &weights)
        } else {
            let likenesses = vectors.chunks(width).map(|vector| kernel.compare(parameters, row, vector));
            likenesses.zip(&weights).map(|(likeness, weight)| likeness * weight).sum()
        } + bias;
        let mut scores = vec![if one_class { if sum > 0.0 { 1.0 } else { -1.0 } } else { sum }];
        transform.apply(&mut scores);
        scores
    };
    call.answer(rows(&examples.iter().map(answer).collect::<Vec<_>>()))
}
