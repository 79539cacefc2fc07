//! The one error of this crate: what was being done to what, and why it did not work.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

/// Something could not be planned, carried out or looked up.
///
/// A refused revision is no error: it is an [`Outcome`](crate::Outcome).
#[derive(Debug)]
pub struct DeployError {
    doing: String,
    kind: DeployErrorKind,
}

impl fmt::Display for DeployError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}{}", self.doing, self.kind.after_colon())
    }
}

/// What the message tells already is no source; what the system said is one.
impl Error for DeployError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.kind {
            DeployErrorKind::Io(error) => Some(error),
            _ => None,
        }
    }
}

/// Why it did not work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeployErrorKind {
    /// The operating system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Another program listens there.
    #[error("{0} is in use")]
    AddressInUse(SocketAddr),
    /// Another command works on this deployment, and the caller did not want to wait.
    #[error("another command is working on this deployment")]
    Busy,
    /// A supervisor already runs for this deployment.
    #[error("a supervisor already runs for it")]
    AlreadySupervised,
    /// There is no such deployment.
    #[error("there is no such deployment")]
    NotFound,
    /// There is no such revision.
    #[error("there is no revision {0}")]
    NoSuchRevision(u64),
    /// That revision never served, so that there is nothing to go back to.
    #[error("revision {0} never served")]
    NeverServed(u64),
    /// Nothing else served before.
    #[error("no other revision served before")]
    NoPrevious,
    /// The history is not what was written.
    #[error("record {record} of the history is not what was written: {what}")]
    Tampered {
        /// The first record that does not hold, counted from 1.
        record: u64,
        /// What is wrong with it.
        what: String,
    },
    /// The supervisor ended before it answered.
    #[error("the supervisor ended before it answered")]
    SupervisorEnded {
        /// The last lines of its log; empty when it wrote none.
        log: String,
    },
    /// The supervisor could not do it.
    #[error("{0}")]
    Failed(String),
    /// The other end of a socket said something that is not the protocol.
    #[error("the answer is not understood: {0}")]
    Protocol(String),
}

impl DeployErrorKind {
    /// What follows the operation in the message: nothing for a cause that `source()` tells.
    fn after_colon(&self) -> String {
        match self {
            Self::Io(_) => String::new(),
            other => format!(": {other}"),
        }
    }
}

impl DeployError {
    pub(crate) fn new(doing: impl Into<String>, kind: impl Into<DeployErrorKind>) -> Self {
        Self { doing: doing.into(), kind: kind.into() }
    }

    /// For `map_err`: what was being done to which file.
    pub(crate) fn io(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let doing = format!("{verb} {}", path.display());
        move |error| Self::new(doing, error)
    }

    /// Why it did not work.
    pub fn kind(&self) -> &DeployErrorKind {
        &self.kind
    }

    /// There is no such deployment or revision, or none to go back to.
    pub fn is_not_found(&self) -> bool {
        use DeployErrorKind as Kind;
        matches!(self.kind, Kind::NotFound | Kind::NoSuchRevision(_) | Kind::NoPrevious | Kind::NeverServed(_))
    }

    /// Another program listens at the address.
    pub fn is_address_in_use(&self) -> bool {
        matches!(self.kind, DeployErrorKind::AddressInUse(_))
    }

    /// Another command or supervisor is at work on the deployment.
    pub fn is_busy(&self) -> bool {
        matches!(self.kind, DeployErrorKind::Busy | DeployErrorKind::AlreadySupervised)
    }

    /// The history was changed, cut or mixed up after it was written.
    pub fn is_tampered(&self) -> bool {
        matches!(self.kind, DeployErrorKind::Tampered { .. })
    }

    /// The same call may succeed when it is made again.
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind, DeployErrorKind::Busy | DeployErrorKind::SupervisorEnded { .. })
    }

    /// The operating system refused.
    pub fn is_io(&self) -> bool {
        matches!(self.kind, DeployErrorKind::Io(_))
    }

    /// Advice for a person, where there is some.
    pub fn hint(&self) -> Option<String> {
        match &self.kind {
            DeployErrorKind::AddressInUse(address) => {
                Some(format!("choose another address with `--http`, or end the program that listens on {address}"))
            }
            DeployErrorKind::Busy => Some("wait until it is done, then try again".to_owned()),
            DeployErrorKind::SupervisorEnded { log } if !log.is_empty() => Some(format!("its log ends with: {log}")),
            DeployErrorKind::SupervisorEnded { .. } => Some("deploy again: it goes on where it was".to_owned()),
            DeployErrorKind::Tampered { .. } => {
                Some("restore the deployment's folder from a backup, or move it away and deploy anew".to_owned())
            }
            DeployErrorKind::NeverServed(_) => Some("`briq history` tells which revisions were promoted".to_owned()),
            _ => None,
        }
    }
}
