//! A seal: as it comes, and as a statement under a signature that holds.

#![no_main]

use briq_fuzz::{sample, signing};
use briq_package::seal;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = seal::claim(bytes);
    let _ = seal::verify_detached(&sample::PACKAGE, bytes, &sample::TRUST);
    let _ = seal::verify_detached(&sample::PACKAGE, &signing::bundle(bytes), &sample::TRUST);
});
