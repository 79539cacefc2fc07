//! What a command says to a supervisor, and what it answers: one JSON object on each line of `control.sock`.
//!
//! One request for each connection. The answer to [`Request::Reconcile`] comes when the revision is decided, so a
//! caller waits by reading.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What a command asks of the supervisor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Request {
    /// Read the history again, bring about what it asks for, and answer when this revision is decided.
    Reconcile { revision: u64 },
    /// Say what you are doing.
    Report,
    /// Drain the server, record that the deployment is stopped, and end.
    Stop,
}

/// What the supervisor answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Response {
    /// To `Reconcile`: it serves.
    Serving { revision: u64, http: SocketAddr },
    /// To `Reconcile`: it did not pass.
    Refused { revision: u64, reason: String },
    /// To `Report`.
    Report(Report),
    /// To `Stop`: everything has ended.
    Stopped,
    /// To any request: it could not be done.
    Failed { reason: String },
}

/// What a supervisor is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Report {
    pub(crate) pid: u32,
    pub(crate) server: Option<ServerReport>,
    /// The revision that is being rolled out or brought back.
    pub(crate) under_way: Option<u64>,
    /// How often a server that was serving was lost since the supervisor started.
    pub(crate) losses: u64,
    /// What went wrong last and is not yet overcome.
    pub(crate) problem: Option<String>,
}

/// The server that serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServerReport {
    pub(crate) pid: u32,
    pub(crate) revision: u64,
    pub(crate) http: SocketAddr,
    pub(crate) socket: PathBuf,
}
