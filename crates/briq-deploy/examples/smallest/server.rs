//! A server as a supervisor expects it: inherits its listener, proves its package, swaps, drains.

use std::collections::HashMap;
use std::error::Error;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{BorrowedFd, RawFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use briq_spec::Blake3Digest;
use briq_spec::control::{Loaded, Phase, Request, Response, ServerState};
use briq_spec::semver::Version;
use rustix::event::{PollFd, PollFlags, poll};

use crate::package::load;

type Failure = Box<dyn Error>;

/// What every thread sees of the server.
struct Shared {
    state: Mutex<ServerState>,
    /// Closed to tell the serving thread to drain.
    running: Mutex<Option<UnixStream>>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, ServerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, version: Version, digest: Blake3Digest, revision: u64) -> Result<(), Failure> {
        let mut state = self.state();
        state.model = Some(Loaded { name: "smallest".parse()?, version, digest, revision });
        state.phase = Phase::Ready;
        Ok(())
    }

    fn drain(&self) {
        self.state().phase = Phase::Draining;
        drop(self.running.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

pub(crate) fn serve(words: &[&str]) -> Result<(), Failure> {
    let arguments: HashMap<&str, &str> = words.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
    let argument = |name: &str| arguments.get(name).copied().ok_or_else(|| format!("{name} is missing"));
    let listener = inherit(argument("--listen-fd")?.parse()?)?;
    let (home, digest) = (PathBuf::from(argument("--home")?), argument("--digest")?.parse()?);
    let control = UnixListener::bind(argument("--control")?)?;
    let (running, draining) = UnixStream::pair()?;
    let shared = Arc::new(Shared {
        state: Mutex::new(ServerState {
            phase: Phase::Starting,
            model: None,
            pid: std::process::id(),
            http: Some(listener.local_addr()?),
            requests: 0,
            failures: 0,
        }),
        running: Mutex::new(Some(running)),
    });
    let obeying = shared.clone();
    thread::spawn(move || control.incoming().flatten().for_each(|stream| obey(&obeying, stream)));
    match load(&home, &digest) {
        Ok(version) => shared.put(version, digest, argument("--revision")?.parse()?)?,
        Err(reason) => {
            eprintln!("error: {reason}");
            std::process::exit(1);
        }
    }
    answer_all(&listener, &draining, &shared)
}

fn inherit(fd: RawFd) -> Result<TcpListener, Failure> {
    // SAFETY: only borrowed to be duplicated; the parent left it open for this process, and nothing here closes it.
    let inherited = unsafe { BorrowedFd::borrow_raw(fd) };
    let listener = TcpListener::from(inherited.try_clone_to_owned()?);
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn obey(shared: &Arc<Shared>, stream: UnixStream) {
    let shared = shared.clone();
    thread::spawn(move || {
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line).ok()?;
        let request: Request = serde_json::from_str(&line).ok()?;
        let drain = request == Request::Drain;
        let mut answer = serde_json::to_vec(&answer(&shared, request)).ok()?;
        answer.push(b'\n');
        (&stream).write_all(&answer).ok()?;
        drain.then(|| shared.drain())
    });
}

fn answer(shared: &Shared, request: Request) -> Response {
    match request {
        Request::State => Response::State(shared.state().clone()),
        Request::Drain => Response::Draining,
        Request::Swap { revision, digest, home } => match load(&home, &digest) {
            Ok(version) => match shared.put(version, digest, revision) {
                Ok(()) => Response::Swapped { revision, load_ms: 1, golden_ms: 2 },
                Err(error) => Response::Refused { reason: error.to_string() },
            },
            Err(reason) => Response::Refused { reason },
        },
    }
}

/// Answers connections, one after the other, until it is told to drain.
fn answer_all(listener: &TcpListener, draining: &UnixStream, shared: &Shared) -> Result<(), Failure> {
    loop {
        let mut sources = [PollFd::new(listener, PollFlags::IN), PollFd::new(draining, PollFlags::IN)];
        poll(&mut sources, None)?;
        if !sources[1].revents().is_empty() {
            return Ok(());
        }
        match listener.accept() {
            Ok((stream, _)) => drop(answer_one(stream, shared)),
            // Another server on the same socket was quicker.
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn answer_one(stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    stream.set_nonblocking(false)?;
    let mut head = BufReader::new(&stream).take(8192).lines();
    while head.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let version = {
        let mut state = shared.state();
        state.requests += 1;
        state.model.as_ref().map_or_else(String::new, |model| model.version.to_string())
    };
    let body = format!("{version} {}", std::process::id());
    let length = body.len();
    write!(&stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}
