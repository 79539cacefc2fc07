//! From raw scores to what a classifier answers: labels, and scores that are transformed.

use briq_graph::ElementType;

use super::activation::sigmoid;
use super::{Call, Fault, Outcome};
use crate::value::{HostTensor, Value};

/// What becomes of the scores of a row.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Transform {
    None,
    Softmax,
    Logistic,
    /// Softmax that leaves scores of zero at zero, but for the common factor.
    SoftmaxZero,
    Probit,
}

impl Transform {
    /// Reads `post_transform`: a name, or since operator set 5 a number.
    pub(super) fn of(call: &Call) -> Result<Self, Fault> {
        const ALL: [(&str, Transform); 5] = [
            ("NONE", Transform::None),
            ("SOFTMAX", Transform::Softmax),
            ("LOGISTIC", Transform::Logistic),
            ("SOFTMAX_ZERO", Transform::SoftmaxZero),
            ("PROBIT", Transform::Probit),
        ];
        let name = "post_transform";
        let unknown = Fault::WrongAttribute { name, expected: "a transformation" };
        if call.node.attributes.get(name).is_some_and(|given| given.as_int().is_some()) {
            return ALL.get(call.size(name, 0)?).map(|(_, transform)| *transform).ok_or(unknown);
        }
        let given = call.string(name)?.unwrap_or("NONE");
        ALL.iter().find(|(name, _)| *name == given).map(|(_, transform)| *transform).ok_or(unknown)
    }

    pub(super) fn apply(self, row: &mut [f64]) {
        match self {
            Self::None => {}
            Self::Logistic => row.iter_mut().for_each(|score| *score = sigmoid(*score)),
            Self::Probit => row.iter_mut().for_each(|score| *score = probit(*score)),
            Self::Softmax => softmax(row, |_| true),
            Self::SoftmaxZero => softmax(row, |score| score.abs() > 1e-7),
        }
    }
}

/// Exponentials of the scores that take part, the others scaled alike, over their sum.
fn softmax(row: &mut [f64], takes_part: fn(f64) -> bool) {
    let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    for score in row.iter_mut() {
        *score = if takes_part(*score) { (*score - top).exp() } else { *score * (-top).exp() };
    }
    let sum: f64 = row.iter().sum();
    row.iter_mut().for_each(|score| *score = if sum == 0.0 { 0.5 } else { *score / sum });
}

/// The inverse of the normal distribution's integral, after Winitzki (2008).
fn probit(probability: f64) -> f64 {
    let x = 2.0 * probability - 1.0;
    let log = ((1.0 - x) * (1.0 + x)).ln();
    if log == f64::NEG_INFINITY {
        return 0.0;
    }
    let half = 2.0 / (std::f64::consts::PI * 0.147) + 0.5 * log;
    std::f64::consts::SQRT_2 * (-half + (half * half - log / 0.147).sqrt()).sqrt().copysign(x)
}

/// The names of the classes: texts or integers.
pub(super) fn labels(call: &Call, integers: &'static str) -> Result<HostTensor, Fault> {
    if let Some(names) = call.strings("classlabels_strings")?.filter(|names| !names.is_empty()) {
        return Ok(HostTensor::texts(&[names.len()], names.to_vec()));
    }
    let numbers = call.ints(integers)?.unwrap_or_default();
    let count = numbers.len();
    Ok(HostTensor::integers(ElementType::I64, &[count], numbers.into_iter().map(i128::from)))
}

/// The place of the greatest score, the first of equals.
pub(super) fn best(row: &[f64]) -> usize {
    (0..row.len()).reduce(|best, at| if row[at] > row[best] { at } else { best }).unwrap_or(0)
}

/// A label for each row, and the scores of all rows.
pub(super) fn classified(call: &Call, labels: &HostTensor, chosen: &[usize], scores: &[Vec<f64>]) -> Outcome {
    if chosen.iter().any(|place| *place >= labels.count()) {
        return Err(Fault::because(format!("{} labels are too few for its scores", labels.count())));
    }
    let names = labels.pick(&[chosen.len()], chosen.iter().copied());
    Ok(vec![Value::Host(names), call.place(rows(scores))])
}

/// Rows as a matrix of single precision.
pub(super) fn rows(rows: &[Vec<f64>]) -> HostTensor {
    let shape = [rows.len(), rows.first().map_or(0, Vec::len)];
    HostTensor::floats(ElementType::F32, &shape, rows.iter().flatten().copied())
}
