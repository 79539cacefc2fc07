#![expect(clippy::unwrap_used, reason = "a test says what it expects by failing")]
//! ONNX's own backend tests: every node case, on a backend, against the table of those that do not pass.

mod compare;
mod suite;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use briq_model::Backend;

/// Runs every case and compares what fails, and why, with the table that is checked in.
fn check(backend: Backend, table: &str) {
    let Some(folder) = suite::folder() else {
        println!("skipped: onnx for Python is not installed");
        return;
    };
    let cases = suite::cases(&folder);
    std::panic::set_hook(Box::new(|_| {}));
    let outcomes: BTreeMap<&str, Result<(), String>> =
        cases.iter().map(|case| (case.name.as_str(), attempt(case, backend))).collect();
    let _ = std::panic::take_hook();
    let failed = outcomes.iter().filter_map(|(name, outcome)| Some(format!("{name}: {}\n", outcome.as_ref().err()?)));
    let passed = outcomes.values().filter(|outcome| outcome.is_ok()).count();
    let found = format!(
        "# {passed} of {} cases pass on {backend}. Those that do not:\n{}",
        cases.len(),
        failed.collect::<String>()
    );
    println!("{}", found.lines().next().unwrap());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance").join(table);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let differ = difference(&expected, &found);
    assert!(differ.is_empty(), "UPDATE_EXPECT=1 writes {table} anew:\n{differ}");
}

/// A panic is a failure like any other.
fn attempt(case: &suite::Case, backend: Backend) -> Result<(), String> {
    let outcome = catch_unwind(AssertUnwindSafe(|| case.run(backend)));
    outcome
        .unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(format!("panic: {}", text.unwrap_or_default()))
        })
        .map_err(|reason| reason.lines().next().unwrap_or_default().chars().take(160).collect())
}

fn difference(expected: &str, found: &str) -> String {
    let gone =
        expected.lines().filter(|line| !found.lines().any(|other| other == *line)).map(|line| format!("- {line}\n"));
    let new =
        found.lines().filter(|line| !expected.lines().any(|other| other == *line)).map(|line| format!("+ {line}\n"));
    gone.chain(new).collect()
}

#[test]
fn on_flex() {
    check(Backend::Flex, "flex.txt");
}
