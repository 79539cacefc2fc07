//! Keys on the curves NIST P-256 and P-384 (FIPS 186-5): reading, signing, verifying.

use std::fmt;

use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::pkcs8::{DecodePrivateKey as _, DecodePublicKey as _, EncodePublicKey as _};
use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::{Kdf, ScryptParams};
use sha2::{Digest as _, Sha256};

use super::certificate::Certificates;
use super::error::{SealError, SealErrorKind};
use super::pem::{self, Block};

/// The most rounds by which a password is made a key (PBKDF2). OpenSSL makes 2,048 unless it is told otherwise.
const MAX_ROUNDS: u32 = 4_000_000;

/// The most memory in which a password is made a key (scrypt), in bytes. OpenSSL takes 16 MiB unless it is told otherwise.
const MAX_DERIVATION_BYTES: u64 = 128 << 20;

/// The most passes through that memory.
const MAX_PASSES: u16 = 16;

/// The identity of a key: the SHA-256 of its public half as PEM, in hexadecimal. The hint of a seal holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyId(String);

impl KeyId {
    pub(super) fn of_hint(hint: &str) -> Self {
        Self(hint.to_ascii_lowercase())
    }

    /// Of a seal that does not say by which key it is.
    pub(super) fn unknown() -> Self {
        Self("unknown".to_owned())
    }

    /// The identity as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(Curve<p256::ecdsa::VerifyingKey, p384::ecdsa::VerifyingKey>);

/// A private key, perhaps with certificates that say whose it is. It does not show itself, and is erased when dropped.
pub struct PrivateKey {
    secret: Curve<p256::ecdsa::SigningKey, p384::ecdsa::SigningKey>,
    pub(super) certificates: Option<Certificates>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Curve<A, B> {
    P256(A),
    P384(B),
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.public_key().id())
    }
}

impl PublicKey {
    /// Reads `PUBLIC KEY` from PEM.
    ///
    /// # Errors
    /// When there is none, or it is on another curve.
    pub fn from_pem(text: &str) -> Result<Self, SealError> {
        let blocks = pem::blocks(text)?;
        let found = blocks.iter().find(|block| block.label == "PUBLIC KEY");
        let missing = || {
            SealError::key(format!("it holds no public key{}", instead(&blocks)))
                .with_hint("take it out of a private key with `openssl pkey -in PRIVATE -pubout`")
        };
        Self::from_der(&found.ok_or_else(missing)?.der)
    }

    /// Reads a `SubjectPublicKeyInfo`.
    pub(super) fn from_der(der: &[u8]) -> Result<Self, SealError> {
        let p256 = || p256::ecdsa::VerifyingKey::from_public_key_der(der).map(Curve::P256);
        let p384 = |_| p384::ecdsa::VerifyingKey::from_public_key_der(der).map(Curve::P384);
        p256().or_else(p384).map(Self).map_err(|_| other_curve("public key"))
    }

    /// The key as PEM, in its one form.
    pub fn to_pem(&self) -> String {
        let der = match &self.0 {
            Curve::P256(key) => key.to_public_key_der(),
            Curve::P384(key) => key.to_public_key_der(),
        };
        pem::write("PUBLIC KEY", der.expect("a key on a named curve has a short encoding").as_bytes())
    }

