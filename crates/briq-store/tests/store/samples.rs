//! Packages to publish.

use std::path::Path;

use briq_package::{Draft, Package};
use briq_spec::{DataType, Signature};
use briq_store::Store;

/// A package with `weights` as its one shard.
pub(crate) fn package(folder: &Path, version: &str, weights: &[u8]) -> Package {
    with_datatype(folder, version, weights, DataType::Fp32)
}

/// A package whose input has this type.
pub(crate) fn with_datatype(folder: &Path, version: &str, weights: &[u8], datatype: DataType) -> Package {
    with_signature(folder, version, weights, |signature| signature.inputs[0].datatype = datatype)
}

/// A package whose signature is that of the others but for a change.
pub(crate) fn with_signature(
    folder: &Path,
    version: &str,
    weights: &[u8],
    change: impl FnOnce(&mut Signature),
) -> Package {
    let mut manifest = briq_package::example::manifest();
    manifest.version = version.parse().unwrap();
    change(&mut manifest.signature);
    let mut draft = Draft::new(manifest);
    draft.add_bytes("model.onnx".parse().unwrap(), b"the structure".to_vec()).unwrap();
    draft.add_bytes("weights-00001-of-00001.safetensors".parse().unwrap(), weights.to_vec()).unwrap();
    draft.add_bytes("README.md".parse().unwrap(), Vec::new()).unwrap();
    let path = folder.join(format!("digits-{version}.briq"));
    let _ = std::fs::remove_file(&path);
    draft.write(&path).unwrap();
    Package::open(&path).unwrap()
}

/// An empty store.
pub(crate) fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("store")).unwrap();
    (folder, store)
}

/// Files under a directory of the store.
pub(crate) fn files(store: &Store, directory: &str) -> Vec<String> {
    let entries = std::fs::read_dir(store.root().join(directory)).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
