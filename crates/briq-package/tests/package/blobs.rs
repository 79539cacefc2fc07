//! A package whose entries are files of their own.

use std::fs;
use std::path::{Path, PathBuf};

use briq_package::Package;
use briq_spec::manifest::Entry;
use tempfile::TempDir;

use super::kit::{self, SHARD, path};

/// A folder with the entries under their SHA-256, as a store keeps them, and the manifest.
fn stored() -> (TempDir, Vec<u8>) {
    let (_folder, target) = kit::packed();
    let package = Package::open(&target).unwrap();
    let blobs = tempfile::tempdir().unwrap();
    for entry in package.entries() {
        fs::write(locate(blobs.path(), entry), package.read(&entry.path).unwrap()).unwrap();
    }
    (blobs, package.manifest_bytes().to_vec())
}

fn locate(blobs: &Path, entry: &Entry) -> PathBuf {
    blobs.join(entry.sha256.to_hex())
}

fn open(blobs: &TempDir, manifest: Vec<u8>) -> Package {
    Package::from_blobs(manifest, |entry| locate(blobs.path(), entry)).unwrap()
}

#[test]
fn the_assembled_package_is_the_one_that_was_packed() {
    let (blobs, manifest) = stored();
    let package = open(&blobs, manifest);
    assert_eq!(package.verify().unwrap().entries, 5);
    let target = blobs.path().join("digits.briq");
    let written = package.assemble(&target).unwrap();
    assert_eq!(written.digest, package.digest());
    assert_eq!(fs::read(target).unwrap(), kit::bytes());
}

#[test]
fn entries_are_read_where_they_lie() {
    let (blobs, manifest) = stored();
    let package = open(&blobs, manifest);
    for (name, bytes) in kit::contents() {
        assert_eq!(package.read(&path(name)).unwrap(), bytes);
    }
}

#[test]
fn rejects_a_changed_missing_or_short_blob() {
    let (blobs, manifest) = stored();
    let blob = locate(blobs.path(), open(&blobs, manifest.clone()).manifest().entry(&path(SHARD)).unwrap());
    let whole = fs::read(&blob).unwrap();
    let check = |reason: &str, missing: bool| {
        let package = open(&blobs, manifest.clone());
        let target = blobs.path().join("digits.briq");
        let errors = [
            package.read(&path(SHARD)).unwrap_err(),
            package.verify().unwrap_err(),
            package.assemble(&target).unwrap_err(),
        ];
        for error in errors {
            assert_eq!((error.is_not_found(), error.entry()), (missing, Some(SHARD)), "{error}");
            assert!(error.to_string().contains(reason) || error.to_string().contains("changed while"), "{error}");
        }
        assert!(!target.exists());
    };
    let mut changed = whole.clone();
    changed[100] ^= 1;
    fs::write(&blob, changed).unwrap();
    check("do not match its BLAKE3", false);
    fs::write(&blob, &whole[1..]).unwrap();
    check("it has 3999 bytes, and the manifest says 4000", false);
    fs::remove_file(&blob).unwrap();
    check("cannot be read", true);
}

#[test]
fn rejects_bytes_that_are_no_manifest() {
    let error = Package::from_blobs(b"{}".to_vec(), |_| PathBuf::new()).unwrap_err();
    assert!(error.is_corrupt());
}
