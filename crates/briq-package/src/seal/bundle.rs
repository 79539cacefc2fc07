//! The outer form of a seal: a Sigstore bundle, version 0.3, with a DSSE envelope.
//!
//! Sources: Sigstore's `bundle/v1` messages in their JSON form; DSSE 1.0, "PAE".

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::MAX_SEAL_BYTES;
use super::certificate::Certificates;
use super::error::SealError;
use super::key::{KeyId, PrivateKey, PublicKey};

const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// A signed statement, and by whom it says it is.
#[derive(Debug)]
pub(super) struct Bundle {
    pub(super) payload: Vec<u8>,
    pub(super) material: Material,
    signature: Vec<u8>,
}

/// By whom a bundle says it is.
#[derive(Debug)]
pub(super) enum Material {
    Key { id: Option<KeyId> },
    Chain(Certificates),
}

impl Bundle {
    /// Signs a payload.
    pub(super) fn seal(payload: Vec<u8>, key: &PrivateKey) -> Result<Self, SealError> {
        let material = match &key.certificates {
            Some(certificates) => Material::Chain(certificates.clone()),
            None => Material::Key { id: Some(key.public_key().id()) },
        };
        let signature = key.sign(&authenticated(&payload));
        Ok(Self { payload, material, signature })
    }

    pub(super) fn is_signed_by(&self, key: &PublicKey) -> bool {
        key.is_signed(&authenticated(&self.payload), &self.signature)
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        let document = Document {
            media_type: MEDIA_TYPE.to_owned(),
            verification_material: VerificationMaterial::of(&self.material),
            dsse_envelope: Some(Envelope {
                payload: STANDARD.encode(&self.payload),
                payload_type: PAYLOAD_TYPE.to_owned(),
                signatures: vec![Signature { sig: STANDARD.encode(&self.signature), keyid: String::new() }],
            }),
        };
        serde_json::to_vec(&document).expect("a bundle has string keys and no failing serializer")
    }

    pub(super) fn from_json(bytes: &[u8]) -> Result<Self, SealError> {
        if bytes.len() > MAX_SEAL_BYTES {
            let reason = format!("it has {} bytes, and at most {MAX_SEAL_BYTES} are read", bytes.len());
            return Err(SealError::malformed(reason));
        }
        let unreadable = |source| SealError::malformed("it is not a Sigstore bundle").because(source);
        let document: Document = serde_json::from_slice(bytes).map_err(unreadable)?;
        if document.media_type != MEDIA_TYPE {
            return Err(SealError::malformed(format!("it is {:?}, and {MEDIA_TYPE} is read", document.media_type)));
        }
        let envelope = document.dsse_envelope.ok_or_else(|| SealError::malformed("it has no DSSE envelope"))?;
        let (payload, signature) = envelope.open()?;
        Ok(Self { payload, signature, material: document.verification_material.read()? })
    }
}

/// DSSE's pre-authentication encoding: what is signed.
fn authenticated(payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    media_type: String,
    verification_material: VerificationMaterial,
    dsse_envelope: Option<Envelope>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct VerificationMaterial {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    public_key: Option<KeyHint>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    x509_certificate_chain: Option<Chain>,
    #[serde(default)]
    tlog_entries: Vec<serde_json::Value>,
}

#[derive(Serialize, Deserialize)]
struct KeyHint {
    #[serde(default)]
    hint: String,
}

#[derive(Serialize, Deserialize)]
struct Chain {
    certificates: Vec<RawCertificate>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawCertificate {
    raw_bytes: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<Signature>,
}

#[derive(Serialize, Deserialize)]
struct Signature {
    sig: String,
    #[serde(default)]
    keyid: String,
}

impl Envelope {
    /// The payload and its one signature.
    fn open(self) -> Result<(Vec<u8>, Vec<u8>), SealError> {
        if self.payload_type != PAYLOAD_TYPE {
            return Err(SealError::malformed(format!(
                "its payload is {:?}, and {PAYLOAD_TYPE} is read",
                self.payload_type
            )));
        }
        let [signature] = self.signatures.as_slice() else {
            return Err(SealError::malformed(format!("it has {} signatures instead of one", self.signatures.len())));
        };
        Ok((decode("payload", &self.payload)?, decode("signature", &signature.sig)?))
    }
}

impl VerificationMaterial {
    fn of(material: &Material) -> Self {
        let mut empty = Self { public_key: None, x509_certificate_chain: None, tlog_entries: Vec::new() };
        match material {
            Material::Key { id } => {
                let hint = id.as_ref().map(|id| id.as_str().to_owned()).unwrap_or_default();
                empty.public_key = Some(KeyHint { hint });
            }
            Material::Chain(chain) => {
                let raw = |der: &Vec<u8>| RawCertificate { raw_bytes: STANDARD.encode(der) };
                empty.x509_certificate_chain = Some(Chain { certificates: chain.ders().iter().map(raw).collect() });
            }
        }
        empty
    }

    fn read(self) -> Result<Material, SealError> {
        match (self.public_key, self.x509_certificate_chain) {
            (Some(KeyHint { hint }), None) => {
                Ok(Material::Key { id: (!hint.is_empty()).then(|| KeyId::of_hint(&hint)) })
            }
            (None, Some(chain)) => {
                let ders = chain.certificates.iter().map(|raw| decode("certificate", &raw.raw_bytes));
                let chain = Certificates::new(ders.collect::<Result<_, _>>()?).map_err(SealError::malformed)?;
                chain.public_key().map_err(SealError::brought)?;
                Ok(Material::Chain(chain))
            }
            _ => Err(SealError::malformed("it names neither a key nor a chain of certificates").with_hint(
                "a keyless Sigstore signature needs the transparency log: `model_signing verify sigstore` checks it",
            )),
        }
    }
}

fn decode(what: &str, text: &str) -> Result<Vec<u8>, SealError> {
    STANDARD.decode(text).map_err(|source| SealError::malformed(format!("its {what} is not base64")).because(source))
}
