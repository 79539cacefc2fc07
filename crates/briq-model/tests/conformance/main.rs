#![expect(clippy::unwrap_used, reason = "a test says what it expects by failing")]
//! ONNX's own backend tests: every case, on a backend, against the table of those that do not pass.

mod compare;
mod listing;
mod refusals;
mod suite;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use briq_model::Backend;

/// Runs every case and compares what fails, and why, with the table that is checked in.
fn check(backend: Backend) {
    let Some(home) = suite::home() else {
        println!("skipped: onnx for Python is not installed");
        return;
    };
    if let Err(error) = backend.device() {
        println!("skipped: {error}");
        return;
    }
    std::panic::set_hook(Box::new(|_| {}));
    let (mut counts, mut failed) = (String::new(), String::new());
    for suite in suite::SUITES {
        let cases = suite::cases(&home, suite);
        let outcomes: BTreeMap<&str, Result<(), String>> =
            cases.iter().map(|case| (case.name.as_str(), attempt(case, backend))).collect();
        let passed = outcomes.values().filter(|outcome| outcome.is_ok()).count();
        counts += &format!("# {suite}: {passed} of {} cases pass on {backend}\n", cases.len());
        let reasons = outcomes.iter().filter_map(|(name, outcome)| Some((name, outcome.as_ref().err()?)));
        failed.extend(reasons.map(|(name, reason)| format!("{suite}/{name}: {reason}\n")));
    }
    let _ = std::panic::take_hook();
    print!("{counts}");
    listing::check(&format!("{backend}.txt"), &(counts + &failed));
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

#[test]
fn on_flex() {
    check(Backend::Flex);
}

#[test]
fn on_ndarray() {
    check(Backend::Ndarray);
}

/// What the suites lack: older operator sets, corners of the newer ones, classical machine learning.
fn agree_with_onnx_runtime(backend: Backend) {
    if suite::home().is_none() {
        println!("skipped: onnx for Python is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let cases = suite::judged_by_onnx_runtime(folder.path());
    let failed = cases.iter().filter_map(|case| Some(format!("{}: {}\n", case.name, attempt(case, backend).err()?)));
    let failed: String = failed.collect();
    assert!(cases.len() > 90 && failed.is_empty(), "of {} cases:\n{failed}", cases.len());
}

#[test]
fn further_cases_agree_with_onnx_runtime() {
    agree_with_onnx_runtime(Backend::Flex);
    agree_with_onnx_runtime(Backend::Ndarray);
}

/// On a software adapter all cases take minutes: `cargo xtask conformance --backend wgpu` runs them and sets the
/// variable; else every 25th is held against the table.
#[test]
fn on_wgpu() {
    if std::env::var_os("BRIQ_EVERY_CASE").is_some() {
        return check(Backend::Wgpu);
    }
    let Some(home) = suite::home() else {
        println!("skipped: onnx for Python is not installed");
        return;
    };
    if let Err(error) = Backend::Wgpu.device() {
        println!("skipped: {error}");
        return;
    }
    for suite in suite::SUITES {
        for case in suite::cases(&home, suite).iter().step_by(25) {
            let known = include_str!("wgpu.txt").contains(&format!("\n{suite}/{}: ", case.name));
            let outcome = attempt(case, Backend::Wgpu);
            assert_eq!(outcome.is_err(), known, "{suite}/{}: {outcome:?}", case.name);
        }
    }
}

/// What `cargo xtask docs` makes the page of operators from.
#[test]
fn every_operator_is_listed() {
    let lines = briq_model::operators().into_iter().map(|(domain, name)| format!("{domain} {name}\n"));
    listing::check("operators.txt", &lines.collect::<String>());
}
