//! The supervisor: holds the listening socket, keeps a server alive on it, and carries out what the history asks for.
//!
//! One thread decides; the others only wait for something (a connection, an exit, an answer, a signal) and tell it.
//! What it is to do is not kept in memory but planned anew after every event, from the history and from what it
//! sees, so that a supervisor that was killed and started again does the same as one that lived on.
//!
//! # The server's command line
//! [`Options::server`] begins it; the supervisor adds
//!
//! ```text
//! --name NAME --home HOME --listen-fd N --control PATH --digest blake3:HEX --revision N --backend BACKEND
//! [--policy JSON]
//! ```
//!
//! The server inherits the listening TCP socket as descriptor N (above 2), is the leader of a process group of its
//! own, and is killed by the system when the supervisor dies. Its working directory is the deployment's folder
//! (`PATH` is relative to it where it would be too long for a socket address); its output goes to `server.log`. It is
//! to
//! - refuse, now and at every swap, a package that does not meet the policy ([`briq_spec::Policy`] as JSON);
//! - open the control socket at `PATH` and speak [`briq_spec::control`] there, in the phase `starting` while it loads
//!   and proves the package;
//! - accept no connection before it is `ready`: meanwhile they wait in the socket's backlog;
//! - exit with a failure, and a last line on stderr that begins with `error`, when the package cannot be loaded or its
//!   golden examples fail; that text is the reason of the refusal;
//! - exit when it is told to drain, or gets SIGTERM, after the requests under way are answered.

mod backoff;
mod ending;
mod events;
mod rollout;
mod server;
mod waiting;

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use briq_spec::deployment::DeploymentName;

use crate::error::{DeployError, DeployErrorKind};
use crate::folder::Folder;
use crate::history::Event as Recorded;
use crate::ledger::Ledger;
use crate::pause::Pauses;
use crate::socket;

use self::backoff::Backoff;
use self::ending::Ending;
use self::events::Event;
use self::rollout::Operation;
use self::server::{Endpoint, Server};
use self::waiting::Waiter;

/// Whoever asks whether a supervisor runs holds its lock for a moment; this outlasts them.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);

/// What a supervisor is to look after, and how.
pub struct Options {
    /// The Briq home that holds the deployment's folder and the store.
    pub home: PathBuf,
    /// The deployment.
    pub name: DeploymentName,
    /// The beginning of a server's command line; see [the module](self).
    pub server: Box<dyn Fn() -> Command>,
    /// How long things may take.
    pub timing: Timing,
}

/// How long things may take.
#[derive(Debug, Clone)]
pub struct Timing {
    /// Until a server has loaded and proved a package; ten minutes by default.
    pub ready: Duration,
    /// Until a draining server has ended; then it is killed. 40 seconds by default, longer than a server's own
    /// patience with the requests under way.
    pub drain: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self { ready: Duration::from_secs(600), drain: Duration::from_secs(40) }
    }
}

/// Supervises a deployment until it is stopped, or until SIGTERM or SIGINT; makes itself the leader of a session
/// first, so that it outlives the terminal.
///
/// Must be called on a thread that lives as long as the process (the system ends a server when the *thread* that
/// started it dies, prctl(2), `PR_SET_PDEATHSIG`), and only in a process that ends when it returns.
///
/// # Errors
/// [`DeployError::is_busy`] when a supervisor already runs for the deployment; [`DeployError::is_not_found`] when there
/// is none of this name; [`DeployError::is_tampered`] when its history cannot be trusted; otherwise what the system
/// says. A revision that fails is recorded, and is no error.
pub fn run(options: Options) -> Result<(), DeployError> {
    // Fails only for the leader of a group, such as a service or a job of a shell: they are apart already.
    let _ = rustix::process::setsid();
    let home = std::path::absolute(&options.home).map_err(DeployError::io("find", &options.home))?;
    let folder = Folder::new(&home, options.name.clone());
    let ledger = Ledger::of(&folder.existing_history()?);
    let lock = take_lock(&folder)?;
    if ledger.desired().is_none() {
        tracing::info!("{} is stopped: nothing to supervise", options.name);
        return Ok(());
    }
    let ledger = folder.record(Recorded::SupervisorStarted { pid: std::process::id() })?;
    Supervisor::new(Options { home, ..options }, folder, lock, ledger)?.supervise()
}

