//! A small package for all tests.

use std::path::{Path, PathBuf};

use briq_package::{Draft, Package, example};
use briq_spec::EntryPath;
use tempfile::TempDir;

pub(crate) const SHARD: &str = "weights-00001-of-00001.safetensors";

pub(crate) fn path(text: &str) -> EntryPath {
    text.parse().unwrap()
}

/// Paths and contents, sorted as the package sorts them; one is empty.
pub(crate) fn contents() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("assets/empty", Vec::new()),
        ("assets/labels.txt", "null\neins\nzwölf\n".into()),
        ("assets/names.txt", b"a\nb\n".to_vec()),
        ("model.onnx", b"structure".to_vec()),
        (SHARD, (0..1000u32).flat_map(|number| (number as f32).to_le_bytes()).collect()),
    ]
}

pub(crate) fn draft() -> Draft {
    let mut draft = Draft::new(example::manifest());
    contents().into_iter().for_each(|(name, bytes)| draft.add_bytes(path(name), bytes).unwrap());
    draft
}

/// A folder with the package in it.
pub(crate) fn packed() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("digits-1.0.0.briq");
    draft().write(&target).unwrap();
    (folder, target)
}

/// The bytes of the package.
pub(crate) fn bytes() -> Vec<u8> {
    std::fs::read(packed().1).unwrap()
}

/// What opening and verifying says of some bytes.
pub(crate) fn verdict(folder: &Path, bytes: &[u8]) -> Result<Package, briq_package::PackageError> {
    let file = folder.join("verdict.briq");
    std::fs::write(&file, bytes).unwrap();
    let package = Package::open(&file)?;
    package.verify()?;
    Ok(package)
}

/// The names in a folder.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
