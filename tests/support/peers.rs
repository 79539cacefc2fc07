//! Programs that Briq is compared with. A missing one is named and counted; in CI it is a failure.
//!
//! ```no_run
//! let Some(skopeo) = briq_tests::peers::program("skopeo") else { return };
//! std::process::Command::new(skopeo).arg("--version");
//! ```

use std::path::PathBuf;

/// A program on the path; `None`, with a line that `cargo xtask test` counts, where it is missing.
///
/// # Panics
/// When it is missing in CI, where nothing may be skipped.
pub fn program(name: &str) -> Option<PathBuf> {
    let found = on_path(name);
    if found.is_none() {
        skip(&format!("{name} is not installed"));
    }
    found
}

/// The Python interpreter that has these packages; `None`, with a line that `cargo xtask test` counts, where it is missing.
///
/// # Panics
/// When it is missing in CI, where nothing may be skipped.
pub fn python(packages: &[&str]) -> Option<PathBuf> {
    let said = std::env::var_os("BRIQ_PYTHON").map(PathBuf::from);
    let python = said.or_else(|| on_path("python3"));
    let import = format!("import {}", packages.join(", "));
    let works = |python: &PathBuf| {
        let output = std::process::Command::new(python).args(["-c", &import]).output();
        output.is_ok_and(|output| output.status.success())
    };
    let found = python.filter(works);
    if found.is_none() {
        skip(&format!("{} for Python is not installed", packages.join(", ")));
    }
    found
}

/// The interpreter that a variable such as `BRIQ_TORCH_PYTHON` names, if it has these modules; `None`, with a line that
/// `cargo xtask test` counts, where it is missing.
///
/// # Panics
/// When it is missing in CI, where nothing may be skipped.
pub fn python_of(variable: &str, modules: &str) -> Option<PathBuf> {
    let python = std::env::var_os(variable).map(PathBuf::from).or_else(|| on_path("python3"));
    let found = python.filter(|python| has(python, modules));
    if found.is_none() {
        skip(&format!("{modules} for Python is not installed ({variable} names the interpreter)"));
    }
    found
}

/// Whether Python finds modules, without the seconds that loading a framework takes.
fn has(python: &PathBuf, modules: &str) -> bool {
    let look = "import importlib.util, sys; sys.exit(not all(map(importlib.util.find_spec, sys.argv[1].split(', '))))";
    let output = std::process::Command::new(python).args(["-c", look, modules]).output();
    output.is_ok_and(|output| output.status.success())
}

/// Says that a test cannot run here, and why.
///
/// # Panics
/// In CI, where nothing may be skipped.
pub fn skip(reason: &str) {
    let in_ci = std::env::var("CI").is_ok_and(|value| !value.is_empty() && value != "false");
    assert!(!in_ci, "{reason}, and in CI nothing is skipped");
    // The form that `cargo xtask test` counts.
    println!("skipped: {reason}");
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_on_the_path() {
        assert!(on_path("sh").is_some());
        assert!(on_path("no-program-has-this-name").is_none());
    }
}
