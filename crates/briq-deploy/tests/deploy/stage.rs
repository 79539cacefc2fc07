//! A home with packages, and a deployment in it that leaves no process behind.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use briq_deploy::{DeployError, Deployment, Event, Launch, Outcome, Promoted, Proposal};
use briq_spec::Blake3Digest;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tempfile::TempDir;

pub(crate) struct Stage {
    home: TempDir,
    pub(crate) deployment: Deployment,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join("packages")).unwrap();
        let deployment = Deployment::at(home.path(), "digits".parse().unwrap());
        Self { home, deployment }
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.home().join("deployments/digits")
    }

    /// A package that does what `script` says when it is loaded; see `examples/smallest/package.rs`.
    pub(crate) fn package(&self, version: &str, script: &str) -> Proposal {
        let text = format!("{script}\n{version}\n");
        let digest = Blake3Digest::from_bytes(*blake3::hash(text.as_bytes()).as_bytes());
        std::fs::write(self.home().join("packages").join(digest.to_hex()), text.trim_start()).unwrap();
        Proposal {
            package: "smallest".parse().unwrap(),
            version: version.parse().unwrap(),
            digest,
            source: format!("smallest@{version}"),
            http: "127.0.0.1:0".parse().unwrap(),
            backend: "flex".to_owned(),
            policy: None,
        }
    }

    pub(crate) fn serve(&self, version: &str) -> Proposal {
        self.package(version, "")
    }

    /// A package that stops in the middle of being loaded, and the gate at which it can be met there.
    pub(crate) fn held(&self, version: &str) -> (Proposal, Gate) {
        let gate = Gate::new(self.home().join(format!("gate-{version}")));
        (self.package(version, &format!("hold {}", gate.path.display())), gate)
    }

    pub(crate) fn deploy(&self, proposal: &Proposal) -> Result<Outcome, DeployError> {
        let supervisor = || supervisor(self.home());
        self.deployment.deploy(proposal, &Launch { supervisor: &supervisor, wait: true })
    }

    pub(crate) fn promote(&self, proposal: &Proposal) -> Promoted {
        promoted(self.deploy(proposal).unwrap())
    }

    pub(crate) fn rollback(&self, to: Option<u64>) -> Result<Outcome, DeployError> {
        let supervisor = || supervisor(self.home());
        self.deployment.rollback(to, &Launch { supervisor: &supervisor, wait: true })
    }

    pub(crate) fn supervisor_pid(&self) -> u32 {
        let history = self.deployment.history().unwrap();
        let started = |event: &Event| if let Event::SupervisorStarted { pid } = event { Some(*pid) } else { None };
        history.records().iter().rev().find_map(|record| started(&record.event)).unwrap()
    }

    pub(crate) fn server_pid(&self) -> u32 {
        self.deployment.status().unwrap().server.unwrap().pid
    }

    /// Kills the supervisor and waits until it is gone; a command may start the next one meanwhile.
    pub(crate) fn kill_supervisor(&self) {
        kill(self.supervisor_pid());
    }

    pub(crate) fn events(&self) -> Vec<String> {
        self.deployment.history().unwrap().records().iter().map(|record| brief(&record.event)).collect()
    }

    fn is_supervised(&self) -> bool {
        std::fs::File::open(self.folder().join("supervisor.lock")).is_ok_and(|lock| lock.try_lock_shared().is_err())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = self.deployment.stop(true);
        if self.is_supervised() {
            self.kill_supervisor();
        }
    }
}

/// What happened, without processes, times and reasons.
pub(crate) fn brief(event: &Event) -> String {
    match event {
        Event::Proposed { desired, .. } => format!("proposed {}", desired.revision.number),
        Event::ServerReady { revision, .. } => format!("ready {revision}"),
        Event::ServerLost { revision, .. } => format!("lost {revision}"),
        Event::Promoted { revision, .. } => format!("promoted {revision}"),
        Event::Refused { revision, .. } => format!("refused {revision}"),
        Event::SupervisorStarted { .. } => "supervised".to_owned(),
        Event::SupervisorEnded { .. } => "unsupervised".to_owned(),
        Event::Stopped {} => "stopped".to_owned(),
        other => format!("{other:?}"),
    }
}

pub(crate) fn promoted(outcome: Outcome) -> Promoted {
    match outcome {
        Outcome::Promoted(promoted) => promoted,
        other => panic!("not promoted but {other:?}"),
    }
}

pub(crate) fn reason(outcome: Outcome) -> String {
    match outcome {
        Outcome::Refused { reason, .. } => reason,
        other => panic!("not refused but {other:?}"),
    }
}

pub(crate) fn supervisor(home: &Path) -> Command {
    let program = std::env::current_exe().unwrap().with_file_name("../examples/smallest");
    assert!(program.exists(), "`cargo test -p briq-deploy` without `--test` builds the example that the tests run");
    let mut command = Command::new(program);
    command.arg("supervise").arg(home).arg("digits");
    command
}

/// Kills a process that this test started, directly or not, and waits until it is gone.
pub(crate) fn kill(pid: u32) {
    end(pid, Signal::KILL);
}

/// Sends a signal to a process that this test started, and waits until it is gone.
pub(crate) fn end(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    let process = pidfd_open(pid, PidfdFlags::empty()).unwrap();
    pidfd_send_signal(&process, signal).unwrap();
    poll(&mut [PollFd::new(&process, PollFlags::IN)], None).unwrap();
}

/// The body of the answer to a request: version and process.
pub(crate) fn get(http: SocketAddr) -> std::io::Result<(String, u32)> {
    let mut stream = TcpStream::connect(http)?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let body = answer.split_once("\r\n\r\n").ok_or(std::io::ErrorKind::UnexpectedEof)?.1;
    let (version, pid) = body.split_once(' ').unwrap();
    Ok((version.to_owned(), pid.parse().unwrap()))
}

pub(crate) fn version_at(http: SocketAddr) -> String {
    get(http).unwrap().0
}

/// Where a package that is being loaded waits.
pub(crate) struct Gate {
    path: PathBuf,
    listener: UnixListener,
}

impl Gate {
    fn new(path: PathBuf) -> Self {
        let listener = UnixListener::bind(&path).unwrap();
        Self { path, listener }
    }

    /// Waits until a server stands at the gate; it goes on when the returned value is dropped.
    pub(crate) fn wait(&self) -> UnixStream {
        self.listener.accept().unwrap().0
    }

    /// Lets everybody through from here on. What connects now finds no listener's answer but a closed end.
    pub(crate) fn open(self) {
        std::thread::spawn(move || self.listener.incoming().for_each(drop));
    }
}
