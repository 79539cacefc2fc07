//! The crate's error: what could not be imported, and why.

use std::error::Error;
use std::fmt;

/// A file of another framework that could not be read as a network.
#[derive(Debug)]
pub struct ImportError {
    kind: ImportErrorKind,
    what: String,
    hint: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What sort of failure an [`ImportError`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImportErrorKind {
    /// The bytes are not what they claim to be.
    Malformed,
    /// Well-formed, but outside what this crate reads.
    Unsupported,
    /// A file of another kind than was asked for.
    WrongFormat,
    /// Parameters and architecture do not fit together.
    Mismatch,
}

impl ImportError {
    fn new(kind: ImportErrorKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), hint: None, source: None }
    }

    pub(crate) fn malformed(what: impl Into<String>) -> Self {
        Self::new(ImportErrorKind::Malformed, what)
    }

    pub(crate) fn unsupported(what: impl Into<String>) -> Self {
        Self::new(ImportErrorKind::Unsupported, what)
    }

    pub(crate) fn wrong_format(what: impl Into<String>) -> Self {
        Self::new(ImportErrorKind::WrongFormat, what)
    }

    pub(crate) fn mismatch(what: impl Into<String>) -> Self {
        Self::new(ImportErrorKind::Mismatch, what)
    }

    pub(crate) fn because(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    pub(crate) fn advise(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What sort of failure it is.
    pub fn kind(&self) -> ImportErrorKind {
        self.kind
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Whether the file is of another kind than was asked for.
    pub fn is_wrong_format(&self) -> bool {
        self.kind == ImportErrorKind::WrongFormat
    }

    /// Whether the file is valid but outside what this crate reads.
    pub fn is_unsupported(&self) -> bool {
        self.kind == ImportErrorKind::Unsupported
    }

    /// Whether parameters and architecture do not fit together.
    pub fn is_mismatch(&self) -> bool {
        self.kind == ImportErrorKind::Mismatch
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for ImportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

impl From<briq_graph::GraphError> for ImportError {
    fn from(error: briq_graph::GraphError) -> Self {
        let hint = error.hint().map(str::to_owned);
        Self { hint, ..Self::mismatch("the declared network cannot be built").because(error) }
    }
}
