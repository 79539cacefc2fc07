//! What can go wrong in an engine or a loader.

use std::error::Error;
use std::fmt;

/// A failure of an engine or a loader: what was being done to what, and which kind of failure it was.
#[derive(Debug)]
pub struct EngineError {
    kind: EngineErrorKind,
    message: String,
    hint: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// The kinds of failure, which decide what a caller can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EngineErrorKind {
    /// The tensors given do not fit the model: the caller can correct them.
    InvalidInput,
    /// There is no model under that locator.
    NotFound,
    /// The model is there but cannot be loaded: damaged, or with operators that the engine lacks.
    Load,
    /// The backend or device that was asked for is not available on this machine.
    Unavailable,
    /// The computation itself failed.
    Inference,
}

impl EngineError {
    /// An error of `kind`; the message is a lowercase fragment that names operation and object.
    pub fn new(kind: EngineErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, source: None }
    }

    /// The tensors given do not fit the model.
    pub fn invalid_input(message: impl Into<String>) -> Self {
        Self::new(EngineErrorKind::InvalidInput, message)
    }

    /// There is no such model.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(EngineErrorKind::NotFound, message)
    }

    /// The model cannot be loaded.
    pub fn load(message: impl Into<String>) -> Self {
        Self::new(EngineErrorKind::Load, message)
    }

    /// The backend is not available here.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(EngineErrorKind::Unavailable, message)
    }

    /// The computation failed.
    pub fn inference(message: impl Into<String>) -> Self {
        Self::new(EngineErrorKind::Inference, message)
    }

    /// The same error with its cause, which is reported through [`Error::source`] only.
    #[must_use]
    pub fn with_source(self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// The same error with advice for a person.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Which kind of failure it was.
    pub fn kind(&self) -> EngineErrorKind {
        self.kind
    }

    /// Advice for a person, where there is some.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Whether the caller's tensors were at fault.
    pub fn is_invalid_input(&self) -> bool {
        self.kind == EngineErrorKind::InvalidInput
    }

    /// Whether there is no such model.
    pub fn is_not_found(&self) -> bool {
        self.kind == EngineErrorKind::NotFound
    }

    /// Whether the backend is missing on this machine.
    pub fn is_unavailable(&self) -> bool {
        self.kind == EngineErrorKind::Unavailable
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for EngineError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}