    /// The key's identity.
    pub fn id(&self) -> KeyId {
        KeyId(Sha256::digest(self.to_pem()).iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Whether a signature (ASN.1, with the digest that goes with the curve: SHA-256, SHA-384) is by this key.
    pub(super) fn is_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.0 {
            Curve::P256(key) => p256::ecdsa::Signature::from_der(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            Curve::P384(key) => p384::ecdsa::Signature::from_der(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
        }
    }
}

impl PrivateKey {
    /// Reads a private key from PEM: PKCS#8, plain or under a password (`ENCRYPTED PRIVATE KEY`), or SEC1.
    ///
    /// # Errors
    /// When there is none, it is on another curve, or the password is missing or wrong ([`SealError::is_password`]).
    pub fn from_pem(text: &str, password: Option<&[u8]>) -> Result<Self, SealError> {
        let blocks = pem::blocks(text)?;
        let secret = blocks.iter().find_map(|block| match block.label.as_str() {
            "PRIVATE KEY" => Some(from_pkcs8(&block.der)),
            "ENCRYPTED PRIVATE KEY" => Some(decrypt(&block.der, password)),
            "EC PRIVATE KEY" => Some(from_sec1(&block.der)),
            _ => None,
        });
        let missing = || SealError::key(format!("it holds no private key{}", instead(&blocks)));
        Ok(Self { secret: secret.ok_or_else(missing)??, certificates: None })
    }

    /// Adds certificates from PEM: first the key's own, then those that it was issued from, to be carried in the seal.
    ///
    /// # Errors
    /// When there is none, or the first is for another key.
    pub fn with_certificates(self, text: &str) -> Result<Self, SealError> {
        let certificates = Certificates::from_pem(text)?;
        if certificates.public_key()? != self.public_key() {
            return Err(SealError::key("the first certificate is for another key")
                .with_hint("put the certificate of the key first, then those it was issued from"));
        }
        Ok(Self { certificates: Some(certificates), ..self })
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(match &self.secret {
            Curve::P256(key) => Curve::P256(*key.verifying_key()),
            Curve::P384(key) => Curve::P384(*key.verifying_key()),
        })
    }

    /// Signs (ASN.1, RFC 6979: the same message gives the same signature).
    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.secret {
            Curve::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_der().as_bytes().to_vec()
            }
            Curve::P384(key) => {
                let signature: p384::ecdsa::Signature = key.sign(message);
                signature.to_der().as_bytes().to_vec()
            }
        }
    }
}

type Secret = Curve<p256::ecdsa::SigningKey, p384::ecdsa::SigningKey>;

fn from_pkcs8(der: &[u8]) -> Result<Secret, SealError> {
    let p256 = || p256::ecdsa::SigningKey::from_pkcs8_der(der).map(Curve::P256);
    let p384 = |_| p384::ecdsa::SigningKey::from_pkcs8_der(der).map(Curve::P384);
    p256().or_else(p384).map_err(|_| other_curve("private key"))
}

fn from_sec1(der: &[u8]) -> Result<Secret, SealError> {
    let p256 = || p256::SecretKey::from_sec1_der(der).map(|key| Curve::P256(key.into()));
    let p384 = |_| p384::SecretKey::from_sec1_der(der).map(|key| Curve::P384(key.into()));
    p256().or_else(p384).map_err(|_| other_curve("private key"))
}

fn decrypt(der: &[u8], password: Option<&[u8]>) -> Result<Secret, SealError> {
    let refused = |reason: &str| SealError::new(SealErrorKind::Password, reason);
    let password = password.ok_or_else(|| {
        refused("the private key is under a password")
            .with_hint("give the password, by --password-file or BRIQ_KEY_PASSWORD")
    })?;
    let unreadable = |source| SealError::key("its encryption is not one that is known: PBES2").because(source);
    let info = EncryptedPrivateKeyInfoRef::try_from(der).map_err(unreadable)?;
    check_cost(&info.encryption_algorithm)?;
    let plain = info.decrypt(password).map_err(|_| refused("the password does not open the private key"))?;
    from_pkcs8(plain.as_bytes())
}

/// The file says how much time and memory making its key takes: it must not say just anything.
fn check_cost(scheme: &EncryptionScheme) -> Result<(), SealError> {
    let costly = |what: String| {
        SealError::key(format!("its encryption takes {what}")).with_hint("convert it with `openssl pkcs8 -topk8`")
    };
    match scheme.pbes2().map(|parameters| &parameters.kdf) {
        Some(Kdf::Pbkdf2(derivation)) if derivation.iteration_count > MAX_ROUNDS => {
            Err(costly(format!("{} rounds, and at most {MAX_ROUNDS} are made", derivation.iteration_count)))
        }
        Some(Kdf::Scrypt(derivation)) if !is_affordable(derivation) => {
            let ScryptParams { cost_parameter, block_size, parallelization, .. } = derivation;
            let found = format!("scrypt with N = {cost_parameter}, r = {block_size}, p = {parallelization}");
            Err(costly(format!(
                "{found}, and N must be a power of two, 128·N·r at most {MAX_DERIVATION_BYTES}, p at most {MAX_PASSES}"
            )))
        }
        _ => Ok(()),
    }
}

fn is_affordable(derivation: &ScryptParams) -> bool {
    let bytes = derivation.cost_parameter.checked_mul(128 * u64::from(derivation.block_size));
    derivation.cost_parameter.is_power_of_two()
        && bytes.is_some_and(|bytes| bytes <= MAX_DERIVATION_BYTES)
        && derivation.parallelization <= MAX_PASSES
}

fn other_curve(what: &str) -> SealError {
    SealError::key(format!("the {what} is not one on NIST P-256 or P-384"))
        .with_hint("make one with `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`")
}

fn instead(blocks: &[Block]) -> String {
    blocks.first().map(|block| format!(", but {}", block.label)).unwrap_or_default()
}
