//! Whose seals count.

use super::bundle::{Bundle, Material};
use super::certificate::Certificates;
use super::error::SealError;
use super::key::{KeyId, PublicKey};

/// Public keys, and authorities whose certificates are believed. By default nobody is trusted.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    keys: Vec<PublicKey>,
    authorities: Vec<Certificates>,
}

/// Who sealed a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// The identity of the key.
    pub key: KeyId,
    /// Whose it is, where a certificate says so.
    pub subject: Option<String>,
}

impl Trust {
    /// Trusts a public key as well.
    pub fn with_key(mut self, key: PublicKey) -> Self {
        self.keys.push(key);
        self
    }

    /// Trusts every key that these authorities certify as well.
    pub fn with_authorities(mut self, authorities: Certificates) -> Self {
        self.authorities.push(authorities);
        self
    }

    /// Checks that the bundle's signature is by somebody who is trusted.
    pub(super) fn admit(&self, bundle: &Bundle) -> Result<Signer, SealError> {
        match &bundle.material {
            Material::Key { id } => self.admit_key(bundle, id.as_ref()),
            Material::Chain(chain) => self.admit_chain(bundle, chain),
        }
    }

    fn admit_key(&self, bundle: &Bundle, id: Option<&KeyId>) -> Result<Signer, SealError> {
        let candidates = self.keys.iter().filter(|key| id.is_none_or(|id| key.id() == *id));
        let mut candidates = candidates.peekable();
        if candidates.peek().is_none() {
            let by = id.map_or("a key that it does not name".to_owned(), |id| format!("key {id}"));
            return Err(self.stranger(&by));
        }
        let key = candidates.find(|key| bundle.is_signed_by(key)).ok_or_else(forged)?;
        Ok(Signer { key: key.id(), subject: None })
    }

    /// A key that is trusted itself needs nobody's word.
    fn admit_chain(&self, bundle: &Bundle, chain: &Certificates) -> Result<Signer, SealError> {
        let key = chain.public_key()?;
        if !self.keys.contains(&key) {
            self.admit_certified(chain)?;
        }
        if bundle.is_signed_by(&key) { chain.signer() } else { Err(forged()) }
    }

    fn admit_certified(&self, chain: &Certificates) -> Result<(), SealError> {
        let mut last = None;
        for authorities in &self.authorities {
            match chain.check(authorities) {
                Ok(()) => return Ok(()),
                Err(error) => last = Some(error),
            }
        }
        let signer = chain.signer()?;
        let by = format!("key {} of {}", signer.key, signer.subject.unwrap_or_default());
        Err(last.unwrap_or_else(|| self.stranger(&by)))
    }

    fn stranger(&self, by: &str) -> SealError {
        let nobody = self.keys.is_empty() && self.authorities.is_empty();
        let verdict = if nobody { "and nobody is trusted" } else { "which is not trusted" };
        SealError::untrusted(format!("it is sealed by {by}, {verdict}"))
            .with_hint("give the public key of whoever sealed it, once you know that it is theirs")
    }
}

fn forged() -> SealError {
    SealError::mismatch("its signature does not match what it says")
        .with_hint("fetch the package again; what was changed cannot be told from an attack")
}
