//! The golden proof: does this engine, on this host, compute what the model's author saw?
//!
//! A package carries a few inputs with the outputs that were computed when it was made, and a tolerance for each class
//! of backend. Replaying them before the first request finds a damaged weight, a wrong kernel or a broken driver while
//! the old version still serves. Two values agree when `|actual - expected| <= absolute + relative * |expected|`, as
//! in `numpy.allclose`; NaN agrees with NaN and an infinity with itself.

use std::error::Error;
use std::fmt;

use crate::{EngineError, LoadedModel, Tensor, infer_checked};

/// Inputs and the outputs that the model's author saw for them.
#[derive(Clone, Debug, PartialEq)]
pub struct GoldenExample {
    /// The inputs, by name.
    pub inputs: Vec<Tensor>,
    /// The outputs expected, by name; outputs that are not listed are not compared.
    pub outputs: Vec<Tensor>,
}

/// How far an output may be from the golden one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// In units of the output.
    pub absolute: f64,
    /// As a fraction of the expected value.
    pub relative: f64,
}

impl Tolerance {
    /// Whether the two values agree.
    pub fn admits(self, expected: f64, actual: f64) -> bool {
        let same = expected == actual || (expected.is_nan() && actual.is_nan());
        let bound = self.absolute + self.relative * expected.abs();
        // A finite bound, so that an infinite expectation does not admit everything.
        same || (bound.is_finite() && (actual - expected).abs() <= bound)
    }
}

impl Default for Tolerance {
    /// 1e-5 absolute and relative: what single precision keeps through a network of some depth.
    fn default() -> Self {
        Self { absolute: 1e-5, relative: 1e-5 }
    }
}

/// What a successful replay saw.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GoldenReport {
    /// How many examples agreed.
    pub examples: usize,
    /// The largest difference between an expected and a computed value.
    pub max_abs_error: f64,
}

/// The first disagreement of a replay.
#[derive(Debug)]
pub struct GoldenError {
    /// The example, counted from 0.
    pub example: usize,
    /// What disagreed.
    pub kind: GoldenErrorKind,
}

/// How an engine can fail its golden proof.
#[derive(Debug)]
#[non_exhaustive]
pub enum GoldenErrorKind {
    /// The engine refused the inputs or failed.
    Inference(EngineError),
    /// The engine gave no output of that name.
    MissingOutput(String),
    /// An output has another type or shape.
    Form {
        /// The output's name.
        output: String,
        /// The golden type and shape.
        expected: String,
        /// The computed type and shape.
        actual: String,
    },
    /// A value is out of tolerance.
    Value {
        /// The output's name.
        output: String,
        /// The element's row-major index.
        index: usize,
        /// The golden value.
        expected: f64,
        /// The computed value.
        actual: f64,
    },
    /// A byte string differs.
    Bytes {
        /// The output's name.
        output: String,
        /// The element's row-major index.
        index: usize,
    },
}

impl fmt::Display for GoldenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "golden example {}: ", self.example)?;
        match &self.kind {
            GoldenErrorKind::Inference(_) => f.write_str("the engine failed"),
            GoldenErrorKind::MissingOutput(output) => write!(f, "output `{output}` is missing"),
            GoldenErrorKind::Form { output, expected, actual } => {
                write!(f, "output `{output}` is {actual}, expected {expected}")
            }
            GoldenErrorKind::Value { output, index, expected, actual } => {
                write!(f, "output `{output}` at index {index} is {actual}, expected {expected}")
            }
            GoldenErrorKind::Bytes { output, index } => {
                write!(f, "output `{output}` at index {index} is another byte string than expected")
            }
        }
    }
}

impl Error for GoldenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.kind {
            GoldenErrorKind::Inference(error) => Some(error),
            _ => None,
        }
    }
}

/// Runs every golden example through the model's engine. A model without examples passes with a report of none.
///
/// # Errors
/// The first example that disagrees.
pub fn replay(model: &LoadedModel) -> Result<GoldenReport, GoldenError> {
    let mut report = GoldenReport::default();
    for (example, golden) in model.golden.iter().enumerate() {
        let error = replay_one(model, golden).map_err(|kind| GoldenError { example, kind })?;
        report.max_abs_error = report.max_abs_error.max(error);
        report.examples += 1;
    }
    Ok(report)
}

fn replay_one(model: &LoadedModel, golden: &GoldenExample) -> Result<f64, GoldenErrorKind> {
    let outputs = infer_checked(model.engine.as_ref(), golden.inputs.clone()).map_err(GoldenErrorKind::Inference)?;
    let mut largest = 0.0_f64;
    for expected in &golden.outputs {
        let actual = outputs.iter().find(|output| output.name == expected.name);
        let actual = actual.ok_or_else(|| GoldenErrorKind::MissingOutput(expected.name.clone()))?;
        largest = largest.max(compare(expected, actual, model.tolerance)?);
    }
    Ok(largest)
}

/// The largest difference between two tensors that agree.
///
/// # Errors
/// The first element out of tolerance, or a differing type or shape.
pub fn compare(expected: &Tensor, actual: &Tensor, tolerance: Tolerance) -> Result<f64, GoldenErrorKind> {
    if (expected.datatype, &expected.shape) != (actual.datatype, &actual.shape) {
        let form = |tensor: &Tensor| format!("{} {:?}", tensor.datatype, tensor.shape);
        return Err(GoldenErrorKind::Form {
            output: expected.name.clone(),
            expected: form(expected),
            actual: form(actual),
        });
    }
    match expected.datatype.size() {
        Some(_) => compare_numbers(expected, actual, tolerance),
        None => compare_byte_strings(expected, actual),
    }
}

fn compare_numbers(expected: &Tensor, actual: &Tensor, tolerance: Tolerance) -> Result<f64, GoldenErrorKind> {
    let wanted = expected.to_f64().map_err(GoldenErrorKind::Inference)?;
    let given = actual.to_f64().map_err(GoldenErrorKind::Inference)?;
    let mut largest = 0.0_f64;
    for (index, (&expected_value, &value)) in wanted.iter().zip(&given).enumerate() {
        if !tolerance.admits(expected_value, value) {
            let output = expected.name.clone();
            return Err(GoldenErrorKind::Value { output, index, expected: expected_value, actual: value });
        }
        // `max` leaves out the NaN that two agreeing infinities or NaNs would give.
        largest = largest.max((value - expected_value).abs());
    }
    Ok(largest)
}

fn compare_byte_strings(expected: &Tensor, actual: &Tensor) -> Result<f64, GoldenErrorKind> {
    let wanted = expected.as_byte_strings().map_err(GoldenErrorKind::Inference)?;
    let given = actual.as_byte_strings().map_err(GoldenErrorKind::Inference)?;
    let differing = wanted.iter().zip(&given).position(|(wanted, given)| wanted != given);
    match differing {
        Some(index) => Err(GoldenErrorKind::Bytes { output: expected.name.clone(), index }),
        None => Ok(0.0),
    }
}
