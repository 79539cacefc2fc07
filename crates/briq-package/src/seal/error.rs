//! The error of sealing: what about a key, a seal or a policy was not as it has to be.

use std::error::Error;
use std::fmt;

use crate::package::Package;

/// A key that cannot be used, a seal that does not hold, or a policy that is not met.
#[derive(Debug)]
pub struct SealError(Box<Details>);

/// Behind a pointer, so that a `Result` stays small.
#[derive(Debug)]
struct Details {
    kind: SealErrorKind,
    reason: String,
    hint: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What sort of fault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SealErrorKind {
    /// A key or certificate cannot be read or used.
    Key,
    /// A private key needs a password, or another one.
    Password,
    /// The bytes are not those of a seal.
    Malformed,
    /// The seal is about other bytes, or its signature does not match what it says.
    Mismatch,
    /// The package has no seal.
    Unsealed,
    /// The seal is by somebody who is not trusted.
    Untrusted,
    /// A requirement of the policy is not met.
    Unmet,
}

impl SealError {
    pub(crate) fn new(kind: SealErrorKind, reason: impl Into<String>) -> Self {
        Self(Box::new(Details { kind, reason: reason.into(), hint: None, source: None }))
    }

    pub(crate) fn key(reason: impl Into<String>) -> Self {
        Self::new(SealErrorKind::Key, reason)
    }

    pub(crate) fn malformed(reason: impl Into<String>) -> Self {
        Self::new(SealErrorKind::Malformed, reason)
    }

    pub(crate) fn mismatch(reason: impl Into<String>) -> Self {
        Self::new(SealErrorKind::Mismatch, reason)
    }

    pub(crate) fn untrusted(reason: impl Into<String>) -> Self {
        Self::new(SealErrorKind::Untrusted, reason)
    }

    pub(crate) fn unsealed(package: &Package) -> Self {
        let manifest = package.manifest();
        let reason = format!("{} {} is not sealed", manifest.name, manifest.version);
        Self::new(SealErrorKind::Unsealed, reason).with_hint("seal it with `briq sign FILE --key PEM`")
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    pub(crate) fn because(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.0.source = Some(Box::new(source));
        self
    }

    /// The same, of what a seal brings with it: not somebody's key is at fault, but the seal.
    pub(super) fn brought(mut self) -> Self {
        self.0.kind = SealErrorKind::Malformed;
        self
    }

    /// The same, in an entry of a package.
    pub(crate) fn within(mut self, entry: impl fmt::Display) -> Self {
        self.0.reason = format!("{entry}: {}", self.0.reason);
        self
    }

    /// What sort of fault it is.
    pub fn kind(&self) -> SealErrorKind {
        self.0.kind
    }

    /// True when a key, certificate or password is at fault.
    pub fn is_key(&self) -> bool {
        matches!(self.0.kind, SealErrorKind::Key | SealErrorKind::Password)
    }

    /// True when a private key needs a password, or another one.
    pub fn is_password(&self) -> bool {
        self.0.kind == SealErrorKind::Password
    }

    /// True when a seal is damaged or about other bytes than those that are there.
    pub fn is_corrupt(&self) -> bool {
        matches!(self.0.kind, SealErrorKind::Malformed | SealErrorKind::Mismatch)
    }

    /// True when nothing is damaged, but the package does not bring what is asked for.
    pub fn is_refused(&self) -> bool {
        matches!(self.0.kind, SealErrorKind::Unsealed | SealErrorKind::Untrusted | SealErrorKind::Unmet)
    }

    /// What a person may do about it.
    pub fn hint(&self) -> Option<String> {
        self.0.hint.clone()
    }
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.reason)
    }
}

impl Error for SealError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
    }
}
