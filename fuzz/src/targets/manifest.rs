//! A manifest.

use briq_spec::Manifest;

/// What is read is written as the same bytes.
pub fn manifest(bytes: &[u8]) {
    if let Ok(manifest) = Manifest::from_canonical_json(bytes) {
        assert_eq!(manifest.to_canonical_json(), bytes);
        assert!(manifest.entries.iter().all(|entry| manifest.entry(&entry.path) == Some(entry)));
    }
}
