use std::fs;
use std::path::Path;

use briq_package::{Draft, Package, PackageErrorKind, example, file_name};
use expect_test::expect;
use sha2::{Digest, Sha256};

use super::kit::{self, SHARD, path};

#[test]
fn packing_twice_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let draft = kit::draft();
    let first = draft.write(&folder.path().join("a.briq")).unwrap();
    let second = draft.write(&folder.path().join("b.briq")).unwrap();
    assert_eq!((first.digest, first.size), (second.digest, second.size));
    assert_eq!(fs::read(&first.path).unwrap(), fs::read(&second.path).unwrap());
}

#[test]
fn order_and_origin_of_entries_do_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    let mut draft = Draft::new(example::manifest());
    for (number, (name, bytes)) in kit::contents().into_iter().enumerate().rev() {
        let source = folder.path().join(number.to_string());
        fs::write(&source, bytes).unwrap();
        draft.add_file(path(name), source).unwrap();
    }
    let target = folder.path().join("digits.briq");
    draft.write(&target).unwrap();
    assert_eq!(fs::read(target).unwrap(), kit::bytes());
}

fn sha256(file: &Path) -> briq_spec::Sha256Digest {
    briq_spec::Sha256Digest::from_bytes(Sha256::digest(fs::read(file).unwrap()).into())
}

/// The digests are the same on every machine and in every version of this crate that writes format 1.
#[test]
fn the_format_does_not_drift() {
    let folder = tempfile::tempdir().unwrap();
    let written = kit::draft().write(&folder.path().join("digits.briq")).unwrap();
    expect![[r#"
        blake3:325b1171e42eca0f5409c2b31ebbafc78ca75459f8c6538cf8610f1a627a41a8
        sha256:d159b5b6cb5673e1802c42151e040f7488cab3a0a8ff9d3a5bafc7c134f6be8a
        8492 bytes"#]]
    .assert_eq(&format!("{}\n{}\n{} bytes", written.digest, sha256(&written.path), written.size));
}

#[test]
fn what_is_written_is_told_truly() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("digits.briq");
    let written = kit::draft().write(&target).unwrap();
    let bytes = fs::read(&target).unwrap();
    assert_eq!(written.path, target);
    assert_eq!(written.size, bytes.len() as u64);
    assert_eq!(written.digest, Package::open(&target).unwrap().digest());
    assert_eq!(kit::names(folder.path()), ["digits.briq"]);
}

#[test]
fn entries_are_aligned_for_mapping() {
    let (_folder, target) = kit::packed();
    let package = Package::open(&target).unwrap();
    for (name, bytes) in kit::contents() {
        let mapped = package.map_unverified(&path(name)).unwrap();
        assert_eq!(mapped, bytes);
        let alignment = if name == SHARD { 4096 } else { 64 };
        assert_eq!(mapped.as_ptr() as usize % alignment, 0, "{name}");
    }
}

#[test]
fn an_existing_target_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("digits.briq");
    fs::write(&target, "old").unwrap();
    kit::draft().write(&target).unwrap();
    assert!(Package::open(&target).is_ok());
}

#[cfg(unix)]
#[test]
fn a_package_is_as_readable_as_any_new_file() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, target) = kit::packed();
    let other = folder.path().join("other");
    fs::write(&other, "").unwrap();
    let mode = |file: &Path| fs::metadata(file).unwrap().permissions().mode();
    assert_eq!(mode(&target), mode(&other));
}

#[test]
fn rejects_an_entry_twice_and_the_packages_own_paths() {
    let mut draft = kit::draft();
    for name in ["model.onnx", "briq.json", "signatures/a"] {
        let error = draft.add_bytes(path(name), Vec::new()).unwrap_err();
        assert_eq!((error.kind(), error.entry()), (PackageErrorKind::Invalid, Some(name)));
    }
}

fn rejects(draft: &Draft, kind: PackageErrorKind, reason: &str) {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("digits.briq");
    fs::write(&target, "old").unwrap();
    let error = draft.write(&target).unwrap_err();
    let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    assert!(format!("{error}: {source}").contains(reason), "{error}: {source}");
    assert_eq!(error.kind(), kind);
    assert_eq!(fs::read(&target).unwrap(), b"old");
    assert_eq!(kit::names(folder.path()), ["digits.briq"]);
}

#[test]
fn rejects_a_draft_that_would_not_read_back() {
    rejects(
        &Draft::new(example::manifest()),
        PackageErrorKind::Invalid,
        "structure model.onnx is not among its entries",
    );
    let mut clash = kit::draft();
    clash.add_bytes(path("model.onnx/deep"), Vec::new()).unwrap();
    rejects(&clash, PackageErrorKind::Invalid, "both a file and a folder");
    let mut infinite = kit::draft();
    infinite.manifest_mut().metrics.insert("loss".to_owned(), f64::NAN);
    rejects(&infinite, PackageErrorKind::Invalid, "does not read as one");
}

#[test]
fn rejects_a_missing_source() {
    let mut draft = kit::draft();
    draft.add_file(path("x"), "/nowhere/x".into()).unwrap();
    rejects(&draft, PackageErrorKind::NotFound, "entry \"x\": /nowhere/x cannot be read");
}

#[test]
fn rejects_a_folder_as_source() {
    let mut draft = kit::draft();
    draft.add_file(path("x"), std::env::temp_dir()).unwrap();
    rejects(&draft, PackageErrorKind::Io, "cannot be read");
}

/// Linux gives another text each time that this file is opened.
#[cfg(target_os = "linux")]
#[test]
fn rejects_a_source_that_changes_meanwhile() {
    let mut draft = kit::draft();
    draft.add_file(path("x"), "/proc/sys/kernel/random/uuid".into()).unwrap();
    rejects(&draft, PackageErrorKind::Invalid, "changed while it was packed");
}

#[test]
fn rejects_a_target_in_no_folder() {
    let error = kit::draft().write(Path::new("/nowhere/digits.briq")).unwrap_err();
    assert!(error.is_not_found(), "{error}");
}

#[test]
fn a_package_is_named_after_the_last_component() {
    let name = "vision/digits".parse().unwrap();
    assert_eq!(file_name(&name, &"1.2.0-rc.1".parse().unwrap()), "digits-1.2.0-rc.1.briq");
}
