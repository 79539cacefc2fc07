//! A manifest: what is read is written as the same bytes.

#![no_main]

use briq_spec::Manifest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(manifest) = Manifest::from_canonical_json(bytes) {
        assert_eq!(manifest.to_canonical_json(), bytes);
        assert!(manifest.entries.iter().all(|entry| manifest.entry(&entry.path) == Some(entry)));
    }
});
