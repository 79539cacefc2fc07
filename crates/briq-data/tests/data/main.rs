//! The crate from outside.
#![expect(clippy::unwrap_used, reason = "a test may stop at what should not happen")]

mod metrics;
mod normalization;
mod split;
mod table;

use std::path::PathBuf;

use briq_data::{DataError, Dataset, ReadOptions, Table};

/// A file of real data.
fn sample(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/samples").join(name)
}

fn iris() -> Dataset {
    let classes = ["setosa", "versicolor", "virginica"].map(str::to_owned).to_vec();
    let options = ReadOptions { skip_lines: 1, classes: Some(classes), ..ReadOptions::default() };
    Table::read(sample("iris.csv"), &options).unwrap()
}

fn digits() -> Dataset {
    Table::read(sample("digits.csv.gz"), &ReadOptions::default()).unwrap()
}

fn read(text: &str, options: &ReadOptions) -> Result<Dataset, DataError> {
    Table::read_from(text.as_bytes(), "table.csv", options)
}

/// A message with its hint, as a person sees them.
fn message(error: &DataError) -> String {
    match error.hint() {
        Some(hint) => format!("{error}\nhint: {hint}"),
        None => error.to_string(),
    }
}
