//! Keys and certificates in PEM.

use briq_package::seal::{self, Certificates, PrivateKey, PublicKey};

use crate::sample;

/// A key that is written reads as the same; one that can sign seals a package.
pub fn keys(bytes: &[u8]) {
    let text = super::text(bytes);
    if let Ok(key) = PublicKey::from_pem(text) {
        assert_eq!(PublicKey::from_pem(&key.to_pem()).expect("it was written"), key);
    }
    if let Ok(key) = PrivateKey::from_pem(text, Some(b"brick")) {
        let public = key.public_key();
        let sealed = key.with_certificates(text).and_then(|key| seal::seal(&sample::PACKAGE, &key));
        assert!(sealed.is_err() || PublicKey::from_pem(&public.to_pem()).is_ok());
    }
    let _ = Certificates::from_pem(text);
}
