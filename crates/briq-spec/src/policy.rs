//! What a package must bring with it before it may serve.
//!
//! ```
//! use briq_spec::policy::{Policy, Requirement};
//!
//! let policy = Policy::parse(
//!     r#"
//!     require = ["seal", "provenance"]
//!
//!     [[trusted]]
//!     key = "release.pem"
//!     "#,
//! )?;
//! assert_eq!(policy.require, [Requirement::Seal, Requirement::Provenance]);
//! # Ok::<(), briq_spec::SpecError>(())
//! ```

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{SpecError, SpecErrorKind};

/// The longest policy in bytes, with its keys inside.
pub const MAX_POLICY_BYTES: usize = 64 << 10;

const WHAT: &str = "policy";

/// What a package must bring with it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// What is asked for.
    pub require: Vec<Requirement>,
    /// Whose seals count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trusted: Vec<Trusted>,
}

/// One thing that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Requirement {
    /// A seal by one of those that are trusted.
    Seal,
    /// A provenance statement about the very structure and weights.
    Provenance,
    /// Golden examples, so that every host proves its answers before it serves.
    Golden,
}

/// Somebody whose seals count: by public key, or by a certificate that theirs is issued from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Trusted {
    /// A public key: PEM, or the path of a file with it.
    Key(String),
    /// Certificates of authorities: PEM, or the path of a file with it.
    Certificate(String),
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Seal => "seal",
            Self::Provenance => "provenance",
            Self::Golden => "golden",
        })
    }
}

impl Trusted {
    /// What stands there: PEM or a path.
    pub fn text(&self) -> &str {
        match self {
            Self::Key(text) | Self::Certificate(text) => text,
        }
    }

    /// Whether it is PEM itself, and not the path of a file.
    pub fn is_inline(&self) -> bool {
        self.text().contains("-----BEGIN ")
    }

    fn text_mut(&mut self) -> &mut String {
        match self {
            Self::Key(text) | Self::Certificate(text) => text,
        }
    }
}

impl Policy {
    /// Reads a policy from TOML.
    ///
    /// # Errors
    /// When it is longer than [`MAX_POLICY_BYTES`], does not read as one, or asks for seals and trusts nobody.
    pub fn parse(text: &str) -> Result<Self, SpecError> {
        check_length(text.len())?;
        let unreadable = |source| SpecError::syntax(WHAT, "", "it does not read as one").with_source(source);
        let policy: Self = toml::from_str(text).map_err(unreadable)?;
        policy.validate()?;
        Ok(policy)
    }

    /// Checks the rules that the types cannot express.
    ///
    /// # Errors
    /// When nothing is asked for, or seals are and nobody is trusted.
    pub fn validate(&self) -> Result<(), SpecError> {
        let invalid = |reason: &str, hint: &str| Err(SpecError::invalid(WHAT, "", reason).with_hint(hint));
        if self.require.is_empty() {
            return invalid("it requires nothing", "write `require = [\"seal\"]`, or leave the policy out");
        }
        if self.require.contains(&Requirement::Seal) && self.trusted.is_empty() {
            return invalid(
                "it requires a seal and trusts nobody",
                "add `[[trusted]]` with a `key` or a `certificate`",
            );
        }
        check_length(self.trusted.iter().map(|trusted| trusted.text().len()).sum())
    }

    /// The policy with every key and certificate inside, so that it means the same wherever it is read.
    ///
    /// `read` is given each path as it stands in the policy.
    ///
    /// # Errors
    /// What `read` says.
    pub fn inlined<E>(mut self, mut read: impl FnMut(&str) -> Result<String, E>) -> Result<Self, E> {
        for trusted in self.trusted.iter_mut().filter(|trusted| !trusted.is_inline()) {
            *trusted.text_mut() = read(trusted.text())?;
        }
        Ok(self)
    }
}

fn check_length(length: usize) -> Result<(), SpecError> {
    if length <= MAX_POLICY_BYTES {
        return Ok(());
    }
    let reason = format!("it has {length} bytes, and at most {MAX_POLICY_BYTES} are read");
    Err(SpecError::new(SpecErrorKind::Limit, WHAT, "", reason))
}