fn take_lock(folder: &Folder) -> Result<File, DeployError> {
    let mut pauses = Pauses::within(LOCK_PATIENCE);
    loop {
        if let Some(lock) = folder.lock("supervisor.lock", false)? {
            return Ok(lock);
        }
        if !pauses.pause() {
            let doing = format!("supervise {}", folder.name());
            return Err(DeployError::new(doing, DeployErrorKind::AlreadySupervised));
        }
    }
}

/// Everything the deciding thread knows.
struct Supervisor {
    options: Options,
    folder: Folder,
    lock: File,
    ledger: Ledger,
    events: Receiver<Event>,
    sender: Sender<Event>,
    /// The socket that the serving server listens on; kept while there is none.
    endpoint: Option<Arc<Endpoint>>,
    serving: Option<Server>,
    /// The one thing under way; events complete it.
    operation: Option<Operation>,
    retiring: Vec<Server>,
    generation: u64,
    waiters: Vec<Waiter>,
    backoff: Backoff,
    /// Nothing is begun before this moment.
    retry_at: Option<Instant>,
    /// What served last could not be brought back: a newer revision is then tried without it.
    restore_failed: bool,
    losses: u64,
    problem: Option<String>,
    ending: Option<Ending>,
}

impl Supervisor {
    fn new(options: Options, folder: Folder, lock: File, ledger: Ledger) -> Result<Self, DeployError> {
        let (sender, events) = channel();
        events::listen_to_signals(sender.clone()).map_err(|error| DeployError::new("listen to signals", error))?;
        let control = folder.file("control.sock");
        let listener = socket::bind(&control).map_err(DeployError::io("listen on", &control))?;
        events::listen_to_commands(listener, sender.clone());
        Ok(Self {
            options,
            folder,
            lock,
            ledger,
            events,
            sender,
            endpoint: None,
            serving: None,
            operation: None,
            retiring: Vec::new(),
            generation: 0,
            waiters: Vec::new(),
            backoff: Backoff::default(),
            retry_at: None,
            restore_failed: false,
            losses: 0,
            problem: None,
            ending: None,
        })
    }

    fn supervise(mut self) -> Result<(), DeployError> {
        loop {
            self.settle();
            self.answer_waiters();
            if self.has_ended() {
                return self.finish();
            }
            if let Some(event) = self.next_event() {
                self.handle(event);
            }
        }
    }

    /// The next event; `None` when it is time to try again.
    fn next_event(&mut self) -> Option<Event> {
        let received = match self.retry_at {
            Some(moment) => self.events.recv_timeout(moment.saturating_duration_since(Instant::now())),
            None => self.events.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        if received.is_err() {
            self.retry_at = None;
        }
        received.ok()
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Call { request, stream } => self.handle_call(request, stream),
            Event::Ready { generation, result } => self.handle_ready(generation, result),
            Event::Swapped { generation, result } => self.handle_swapped(generation, result),
            Event::Ended { generation, how } => self.handle_ended(generation, &how),
            Event::Signal(signal) => self.handle_signal(signal),
        }
    }

    /// Writes to the history; `false`, with the problem noted, when that is impossible.
    fn record(&mut self, event: Recorded) -> bool {
        match self.folder.record(event) {
            Ok(ledger) => self.ledger = ledger,
            Err(error) => {
                self.note_problem(with_causes(&error));
                return false;
            }
        }
        true
    }

    fn note_problem(&mut self, problem: String) {
        tracing::warn!("{problem}");
        self.problem = Some(problem);
    }
}

/// The message of an error and those of its causes.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
