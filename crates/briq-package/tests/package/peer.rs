//! Python packages that Briq is compared with.

use std::path::PathBuf;
use std::process::{Command, Output};

/// The interpreter of `BRIQ_PYTHON`, or else `python3`, where it has these modules; else `None`, and a line that says so.
pub(crate) fn python(modules: &str) -> Option<PathBuf> {
    let python = PathBuf::from(std::env::var_os("BRIQ_PYTHON").unwrap_or_else(|| "python3".into()));
    let output = Command::new(&python).args(["-c", &format!("import {modules}")]).output();
    if output.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    println!("skipped: {} has no {modules}", python.display());
    None
}

/// What a module that is a program says.
pub(crate) fn run(python: &PathBuf, module: &str, arguments: &[&str]) -> Output {
    Command::new(python).args(["-m", module]).args(arguments).output().unwrap()
}
