//! A server process: how it is started, watched, spoken to and ended.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use briq_spec::control::{Phase, Request, Response, ServerState};
use briq_spec::deployment::Desired;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::process::{
    Pid, PidfdFlags, Signal, getpid, getppid, pidfd_open, pidfd_send_signal, set_parent_process_death_signal,
};

use super::events::{Event, SwapFailure, SwapTimes};
use super::{Options, Timing};
use crate::error::DeployError;
use crate::folder::Folder;
use crate::pause::Pauses;
use crate::{link, socket};

/// How long a server may take to answer a short question.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest reason that is taken from a log, in characters.
const MAX_REASON: usize = 1000;

/// A listening socket.
pub(super) struct Endpoint {
    /// What was asked for; the port may be 0.
    asked: SocketAddr,
    /// Where it is.
    pub(super) http: SocketAddr,
    listener: TcpListener,
}

impl Endpoint {
    pub(super) fn listen(asked: SocketAddr, patience: Duration) -> Result<Self, DeployError> {
        let listener = crate::address::listen(asked, patience)?;
        let http = listener.local_addr().map_err(|error| DeployError::new(format!("listen on {asked}"), error))?;
        Ok(Self { asked, http, listener })
    }

    pub(super) fn is_at(&self, http: SocketAddr) -> bool {
        [self.asked, self.http].contains(&http)
    }
}

/// A server process. Its exit is told as an event with its generation.
pub(super) struct Server {
    pub(super) generation: u64,
    /// What it serves, or is to serve when it is ready.
    pub(super) desired: Desired,
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) socket: PathBuf,
    pub(super) pid: u32,
    pub(super) started: Instant,
    /// Names this process for as long as it is held, unlike a number that the system may give to another.
    process: Arc<OwnedFd>,
    log_start: u64,
}

impl Server {
    pub(super) fn start(
        options: &Options,
        folder: &Folder,
        generation: u64,
        desired: Desired,
        endpoint: Arc<Endpoint>,
    ) -> io::Result<(Self, Child)> {
        let socket = folder.file(&format!("server-{generation}.sock"));
        socket::remove(&socket)?;
        let (log, log_start) = folder.log("server.log").map_err(io::Error::other)?;
        let mut command = command(options, folder, &desired, &socket);
        command.arg("--listen-fd").arg(endpoint.listener.as_raw_fd().to_string());
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
        pass_on(&mut command, endpoint.listener.as_raw_fd());
        let mut child = command.spawn()?;
        let pid = child.id();
        let process = Arc::new(name_process(&mut child)?);
        let started = Instant::now();
        Ok((Self { generation, desired, endpoint, socket, pid, started, process, log_start }, child))
    }

    /// Tells when the process has ended and when it is ready, each once.
    pub(super) fn watch(&self, mut child: Child, timing: &Timing, sender: &Sender<Event>) {
        let (generation, events) = (self.generation, sender.clone());
        thread::spawn(move || {
            let how = child.wait().map_or_else(|error| error.to_string(), describe);
            events.send(Event::Ended { generation, how })
        });
        let (process, socket, events) = (self.process.clone(), self.socket.clone(), sender.clone());
        let (expected, within) = (self.desired.clone(), timing.ready);
        thread::spawn(move || {
            let result = await_ready(&process, &socket, &expected, within);
            result.map(|result| events.send(Event::Ready { generation, result }))
        });
    }

    /// Has it swap to a revision; the answer is told as an event.
    pub(super) fn swap(&self, desired: &Desired, options: &Options, sender: &Sender<Event>) {
        let revision = &desired.revision;
        let request = Request::Swap { revision: revision.number, digest: revision.digest, home: options.home.clone() };
        let (process, path, within) = (self.process.clone(), self.socket.clone(), options.timing.ready);
        let (generation, events) = (self.generation, sender.clone());
        thread::spawn(move || {
            let answer = socket::ask(&path, &request, Some(within));
            if answer.is_err() && ends_within(&process, ANSWER_TIMEOUT) {
                // It died of the swap, which is told by who waits for that.
                return Ok(());
            }
            events.send(Event::Swapped { generation, result: swap_answer(answer) })
        });
    }

    /// Has it finish the requests under way and end; kills it when it does not. Its exit is told as any other.
    pub(super) fn drain(&self, timing: &Timing) {
        let (process, path, within) = (self.process.clone(), self.socket.clone(), timing.drain);
        thread::spawn(move || {
            let drained = socket::ask(&path, &Request::Drain, Some(ANSWER_TIMEOUT));
            if !matches!(drained, Ok(Response::Draining)) {
                signal(&process, Signal::TERM);
            }
            if !ends_within(&process, within) {
                signal(&process, Signal::KILL);
            }
        });
    }

    pub(super) fn kill(&self) {
        signal(&self.process, Signal::KILL);
    }

    /// What its log says of the reason why it ended.
    pub(super) fn last_words(&self, folder: &Folder) -> Option<String> {
        last_error(&folder.log_tail("server.log", self.log_start))
    }
}

