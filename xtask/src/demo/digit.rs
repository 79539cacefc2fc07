//! One handwritten digit: a row of the data, a request of the Open Inference Protocol, a picture in the terminal.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::process;

/// Pixels of one digit.
const PIXELS: usize = 64;

/// The row that is shown, counted from zero.
const ROW: usize = 1_234;

/// A digit and what it is.
pub(super) struct Digit {
    pixels: Vec<f32>,
    /// The class that a person gave it.
    pub(super) label: String,
    /// Where in the data it stands, counted from one.
    pub(super) row: usize,
}

impl Digit {
    /// Takes a row of the project's own data.
    pub(super) fn pick(project: &Path) -> Result<Self> {
        let path = project.join("data").join("digits.csv.gz");
        let table = process::read(Command::new("gzip").arg("-dc").arg(&path))?;
        let line = table.lines().nth(ROW).with_context(|| format!("row {} of {}", ROW + 1, path.display()))?;
        Self::parse(line, ROW + 1)
    }

    fn parse(line: &str, row: usize) -> Result<Self> {
        let (pixels, label) = line.rsplit_once(',').context("a row ends in its label")?;
        let pixels = pixels.split(',').map(|value| value.trim().parse()).collect::<Result<Vec<f32>, _>>()?;
        ensure!(pixels.len() == PIXELS, "a digit of {} pixels", pixels.len());
        Ok(Self { pixels, label: label.trim().trim_end_matches(".0").to_owned(), row })
    }

    /// The request that asks what it is, given how the model describes its input.
    pub(super) fn request(&self, input: &Value) -> Value {
        let shape: Vec<_> =
            input["shape"].as_array().into_iter().flatten().map(|size| size.as_i64().unwrap_or(1).max(1)).collect();
        json!({"inputs": [{"name": input["name"], "datatype": "FP32", "shape": shape, "data": self.pixels}]})
    }

    /// Eight lines of half-tone.
    pub(super) fn picture(&self) -> String {
        let shade = |value: &f32| ["  ", "░░", "▒▒", "▓▓", "██"][(*value / 4.0).clamp(0.0, 4.0) as usize];
        let line = |pixels: &[f32]| pixels.iter().map(shade).collect::<String>();
        self.pixels.chunks(8).map(line).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_row() {
        let line = format!("{}16,7", "0,".repeat(PIXELS - 1));
        let digit = Digit::parse(&line, 1).expect("a good row");
        assert_eq!(digit.label, "7");
        assert!(digit.picture().ends_with("██"));
        let request = digit.request(&json!({"name": "input", "shape": [-1, 1, 8, 8]}));
        assert_eq!(request["inputs"][0]["shape"], json!([1, 1, 8, 8]));
    }

    #[test]
    fn rejects_what_is_no_digit() {
        for line in ["", "7", "1,2,3,7", "a,b"] {
            assert!(Digit::parse(line, 1).is_err(), "{line:?}");
        }
    }
}
