//! The error of every store operation.

use std::fmt;
use std::path::{Path, PathBuf};

/// What the store was doing, to what, and why it stopped.
#[derive(Debug)]
pub struct StoreError {
    doing: String,
    kind: StoreErrorKind,
}

/// Why a store operation stopped.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The file system refused.
    Io(std::io::Error),
    /// The package could not be read.
    Package(Box<briq_package::PackageError>),
    /// A JSON document of the layout does not parse.
    Json(serde_json::Error),
    /// What was asked for is not in the store. The text says what there is instead, when that helps.
    NotFound(Option<String>),
    /// The version exists with other bytes.
    Conflict(String),
    /// The version is raised by less than what its input/output signature demands.
    Incompatible(String),
    /// Bytes in the store, or bytes handed to it, are not what their digest or manifest says.
    Corrupt(String),
    /// The request itself cannot be carried out by any store.
    Refused(String),
    /// Another process holds the store.
    Busy,
}

impl StoreError {
    pub(crate) fn new(doing: impl Into<String>, kind: StoreErrorKind) -> Self {
        Self { doing: doing.into(), kind }
    }

    pub(crate) fn io(doing: &str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let doing = format!("{doing} {}", path.display());
        move |error| Self::new(doing, StoreErrorKind::Io(error))
    }

    pub(crate) fn corrupt(doing: impl Into<String>, what: impl Into<String>) -> Self {
        Self::new(doing, StoreErrorKind::Corrupt(what.into()))
    }

    pub(crate) fn not_found(doing: impl Into<String>, instead: Option<String>) -> Self {
        Self::new(doing, StoreErrorKind::NotFound(instead))
    }

    /// Why the operation stopped.
    pub fn kind(&self) -> &StoreErrorKind {
        &self.kind
    }

    /// Whether the package, version, alias or blob is not in the store.
    pub fn is_not_found(&self) -> bool {
        match &self.kind {
            StoreErrorKind::NotFound(_) => true,
            StoreErrorKind::Io(error) => error.kind() == std::io::ErrorKind::NotFound,
            _ => false,
        }
    }

    /// Whether the version exists already with other bytes.
    pub fn is_conflict(&self) -> bool {
        matches!(self.kind, StoreErrorKind::Conflict(_))
    }

    /// Whether the version is raised by less than what its signature demands.
    pub fn is_incompatible(&self) -> bool {
        matches!(self.kind, StoreErrorKind::Incompatible(_))
    }

    /// Whether bytes were not what their digest says.
    pub fn is_corrupt(&self) -> bool {
        match &self.kind {
            StoreErrorKind::Corrupt(_) | StoreErrorKind::Json(_) => true,
            StoreErrorKind::Package(error) => error.is_corrupt(),
            _ => false,
        }
    }

    /// Whether another process holds the store; the same call can succeed later.
    pub fn is_busy(&self) -> bool {
        matches!(self.kind, StoreErrorKind::Busy)
    }

    /// Whether the file system refused.
    pub fn is_io(&self) -> bool {
        match &self.kind {
            StoreErrorKind::Io(_) => true,
            StoreErrorKind::Package(error) => error.is_io(),
            _ => false,
        }
    }

    /// What the caller can do about it.
    pub fn hint(&self) -> Option<String> {
        match &self.kind {
            StoreErrorKind::NotFound(instead) => instead.clone(),
            StoreErrorKind::Conflict(_) => Some("a published version never changes: raise the version".into()),
            StoreErrorKind::Incompatible(_) => {
                Some("raise the version at least so far, or publish a prerelease".into())
            }
            StoreErrorKind::Corrupt(_) => Some("publish or pull the package again: damaged blobs are replaced".into()),
            StoreErrorKind::Busy => Some("try again when the other process is done".into()),
            _ => None,
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let doing = &self.doing;
        match &self.kind {
            StoreErrorKind::Io(_) | StoreErrorKind::Package(_) | StoreErrorKind::Json(_) => {
                write!(f, "cannot {doing}")
            }
            StoreErrorKind::NotFound(_) => write!(f, "cannot {doing}: not found"),
            StoreErrorKind::Busy => write!(f, "cannot {doing}: another process is writing to the store"),
            StoreErrorKind::Conflict(what)
            | StoreErrorKind::Incompatible(what)
            | StoreErrorKind::Corrupt(what)
            | StoreErrorKind::Refused(what) => write!(f, "cannot {doing}: {what}"),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            StoreErrorKind::Io(error) => Some(error),
            StoreErrorKind::Package(error) => Some(error),
            StoreErrorKind::Json(error) => Some(error),
            _ => None,
        }
    }
}

/// The environment names no directory that could hold the user's data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot find a home: none of BRIQ_HOME, XDG_DATA_HOME and HOME is an absolute path")]
pub struct NoHome {
    /// The relative path that was given, if one was.
    pub given: Option<PathBuf>,
}
