//! What a supervisor and its server say to each other: one JSON object on each line of a Unix socket.
//!
//! The supervisor asks, the server answers each [`Request`] with exactly one [`Response`], in order.

use std::net::SocketAddr;
use std::path::PathBuf;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::digest::Blake3Digest;
use crate::name::PackageName;

/// What the supervisor asks of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Say what you are doing.
    State,
    /// Load a package from the store, prove it on this host, and serve it in place of the present one.
    Swap {
        /// The revision it becomes.
        revision: u64,
        /// The package in the store.
        digest: Blake3Digest,
        /// The Briq home whose store holds it.
        home: PathBuf,
    },
    /// Accept no further request, finish those under way, and exit.
    Drain,
}

/// What the server answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Response {
    /// To [`Request::State`].
    State(ServerState),
    /// To [`Request::Swap`]: the new revision serves.
    Swapped {
        /// The revision that serves now.
        revision: u64,
        /// Milliseconds to load and warm it.
        load_ms: u64,
        /// Milliseconds to replay its golden examples.
        golden_ms: u64,
    },
    /// To any request: it was not done, and what served before goes on serving.
    Refused {
        /// Why, for a person.
        reason: String,
    },
    /// To [`Request::Drain`]: begun.
    Draining,
}

/// What a server is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerState {
    /// The stage of its life.
    pub phase: Phase,
    /// The model that serves; `None` until the first one is loaded.
    pub model: Option<Loaded>,
    /// Its process.
    pub pid: u32,
    /// Where it listens for HTTP.
    pub http: Option<SocketAddr>,
    /// Inference requests answered since it started, failures included.
    pub requests: u64,
    /// Inference requests that failed since it started.
    pub failures: u64,
}

/// The stage of a server's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The first model is being loaded and proven.
    Starting,
    /// It answers inference requests.
    Ready,
    /// It finishes the requests under way and exits.
    Draining,
}

/// A model that serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loaded {
    /// The package.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
    /// Its identity.
    pub digest: Blake3Digest,
    /// The revision of the deployment that it is.
    pub revision: u64,
}
