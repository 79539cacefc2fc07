//! A seal.

use briq_package::seal;

use crate::{sample, signing};

/// Takes the bytes as one, and as a statement under a signature that holds. What is not JSON is not signed: that takes
/// longer than all else, and no statement would be read.
pub fn seal(bytes: &[u8]) {
    let _ = seal::claim(bytes);
    let _ = seal::verify_detached(&sample::PACKAGE, bytes, &sample::TRUST);
    if serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok() {
        let _ = seal::verify_detached(&sample::PACKAGE, &signing::bundle(bytes), &sample::TRUST);
    }
}
