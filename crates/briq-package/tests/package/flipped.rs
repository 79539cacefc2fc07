//! No byte of a package can change unnoticed.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use briq_package::{Package, PackageError, Seal};
use proptest::prelude::*;

use super::kit;

/// The small package with a seal, so that every kind of byte is there.
fn sealed() -> Vec<u8> {
    let (folder, target) = kit::packed();
    let sealed = folder.path().join("sealed.briq");
    let seal = Seal { path: kit::path("signatures/a.sig"), bytes: b"a signature".to_vec() };
    Package::open(&target).unwrap().assemble_sealed(&sealed, &[seal]).unwrap();
    fs::read(sealed).unwrap()
}

/// Opens and verifies a file as it is now. What changes no claim is found by its identity alone.
fn verdict(file: &Path) -> Result<(), PackageError> {
    let package = Package::open(file)?;
    let verified = package.verify().map(drop);
    assert_eq!(package.verify_identity().is_ok(), verified.is_ok());
    verified
}

#[test]
fn every_flipped_byte_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("digits.briq");
    let bytes = sealed();
    fs::write(&path, &bytes).unwrap();
    assert!(verdict(&path).is_ok());
    let file = File::options().write(true).open(&path).unwrap();
    for (at, byte) in bytes.iter().enumerate() {
        for mask in [1 << (at % 8), 0xff] {
            file.write_all_at(&[byte ^ mask], at as u64).unwrap();
            assert!(verdict(&path).is_err_and(|error| error.is_corrupt()), "byte {at} with {mask:#04x}");
        }
        file.write_all_at(&[*byte], at as u64).unwrap();
    }
    assert!(verdict(&path).is_ok());
}

#[test]
fn every_truncation_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("digits.briq");
    fs::write(&path, sealed()).unwrap();
    let file = File::options().write(true).open(&path).unwrap();
    for length in (0..file.metadata().unwrap().len()).rev() {
        file.set_len(length).unwrap();
        assert!(verdict(&path).is_err_and(|error| error.is_corrupt()), "{length} bytes");
    }
}

/// A change after opening is found as well: the file is read anew.
#[test]
fn a_change_of_an_open_package_is_found() {
    let (_folder, target) = kit::packed();
    let package = Package::open(&target).unwrap();
    package.verify().unwrap();
    let mut bytes = fs::read(&target).unwrap();
    bytes[40] ^= 1;
    fs::write(&target, bytes).unwrap();
    assert!(package.verify().is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: proptest::test_runner::RngSeed::Fixed(2), cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_damage_panics(cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..12)) {
        let mut bytes = kit::bytes();
        let whole = bytes.clone();
        for (at, value, how) in cuts {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = value,
                1 => bytes.insert(at, value),
                _ => drop(bytes.remove(at)),
            }
        }
        let folder = tempfile::tempdir().unwrap();
        prop_assert_eq!(kit::verdict(folder.path(), &bytes).is_ok(), bytes == whole);
    }

    #[test]
    fn no_bytes_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), end in any::<bool>()) {
        if end {
            bytes.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0\x30\0\0\0\x10\0\0\0\0\0");
        }
        let folder = tempfile::tempdir().unwrap();
        prop_assert!(kit::verdict(folder.path(), &bytes).is_err());
    }
}
