//! Bundles whose signature holds, so that the statement inside is looked at.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use briq_package::example;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::DecodePrivateKey as _;

const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// A Sigstore bundle around a payload, signed with the key that everybody has.
pub(crate) fn bundle(payload: &[u8]) -> Vec<u8> {
    let (content, signature) = (STANDARD.encode(payload), STANDARD.encode(sign(payload)));
    let envelope =
        format!(r#"{{"payload":"{content}","payloadType":"{PAYLOAD_TYPE}","signatures":[{{"sig":"{signature}"}}]}}"#);
    let media = "application/vnd.dev.sigstore.bundle.v0.3+json";
    let material = r#"{"publicKey":{"hint":""},"tlogEntries":[]}"#;
    format!(r#"{{"mediaType":"{media}","verificationMaterial":{material},"dsseEnvelope":{envelope}}}"#).into_bytes()
}

/// The key that everybody has.
static KEY: LazyLock<SigningKey> = LazyLock::new(|| {
    let body: String = example::PRIVATE_KEY.lines().filter(|line| !line.starts_with('-')).collect();
    let der = STANDARD.decode(body).expect("the example is PEM");
    SigningKey::from_pkcs8_der(&der).expect("the example is a key")
});

/// Signs what DSSE says is to be signed.
fn sign(payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len());
    let signature: Signature = KEY.sign(&[head.as_bytes(), payload].concat());
    signature.to_der().as_bytes().to_vec()
}
