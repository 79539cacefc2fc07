//! The error of this crate: which text broke which rule.

use std::error::Error;
use std::fmt;

/// A text that is not what it claims to be: a name, a digest, a manifest, a lock file.
///
/// The message names the kind of thing and the reason; what a person may do about it is [`SpecError::hint`].
#[derive(Debug)]
pub struct SpecError(Box<Inner>);

/// Behind a pointer, so that a `Result` stays small.
#[derive(Debug)]
struct Inner {
    what: &'static str,
    text: String,
    reason: String,
    kind: SpecErrorKind,
    hint: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What sort of rule was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpecErrorKind {
    /// The text does not follow the grammar.
    Syntax,
    /// The text is well formed, but its parts contradict each other or a rule of the format.
    Invalid,
    /// The text means the right thing but is not written in its one canonical form.
    NotCanonical,
    /// A named limit is exceeded.
    Limit,
    /// The text is of a newer format than this program knows.
    Unsupported,
}

/// How much of an offending text an error repeats.
const SHOWN: usize = 120;

impl SpecError {
    pub(crate) fn new(kind: SpecErrorKind, what: &'static str, text: &str, reason: impl Into<String>) -> Self {
        let text = text.chars().take(SHOWN).collect();
        Self(Box::new(Inner { what, text, reason: reason.into(), kind, hint: None, source: None }))
    }

    pub(crate) fn syntax(what: &'static str, text: &str, reason: impl Into<String>) -> Self {
        Self::new(SpecErrorKind::Syntax, what, text, reason)
    }

    pub(crate) fn invalid(what: &'static str, text: &str, reason: impl Into<String>) -> Self {
        Self::new(SpecErrorKind::Invalid, what, text, reason)
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    pub(crate) fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.0.source = Some(Box::new(source));
        self
    }

    /// What sort of rule was broken.
    pub fn kind(&self) -> SpecErrorKind {
        self.0.kind
    }

    /// True when the text was written by a newer Briq.
    pub fn is_unsupported(&self) -> bool {
        self.0.kind == SpecErrorKind::Unsupported
    }

    /// True when a named limit is exceeded.
    pub fn is_limit(&self) -> bool {
        self.0.kind == SpecErrorKind::Limit
    }

    /// What a person may do about it.
    pub fn hint(&self) -> Option<String> {
        self.0.hint.clone()
    }
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid {}", self.0.what)?;
        if !self.0.text.is_empty() {
            write!(f, " {:?}", self.0.text)?;
        }
        write!(f, ": {}", self.0.reason)
    }
}

impl Error for SpecError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
    }
}
