//! PyTorch, in a Python of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// The networks as PyTorch wrote them; `None`, with a line that is counted, where it is missing.
pub(crate) fn networks() -> Option<TempDir> {
    let python = std::env::var_os("BRIQ_TORCH_PYTHON").map_or_else(|| PathBuf::from("python3"), PathBuf::from);
    let ready = Command::new(&python).args(["-c", "import torch"]).output();
    if !ready.is_ok_and(|output| output.status.success()) {
        println!("skipped: torch for Python is not installed");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gradients/networks.py");
    let output = Command::new(&python).arg(script).arg(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(folder)
}
