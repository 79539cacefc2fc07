//! The crate's error: what was being done, to what, and why it could not be.

use std::error::Error;
use std::fmt;

use crate::BackendError;
use crate::operator::Fault;

/// A model that could not be built, run, trained, packed or loaded.
#[derive(Debug)]
pub struct ModelError {
    kind: ModelErrorKind,
    what: String,
    hint: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What went wrong, in kinds that callers tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModelErrorKind {
    /// The recipe, the graph or the data do not fit together.
    Invalid,
    /// Something valid that this version cannot run.
    Unsupported,
    /// The backend is missing or failed.
    Backend,
    /// A file could not be read or written.
    Io,
    /// Another process is at work on the same project.
    Busy,
    /// There is nothing there: no recipe, no trained parameters, no such value.
    NotFound,
}

impl ModelError {
    pub(crate) fn new(kind: ModelErrorKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), hint: None, source: None }
    }

    pub(crate) fn invalid(what: impl Into<String>) -> Self {
        Self::new(ModelErrorKind::Invalid, what)
    }

    pub(crate) fn not_found(what: impl Into<String>) -> Self {
        Self::new(ModelErrorKind::NotFound, what)
    }

    pub(crate) fn no_such_value(name: &str) -> Self {
        Self::not_found(format!("the graph computes no value named `{name}`"))
    }

    pub(crate) fn unsupported(place: impl fmt::Display, reason: impl fmt::Display) -> Self {
        Self::new(ModelErrorKind::Unsupported, format!("cannot run {place}: {reason}"))
    }

    pub(crate) fn node(place: &str, fault: Fault) -> Self {
        Self::new(ModelErrorKind::Invalid, format!("cannot run {place}")).because(fault)
    }

    pub(crate) fn device(reason: impl fmt::Display) -> Self {
        Self::new(ModelErrorKind::Backend, format!("the device failed: {reason}"))
    }

    pub(crate) fn io(verb: &str, path: &std::path::Path, error: std::io::Error) -> Self {
        Self::new(ModelErrorKind::Io, format!("cannot {verb} {}", path.display())).because(error)
    }

    pub(crate) fn because(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    pub(crate) fn advise(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What kind of failure this is.
    #[must_use]
    pub fn kind(&self) -> ModelErrorKind {
        self.kind
    }

    /// What to do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Whether something that was asked for does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.kind == ModelErrorKind::NotFound
    }
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for ModelError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

impl From<BackendError> for ModelError {
    fn from(error: BackendError) -> Self {
        let hint = error.hint().to_owned();
        Self::new(ModelErrorKind::Backend, error.to_string()).advise(hint)
    }
}

impl From<briq_graph::GraphError> for ModelError {
    fn from(error: briq_graph::GraphError) -> Self {
        let hint = error.hint().map(str::to_owned);
        Self { hint, ..Self::invalid("the network cannot be built").because(error) }
    }
}
