//! A package file; and the manifest of a package in a store.

use briq_package::{Options, Package};

/// Opens and verifies it; an entry of a package that verifies can be read.
pub fn package(bytes: &[u8]) {
    for allow_prefix in [false, true] {
        let Ok(package) = Package::from_bytes(bytes.to_vec(), Options { allow_prefix }) else { continue };
        let verified = package.verify();
        let readable = package.entries().iter().all(|entry| package.read(&entry.path).is_ok());
        assert!(verified.is_err() || readable, "what was verified cannot be read");
        let _ = package.provenance();
    }
    if let Ok(package) = Package::from_blobs(bytes.to_vec(), |_| "absent".into()) {
        assert_eq!(package.manifest_bytes(), bytes);
        assert!(package.entries().is_empty() || package.verify().is_err(), "an entry that is absent was verified");
    }
}
