//! Keys and certificates in PEM.

#![no_main]

use briq_fuzz::sample;
use briq_package::seal::{self, Certificates, PrivateKey, PublicKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(key) = PublicKey::from_pem(text) {
        assert_eq!(PublicKey::from_pem(&key.to_pem()).expect("it was written"), key);
    }
    if let Ok(key) = PrivateKey::from_pem(text, Some(b"brick")) {
        let public = key.public_key();
        let sealed = key.with_certificates(text).and_then(|key| seal::seal(&sample::PACKAGE, &key));
        assert!(sealed.is_err() || PublicKey::from_pem(&public.to_pem()).is_ok());
    }
    let _ = Certificates::from_pem(text);
});
