#![expect(clippy::unwrap_used, reason = "a test says what it expects by failing")]
//! Gradients against PyTorch's, on networks of many kinds that PyTorch itself exported.

mod faults;
mod peer;

use std::collections::BTreeMap;

use briq_graph::Initializer;
use briq_graph::onnx::{Datum, decode};
use briq_model::{Backend, Gradients, Objective, gradients};
use briq_spec::recipe::Loss;
use serde::Deserialize;

/// How far a gradient may be off, relative to the largest of its tensor.
const TOLERANCE: f64 = 1e-4;

/// The part of a network's largest gradient below which a tensor's gradients are mostly rounding: they are compared
/// with this part.
const NOISE: f64 = 1e-3;

/// A network with what PyTorch says of it.
#[derive(Deserialize)]
struct Record {
    name: String,
    file: String,
    input: Vec<f64>,
    shape: Vec<usize>,
    element: String,
    loss: Loss,
    target: Vec<f32>,
    value: f64,
    gradients: BTreeMap<String, Vec<f64>>,
}

impl Record {
    fn input(&self) -> Datum {
        let tensor = if self.element == "i64" {
            let indices: Vec<i64> = self.input.iter().map(|number| *number as i64).collect();
            Initializer::from_i64("x", self.shape.clone(), &indices)
        } else {
            let numbers: Vec<f32> = self.input.iter().map(|number| *number as f32).collect();
            Initializer::from_f32("x", self.shape.clone(), &numbers)
        };
        Datum::Tensor(tensor)
    }

    fn run(&self, folder: &std::path::Path, backend: Backend) -> Result<Gradients, String> {
        let graph = decode(&std::fs::read(folder.join(&self.file)).unwrap()).map_err(told)?;
        let objective = Objective { loss: self.loss, target: &self.target, frozen: &[], seed: 0 };
        gradients(&graph, backend, vec![self.input()], &objective).map_err(told)
    }

    /// The largest difference, relative to the largest gradient of the same tensor, and of which tensor it is.
    fn compare(&self, found: &Gradients) -> Result<(f64, String), String> {
        if (found.loss - self.value).abs() > TOLERANCE * self.value.abs() {
            return Err(format!("the loss is {}, not {}", found.loss, self.value));
        }
        if found.parameters.keys().ne(self.gradients.keys()) {
            let (ours, theirs): (Vec<_>, Vec<_>) = (found.parameters.keys().collect(), self.gradients.keys().collect());
            return Err(format!("gradients of {ours:?}, not of {theirs:?}"));
        }
        let noise = self.gradients.values().map(|gradient| largest(gradient)).fold(0.0, f64::max) * NOISE;
        let differences = self.gradients.iter().map(|(name, expected)| {
            let differences = expected.iter().zip(&found.parameters[name]).map(|(a, b)| (a - f64::from(*b)).abs());
            (differences.fold(0.0, f64::max) / largest(expected).max(noise), name.clone())
        });
        Ok(differences.fold((0.0, String::new()), |worst, one| if one.0 > worst.0 { one } else { worst }))
    }
}

fn largest(numbers: &[f64]) -> f64 {
    numbers.iter().map(|number| number.abs()).fold(0.0, f64::max)
}

/// An error with its causes.
fn told(error: impl std::error::Error + 'static) -> String {
    let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn check(backend: Backend) {
    let Some(folder) = peer::networks() else { return };
    let records: Vec<Record> =
        serde_json::from_slice(&std::fs::read(folder.path().join("networks.json")).unwrap()).unwrap();
    let mut wrong = Vec::new();
    println!("{backend}: largest relative difference from PyTorch's gradients");
    for record in &records {
        let outcome = record.run(folder.path(), backend).and_then(|found| record.compare(&found));
        match outcome {
            Ok((difference, parameter)) => {
                println!("{:28} {difference:.1e} ({parameter})", record.name);
                if difference > TOLERANCE {
                    wrong.push(format!("{}: {difference:.1e} in {parameter}", record.name));
                }
            }
            Err(reason) => wrong.push(format!("{}: {reason}", record.name)),
        }
    }
    assert!(wrong.is_empty() && records.len() >= 10, "{}", wrong.join("\n"));
}

#[test]
fn on_flex_they_are_those_of_pytorch() {
    check(Backend::Flex);
}

#[test]
fn on_ndarray_they_are_those_of_pytorch() {
    check(Backend::Ndarray);
}
