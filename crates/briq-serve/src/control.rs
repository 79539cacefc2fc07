//! The Unix socket by which a supervisor asks, swaps and drains: one JSON object on each line.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener as StdListener, UnixStream as StdStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use briq_spec::control::{Request, Response};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

use crate::error::{ServeError, ServeErrorKind};
use crate::options::Source;
use crate::refusal::chain;
use crate::shared::Shared;
use crate::state;

/// The longest request line in bytes; a request is a digest and a path.
const MAX_LINE: u64 = 64 << 10;

/// An open control socket; its file goes when it is dropped.
pub(crate) struct ControlSocket {
    listener: StdListener,
    file: SocketFile,
}

/// A control socket that answers until it is dropped.
pub(crate) struct ControlTask {
    task: JoinHandle<()>,
    _file: SocketFile,
}

struct SocketFile(PathBuf);

impl ControlSocket {
    /// Opens the socket for its owner alone, in place of one that nobody answers on.
    pub(crate) fn open(path: &Path) -> Result<Self, ServeError> {
        if StdStream::connect(path).is_ok() {
            return Err(ServeError::control(path, ServeErrorKind::ControlTaken));
        }
        let failed = |error| ServeError::control(path, ServeErrorKind::Io(error));
        remove_stale(path).map_err(failed)?;
        let listener = StdListener::bind(path).map_err(failed)?;
        let file = SocketFile(path.to_owned());
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        Ok(Self { listener, file })
    }

    pub(crate) fn serve(self, shared: Arc<Shared>) -> Result<ControlTask, ServeError> {
        let failed = |error| ServeError::control(&self.file.0, ServeErrorKind::Io(error));
        let listener = UnixListener::from_std(self.listener).map_err(failed)?;
        Ok(ControlTask { task: tokio::spawn(accept(listener, shared)), _file: self.file })
    }
}

impl Drop for ControlTask {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // A file that cannot be removed is taken for stale by the next server.
        let _ = fs::remove_file(&self.0);
    }
}

fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

async fn accept(listener: UnixListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            if let Err(error) = converse(stream, shared).await {
                tracing::warn!("control connection: {error}");
            }
        });
    }
}

/// Answers each line of one connection, until it ends or a line is too long to be a request.
async fn converse(stream: UnixStream, shared: Arc<Shared>) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    loop {
        let mut line = Vec::new();
        (&mut read).take(MAX_LINE).read_until(b'\n', &mut line).await?;
        if line.last() != Some(&b'\n') {
            return Ok(());
        }
        let mut answer = serde_json::to_vec(&answer(&line, &shared).await)?;
        answer.push(b'\n');
        write.write_all(&answer).await?;
    }
}

async fn answer(line: &[u8], shared: &Arc<Shared>) -> Response {
    match serde_json::from_slice(line) {
        Ok(Request::State) => Response::State(state::of(shared)),
        Ok(Request::Swap { revision, digest, home }) => {
            let locator = (shared.options.locate)(&digest, &home);
            swap(shared, Source { locator, revision }).await
        }
        Ok(Request::Drain) => {
            shared.drain();
            Response::Draining
        }
        Err(error) => Response::Refused { reason: format!("not a request: {error}") },
    }
}

async fn swap(shared: &Arc<Shared>, source: Source) -> Response {
    match Arc::clone(shared).swap(source).await {
        Ok(swapped) => Response::Swapped {
            revision: swapped.revision,
            load_ms: swapped.proof.load.as_millis() as u64,
            golden_ms: swapped.proof.golden.as_millis() as u64,
        },
        Err(error) => Response::Refused { reason: chain(&error) },
    }
}
