//! What the deciding thread is told, and the threads that wait for it.

use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::protocol::{Request, Response};
use crate::socket;

/// How long a command may take to say what it wants, and to take the answer.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);

/// Something happened.
pub(super) enum Event {
    /// A command wants something.
    Call { request: Request, stream: UnixStream },
    /// A starting server is ready, or will not be.
    Ready { generation: u64, result: Result<(), String> },
    /// A server answered a request to swap.
    Swapped { generation: u64, result: Result<SwapTimes, SwapFailure> },
    /// A server's process ended.
    Ended { generation: u64, how: String },
    /// The system wants the supervisor to end.
    Signal(&'static str),
}

/// What a swap took.
pub(super) struct SwapTimes {
    pub(super) load_ms: u64,
    pub(super) golden_ms: u64,
}

/// Why a swap did not happen.
pub(super) enum SwapFailure {
    /// The server refused, and serves on.
    Refused(String),
    /// The server gave no proper answer: which package it serves now is unknown.
    Unknown(String),
}

/// Tells of SIGTERM and SIGINT.
pub(super) fn listen_to_signals(sender: Sender<Event>) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    thread::spawn(move || {
        let name = |signal| if signal == SIGINT { "SIGINT" } else { "SIGTERM" };
        signals.forever().map(name).map(Event::Signal).all(|event| sender.send(event).is_ok())
    });
    Ok(())
}

/// Tells of what commands want, each read on a thread of its own: a slow one keeps nobody waiting.
pub(super) fn listen_to_commands(listener: UnixListener, sender: Sender<Event>) {
    thread::spawn(move || {
        for stream in listener.incoming() {
            match stream {
                Ok(stream) => hear(stream, sender.clone()),
                // Out of descriptors, most likely: others must close some first.
                Err(_) => thread::sleep(Duration::from_millis(50)),
            }
        }
    });
}

fn hear(stream: UnixStream, sender: Sender<Event>) {
    thread::spawn(move || {
        let timed = stream
            .set_read_timeout(Some(COMMAND_TIMEOUT))
            .and_then(|()| stream.set_write_timeout(Some(COMMAND_TIMEOUT)));
        match timed.and_then(|()| socket::receive(&stream)) {
            Ok(request) => drop(sender.send(Event::Call { request, stream })),
            Err(error) => reply(stream, &Response::Failed { reason: format!("request not understood: {error}") }),
        }
    });
}

/// Answers; a command that is gone needs no answer.
pub(super) fn reply(mut stream: UnixStream, response: &Response) {
    if let Err(error) = socket::send(&mut stream, response) {
        tracing::debug!("a command did not take its answer: {error}");
    }
}
