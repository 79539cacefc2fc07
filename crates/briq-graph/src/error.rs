//! The crate's one error: what was being done, to what, and why it could not be.

use std::error::Error;
use std::fmt;

/// Why a graph could not be read, built, checked, planned or written.
///
/// The message names the operation and the object (a node, a layer, a tensor); a cause, where there is one, is in
/// [`source`](Error::source) alone, and advice in [`hint`](Self::hint).
#[derive(Debug)]
pub struct GraphError {
    operation: &'static str,
    object: String,
    kind: GraphErrorKind,
    reason: String,
    hint: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What sort of failure a [`GraphError`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum GraphErrorKind {
    /// The bytes or the structure are not what they claim to be.
    Malformed,
    /// Well-formed, but outside what this crate handles.
    Unsupported,
    /// A named limit is exceeded.
    Limit,
    /// Shapes or element types do not fit together.
    Shape,
    /// A value was declared and never filled.
    Incomplete,
    /// Writing failed.
    Io,
}

impl GraphError {
    pub(crate) fn new(
        kind: GraphErrorKind,
        operation: &'static str,
        object: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        let (object, reason) = (object.into(), reason.into());
        Self { operation, object, kind, reason, hint: None, source: None }
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
    pub fn kind(&self) -> GraphErrorKind {
        self.kind
    }

    /// Advice for the person who sees the message, apart from the message.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Whether shapes or element types do not fit together.
    pub fn is_shape(&self) -> bool {
        self.kind == GraphErrorKind::Shape
    }

    /// Whether the input is not what it claims to be.
    pub fn is_malformed(&self) -> bool {
        self.kind == GraphErrorKind::Malformed
    }

    /// Whether the input is valid but outside what this crate handles.
    pub fn is_unsupported(&self) -> bool {
        self.kind == GraphErrorKind::Unsupported
    }

    /// Whether a named limit is exceeded.
    pub fn is_limit(&self) -> bool {
        self.kind == GraphErrorKind::Limit
    }
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}", self.operation, self.object)?;
        if self.reason.is_empty() { Ok(()) } else { write!(f, ": {}", self.reason) }
    }
}

impl Error for GraphError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}
