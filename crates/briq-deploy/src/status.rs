//! What a deployment is doing at this moment.

use std::fmt;
use std::net::SocketAddr;

use briq_spec::control::ServerState;
use briq_spec::deployment::{DeploymentName, Desired};
use serde::Serialize;

use crate::plan::Named;
use crate::timestamp::Timestamp;

/// What a deployment is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The deployment.
    pub name: DeploymentName,
    /// The state in one word.
    pub health: Health,
    /// What is to serve; `None` when the deployment was stopped, or its first revision refused.
    pub desired: Option<Desired>,
    /// What was promoted last.
    pub current: Option<Desired>,
    /// The supervisor's process, when one runs.
    pub supervisor: Option<u32>,
    /// The server that serves, when there is one.
    pub server: Option<ServerStatus>,
    /// The revision that is being rolled out or brought back.
    pub under_way: Option<u64>,
    /// How often a server that was serving was lost since the supervisor started.
    pub losses: u64,
    /// What went wrong last and is not yet overcome.
    pub problem: Option<String>,
}

/// The state of a deployment in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "since")]
#[non_exhaustive]
pub enum Health {
    /// What is desired serves.
    Serving,
    /// Something serves, and a newer revision is proposed.
    Updating,
    /// Nothing serves yet, or again; the supervisor is at it.
    Starting,
    /// The supervisor was killed and its server with it: deploy again to go on.
    Dead,
    /// The supervisor ended in good order, such as at a shutdown, to go on where it was.
    Down(Timestamp),
    /// Nothing is to run: it was stopped, or its first revision was refused.
    Stopped,
}

/// A server that serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServerStatus {
    /// Its process.
    pub pid: u32,
    /// The revision that it serves.
    pub revision: u64,
    /// Where it listens.
    pub http: SocketAddr,
    /// What it says of itself; `None` when it does not answer.
    pub state: Option<ServerState>,
}

impl Status {
    /// Advice for a person, where there is some.
    pub fn hint(&self) -> Option<String> {
        match self.health {
            Health::Dead | Health::Down(_) => {
                Some("deploy it again: the same revision goes on where it was".to_owned())
            }
            _ => None,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.name, self.health)?;
        if let Some(current) = &self.current {
            writeln!(f, "  current   {}", Named(&current.revision))?;
        }
        if let Some(desired) = self.desired.as_ref().filter(|desired| Some(*desired) != self.current.as_ref()) {
            writeln!(f, "  desired   {}", Named(&desired.revision))?;
        }
        if let Some(server) = &self.server {
            writeln!(f, "  server    http://{} (process {})", server.http, server.pid)?;
        }
        if let Some(state) = self.server.as_ref().and_then(|server| server.state.as_ref()) {
            writeln!(f, "  requests  {}, {} failed", state.requests, state.failures)?;
        }
        if let Some(problem) = &self.problem {
            writeln!(f, "  problem   {problem}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serving => f.write_str("serving"),
            Self::Updating => f.write_str("serving, with an update under way"),
            Self::Starting => f.write_str("starting"),
            Self::Dead => f.write_str("dead: its supervisor was killed"),
            Self::Down(since) => write!(f, "down since {since}"),
            Self::Stopped => f.write_str("stopped"),
        }
    }
}
