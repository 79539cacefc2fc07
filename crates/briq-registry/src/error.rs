//! The error of every registry operation.

use std::fmt;
use std::time::Duration;

use briq_package::PackageError;
use briq_spec::variant::Unfit;
use briq_store::StoreError;

/// What was being done to what, and why it stopped.
#[derive(Debug)]
pub struct RegistryError {
    doing: String,
    kind: RegistryErrorKind,
}

/// Why a registry operation stopped.
#[derive(Debug)]
#[non_exhaustive]
pub enum RegistryErrorKind {
    /// No whole answer came: name resolution, connection, TLS, time-out.
    Transport(Box<dyn std::error::Error + Send + Sync>),
    /// The registry answered with an error.
    Status {
        /// The HTTP status.
        status: u16,
        /// What the registry said, if it said something.
        message: String,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// The registry wants other credentials. The text is its own.
    Unauthorized(String),
    /// It is not there. The text says what there is instead, when that helps.
    NotFound(Option<String>),
    /// No variant of the version fits the machine.
    Unfit(Unfit),
    /// The version exists with other bytes.
    Conflict(String),
    /// The version is raised by less than what its input/output signature demands.
    Incompatible(String),
    /// The bytes are not what their digest or manifest says.
    Corrupt(String),
    /// The answer is not one that the distribution specification allows.
    Protocol(String),
    /// The request itself cannot be carried out.
    Refused(String),
    /// The local store refused.
    Store(Box<StoreError>),
    /// The package could not be read.
    Package(Box<PackageError>),
}

impl RegistryError {
    pub(crate) fn new(doing: impl Into<String>, kind: RegistryErrorKind) -> Self {
        Self { doing: doing.into(), kind }
    }

    pub(crate) fn transport(doing: impl Into<String>) -> impl FnOnce(reqwest::Error) -> Self {
        // The URL is in `doing`, without the query, which may hold a session.
        move |error| Self::new(doing, RegistryErrorKind::Transport(Box::new(error.without_url())))
    }

    pub(crate) fn corrupt(doing: impl Into<String>, what: impl Into<String>) -> Self {
        Self::new(doing, RegistryErrorKind::Corrupt(what.into()))
    }

    pub(crate) fn protocol(doing: impl Into<String>, what: impl Into<String>) -> Self {
        Self::new(doing, RegistryErrorKind::Protocol(what.into()))
    }

    pub(crate) fn store(doing: impl Into<String>) -> impl FnOnce(StoreError) -> Self {
        move |error| Self::new(doing, RegistryErrorKind::Store(Box::new(error)))
    }

    pub(crate) fn package(doing: impl Into<String>) -> impl FnOnce(PackageError) -> Self {
        move |error| Self::new(doing, RegistryErrorKind::Package(Box::new(error)))
    }

    /// Why the operation stopped.
    pub fn kind(&self) -> &RegistryErrorKind {
        &self.kind
    }

    /// Whether the repository, version, alias or blob does not exist.
    pub fn is_not_found(&self) -> bool {
        match &self.kind {
            RegistryErrorKind::NotFound(_) => true,
            RegistryErrorKind::Store(error) => error.is_not_found(),
            _ => false,
        }
    }

    /// Whether no variant of the version fits the machine.
    pub fn is_unfit(&self) -> bool {
        matches!(self.kind, RegistryErrorKind::Unfit(_))
    }

    /// Whether the version exists already with other bytes.
    pub fn is_conflict(&self) -> bool {
        match &self.kind {
            RegistryErrorKind::Conflict(_) => true,
            RegistryErrorKind::Store(error) => error.is_conflict(),
            _ => false,
        }
    }

    /// Whether the version is raised by less than what its signature demands.
    pub fn is_incompatible(&self) -> bool {
        match &self.kind {
            RegistryErrorKind::Incompatible(_) => true,
            RegistryErrorKind::Store(error) => error.is_incompatible(),
            _ => false,
        }
    }

    /// Whether bytes were not what their digest says.
    pub fn is_corrupt(&self) -> bool {
        match &self.kind {
            RegistryErrorKind::Corrupt(_) => true,
            RegistryErrorKind::Store(error) => error.is_corrupt(),
            RegistryErrorKind::Package(error) => error.is_corrupt(),
            _ => false,
        }
    }

    /// Whether the registry wants other credentials.
    pub fn is_unauthorized(&self) -> bool {
        matches!(self.kind, RegistryErrorKind::Unauthorized(_))
    }

    /// Whether no whole answer came from the network.
    pub fn is_transport(&self) -> bool {
        matches!(self.kind, RegistryErrorKind::Transport(_))
    }

    /// Whether the same request can succeed later: no answer came, or the registry is overloaded or failing.
    pub fn is_retryable(&self) -> bool {
        match &self.kind {
            RegistryErrorKind::Transport(_) => true,
            RegistryErrorKind::Status { status, .. } => matches!(status, 408 | 429 | 500 | 502 | 503 | 504),
            _ => false,
        }
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match &self.kind {
            RegistryErrorKind::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// What the caller can do about it.
    pub fn hint(&self) -> Option<String> {
        match &self.kind {
            RegistryErrorKind::NotFound(instead) => instead.clone(),
            RegistryErrorKind::Unauthorized(_) => {
                Some("log in with `docker login` or `podman login`: Docker's config.json is read".into())
            }
            RegistryErrorKind::Unfit(_) => {
                Some("choose another backend with --backend, or name a variant: NAME@VERSION+VARIANT".into())
            }
            RegistryErrorKind::Conflict(_) => Some("a published version never changes: raise the version".into()),
            RegistryErrorKind::Incompatible(_) => {
                Some("raise the version at least so far, or publish a prerelease".into())
            }
            RegistryErrorKind::Transport(_) => Some("what was transferred is kept: the same command goes on".into()),
            RegistryErrorKind::Store(error) => error.hint(),
            _ => None,
        }
    }
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}", self.doing)?;
        match &self.kind {
            RegistryErrorKind::Transport(_)
            | RegistryErrorKind::Unfit(_)
            | RegistryErrorKind::Store(_)
            | RegistryErrorKind::Package(_) => Ok(()),
            RegistryErrorKind::NotFound(_) => f.write_str(": not found"),
            RegistryErrorKind::Status { status, message, .. } => {
                write!(f, ": the registry answered {status}")?;
                if message.is_empty() { Ok(()) } else { write!(f, " ({message})") }
            }
            RegistryErrorKind::Unauthorized(message) => {
                f.write_str(": the registry refused the credentials")?;
                if message.is_empty() { Ok(()) } else { write!(f, " ({message})") }
            }
            RegistryErrorKind::Conflict(what)
            | RegistryErrorKind::Incompatible(what)
            | RegistryErrorKind::Corrupt(what)
            | RegistryErrorKind::Protocol(what)
            | RegistryErrorKind::Refused(what) => write!(f, ": {what}"),
        }
    }
}

impl std::error::Error for RegistryError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            RegistryErrorKind::Transport(error) => Some(error.as_ref()),
            RegistryErrorKind::Unfit(error) => Some(error),
            RegistryErrorKind::Store(error) => Some(error),
            RegistryErrorKind::Package(error) => Some(error),
            _ => None,
        }
    }
}
