//! A command's link to the supervisor, which it starts where none runs, and to the servers.

use std::io::{self, ErrorKind};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use briq_spec::control::{self, ServerState};

use crate::error::{DeployError, DeployErrorKind};
use crate::folder::Folder;
use crate::pause::Pauses;
use crate::proposal::Launch;
use crate::protocol::{Request, Response};
use crate::socket;

/// How long a supervisor may take until it listens: it reads a history and binds two sockets.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Asks a running supervisor, or one that is started for it, for a revision; waits until it is decided.
pub(crate) fn reconcile(folder: &Folder, revision: u64, launch: &Launch<'_>) -> Result<Response, DeployError> {
    let (stream, log_start) = connect_or_start(folder, launch)?;
    exchange(stream, &Request::Reconcile { revision }).map_err(|error| explain(folder, log_start, error))
}

/// Asks a running supervisor; waits as long as it lives.
pub(crate) fn ask(folder: &Folder, request: &Request) -> Result<Response, DeployError> {
    let start = log_length(folder);
    let stream = connect(folder)?;
    stream.and_then(|stream| exchange(stream, request)).map_err(|error| explain(folder, start, error))
}

/// Connects to a supervisor that holds its lock, and may be about to bind its socket.
fn connect(folder: &Folder) -> Result<io::Result<UnixStream>, DeployError> {
    let mut pauses = Pauses::within(START_TIMEOUT);
    loop {
        let connected = socket::connect(&folder.file("control.sock"));
        if connected.is_ok() || !folder.is_locked("supervisor.lock")? || !pauses.pause() {
            return Ok(connected);
        }
    }
}

/// What a server says of itself.
pub(crate) fn server_state(path: &Path, timeout: Duration) -> io::Result<ServerState> {
    match socket::ask(path, &control::Request::State, Some(timeout))? {
        control::Response::State(state) => Ok(state),
        other => Err(io::Error::new(ErrorKind::InvalidData, format!("{other:?}"))),
    }
}

fn exchange(mut stream: UnixStream, request: &Request) -> io::Result<Response> {
    socket::send(&mut stream, request)?;
    socket::receive(&stream)
}

fn explain(folder: &Folder, log_start: u64, error: io::Error) -> DeployError {
    let doing = format!("speak to the supervisor of {}", folder.name());
    match error.kind() {
        ErrorKind::InvalidData => DeployError::new(doing, DeployErrorKind::Protocol(error.to_string())),
        _ => {
            let log = folder.log_tail("supervisor.log", log_start);
            DeployError::new(doing, DeployErrorKind::SupervisorEnded { log })
        }
    }
}

fn log_length(folder: &Folder) -> u64 {
    std::fs::metadata(folder.file("supervisor.log")).map_or(0, |metadata| metadata.len())
}

fn connect_or_start(folder: &Folder, launch: &Launch<'_>) -> Result<(UnixStream, u64), DeployError> {
    let control = folder.file("control.sock");
    let mut log_start = log_length(folder);
    let mut started: Option<Child> = None;
    let mut pauses = Pauses::within(START_TIMEOUT);
    loop {
        if let Ok(stream) = socket::connect(&control) {
            started.into_iter().for_each(reap);
            return Ok((stream, log_start));
        }
        let alive = folder.is_locked("supervisor.lock")?;
        match &mut started {
            None if !alive => (started, log_start) = start(folder, launch).map(|(child, at)| (Some(child), at))?,
            _ => {}
        }
        let ended = !alive && started.as_mut().is_some_and(has_ended);
        if ended || !pauses.pause() {
            break;
        }
    }
    Err(explain(folder, log_start, ErrorKind::UnexpectedEof.into()))
}

fn start(folder: &Folder, launch: &Launch<'_>) -> Result<(Child, u64), DeployError> {
    let (log, start) = folder.log("supervisor.log")?;
    let clone = log.try_clone().map_err(DeployError::io("open", &folder.file("supervisor.log")))?;
    let mut command = (launch.supervisor)();
    command.stdin(Stdio::null()).stdout(clone).stderr(log);
    let child = command.spawn().map_err(|error| DeployError::new("start the supervisor", error))?;
    tracing::debug!(pid = child.id(), "supervisor started");
    Ok((child, start))
}

fn has_ended(child: &mut Child) -> bool {
    !matches!(child.try_wait(), Ok(None))
}

/// The supervisor outlives the command that started it; a caller that lives longer still must not keep its remains.
fn reap(mut child: Child) {
    std::thread::spawn(move || child.wait());
}
