//! A package behind a program.

use std::fs;

use briq_package::{Options, Package};

use super::kit::{self, path};

const ALLOWED: Options = Options { allow_prefix: true };

#[test]
fn a_declared_prefix_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("digits");
    fs::write(&program, [vec![b'x'; 12345], kit::bytes()].concat()).unwrap();
    let package = Package::open_with(&program, ALLOWED).unwrap();
    package.verify().unwrap();
    for (name, bytes) in kit::contents() {
        assert_eq!(package.read(&path(name)).unwrap(), bytes);
    }
    let again = folder.path().join("digits.briq");
    package.assemble(&again).unwrap();
    assert_eq!(fs::read(again).unwrap(), kit::bytes());
}

#[test]
fn an_absent_prefix_may_be_allowed() {
    let (_folder, target) = kit::packed();
    assert!(Package::open_with(&target, ALLOWED).unwrap().verify().is_ok());
}

#[test]
fn rejects_a_flipped_byte_behind_a_prefix() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("digits");
    let mut bytes = [vec![b'x'; 100], kit::bytes()].concat();
    bytes[100 + 4096] ^= 1;
    fs::write(&program, &bytes).unwrap();
    assert!(Package::open_with(&program, ALLOWED).unwrap().verify().is_err());
    bytes[100 + 4] ^= 1;
    fs::write(&program, &bytes).unwrap();
    assert!(Package::open_with(&program, ALLOWED).is_err());
}
