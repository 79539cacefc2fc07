//! What can keep a server from running.

use std::error::Error;
use std::io;
use std::path::Path;

use crate::swap::SwapError;

/// A server could not be started or kept up: what was being done to what, and which kind of failure it was.
#[derive(Debug, thiserror::Error)]
#[error("{doing}")]
pub struct ServeError {
    doing: String,
    #[source]
    kind: ServeErrorKind,
}

/// The kinds of failure.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeErrorKind {
    /// The operating system refused.
    #[error(transparent)]
    Io(io::Error),
    /// A model did not come up.
    #[error(transparent)]
    Model(SwapError),
    /// Two models have the same name.
    #[error("its name is taken by another model of this server")]
    NameTaken,
    /// Another server answers on the control socket.
    #[error("another server answers there")]
    ControlTaken,
}

impl ServeError {
    pub(crate) fn listen(what: String, error: io::Error) -> Self {
        Self { doing: format!("listen on {what}"), kind: ServeErrorKind::Io(error) }
    }

    pub(crate) fn control(path: &Path, kind: ServeErrorKind) -> Self {
        Self { doing: format!("open control socket {}", path.display()), kind }
    }

    pub(crate) fn io(doing: &str, error: io::Error) -> Self {
        Self { doing: doing.to_owned(), kind: ServeErrorKind::Io(error) }
    }

    pub(crate) fn model(locator: &str, kind: ServeErrorKind) -> Self {
        Self { doing: format!("start model `{locator}`"), kind }
    }

    /// Which kind of failure it was.
    pub fn kind(&self) -> &ServeErrorKind {
        &self.kind
    }

    /// Whether another program has the port.
    pub fn is_address_in_use(&self) -> bool {
        matches!(&self.kind, ServeErrorKind::Io(error) if error.kind() == io::ErrorKind::AddrInUse)
    }

    /// Whether a model was refused: it could not be loaded, or failed its golden proof.
    pub fn is_model(&self) -> bool {
        matches!(self.kind, ServeErrorKind::Model(_) | ServeErrorKind::NameTaken)
    }

    /// Advice for a person, where there is some.
    pub fn hint(&self) -> Option<String> {
        match &self.kind {
            ServeErrorKind::Io(_) if self.is_address_in_use() => {
                Some("choose another port, or port 0 to let the system choose one".to_owned())
            }
            ServeErrorKind::Model(error) => error.hint(),
            ServeErrorKind::ControlTaken => Some("stop that server, or name another socket".to_owned()),
            _ => None,
        }
    }
}

/// What a thread that panicked said.
pub(crate) fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "of an unknown cause".to_owned())
}

const _: fn() = || {
    fn holds<T: Error + Send + Sync + 'static>() {}
    holds::<ServeError>();
};