fn command(options: &Options, folder: &Folder, desired: &Desired, socket: &Path) -> Command {
    let fits = socket.as_os_str().len() <= socket::MAX_ADDRESS_BYTES;
    let control = if fits { socket } else { socket.file_name().map_or(socket, Path::new) };
    let mut command = (options.server)();
    command.current_dir(folder.path());
    command.arg("--name").arg(options.name.as_str()).arg("--home").arg(&options.home);
    command.arg("--control").arg(control).arg("--digest").arg(desired.revision.digest.to_string());
    command.arg("--revision").arg(desired.revision.number.to_string()).arg("--backend").arg(&desired.backend);
    if let Some(policy) = &desired.policy {
        let json = serde_json::to_string(policy).expect("a policy has string keys and no failing serializer");
        command.arg("--policy").arg(json);
    }
    command
}

/// Lets the child inherit the listening socket, and die with this process.
fn pass_on(command: &mut Command, listener: RawFd) {
    let parent = getpid();
    // SAFETY: between fork and exec the closure makes three system calls and nothing else: it allocates nothing and
    // takes no lock. The descriptor is open there, since the caller's endpoint outlives the call to `spawn`.
    unsafe {
        command.pre_exec(move || {
            set_parent_process_death_signal(Some(Signal::KILL))?;
            if getppid() != Some(parent) {
                // It died before the line above; nobody would ever end this child.
                return Err(Errno::SRCH.into());
            }
            Ok(fcntl_setfd(BorrowedFd::borrow_raw(listener), FdFlags::empty())?)
        });
    }
}

/// To be called before anybody waits for the child: until then the system gives its number to no other process.
fn name_process(child: &mut Child) -> io::Result<OwnedFd> {
    pidfd_open(Pid::from_child(child), PidfdFlags::empty()).map_err(|error| {
        // It is this process's own child and was not waited for, so that both can only succeed.
        let _ = child.kill().and_then(|()| child.wait());
        error.into()
    })
}

/// Asks until it is ready; `None` when the process ends first, which is told by who waits for that.
fn await_ready(process: &OwnedFd, path: &Path, expected: &Desired, within: Duration) -> Option<Result<(), String>> {
    let mut pauses = Pauses::within(within);
    loop {
        match link::server_state(path, ANSWER_TIMEOUT) {
            Ok(state) if state.phase == Phase::Ready => return Some(serves(&state, expected)),
            _ => {}
        }
        let Some(pause) = pauses.next() else {
            return Some(Err(format!("its server was not ready within {} s", within.as_secs())));
        };
        if ends_within(process, pause) {
            return None;
        }
    }
}

fn serves(state: &ServerState, expected: &Desired) -> Result<(), String> {
    match &state.model {
        Some(model) if model.digest == expected.revision.digest => Ok(()),
        Some(model) => Err(format!("its server serves {} instead", model.digest)),
        None => Err("its server is ready without a model".to_owned()),
    }
}

fn swap_answer(answer: io::Result<Response>) -> Result<SwapTimes, SwapFailure> {
    match answer {
        Ok(Response::Swapped { load_ms, golden_ms, .. }) => Ok(SwapTimes { load_ms, golden_ms }),
        Ok(Response::Refused { reason }) => Err(SwapFailure::Refused(reason)),
        Ok(other) => Err(SwapFailure::Unknown(format!("the server gave no answer to a swap but {other:?}"))),
        Err(error) => Err(SwapFailure::Unknown(format!("the server gave no answer to a swap: {error}"))),
    }
}

fn signal(process: &OwnedFd, signal: Signal) {
    match pidfd_send_signal(process.as_fd(), signal) {
        Ok(()) | Err(Errno::SRCH) => {}
        Err(error) => tracing::warn!("a server could not be sent {signal:?}: {error}"),
    }
}

/// Whether the process ends within the time; returns as soon as it does.
fn ends_within(process: &OwnedFd, time: Duration) -> bool {
    let timeout = Timespec::try_from(time).ok();
    let mut polled = [PollFd::new(process, PollFlags::IN)];
    matches!(poll(&mut polled, timeout.as_ref()), Ok(1..))
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with status {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

/// The last paragraph that begins with `error`, or else the last line.
fn last_error(log: &str) -> Option<String> {
    let lines: Vec<_> = log.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let start = lines.iter().rposition(|line| line.starts_with("error")).unwrap_or(lines.len().checked_sub(1)?);
    let text = lines[start..].join("; ");
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    Some(text.chars().take(MAX_REASON).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_last_error_of_the_log() {
        let check = |log, reason: Option<&str>| assert_eq!(last_error(log).as_deref(), reason);
        check("", None);
        check("\n\n", None);
        check("loading\nkilled", Some("killed"));
        check("error: old\nmore\nerror: cannot load\n  caused by: no file\n", Some("cannot load; caused by: no file"));
    }
}
