//! What a server can be told, each with a default that is right for one small model.

use std::path::{Path, PathBuf};
use std::thread::available_parallelism;
use std::time::Duration;

use briq_spec::digest::Blake3Digest;

/// How a server behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// The models to serve, each in a pool of its own.
    pub models: Vec<Source>,
    /// Where to open the control socket by which a supervisor swaps and drains; none by default.
    pub control: Option<PathBuf>,
    /// What the loader is asked for when a supervisor names a package and the home that holds it; the digest's text
    /// (`blake3:…`) by default.
    pub locate: fn(&Blake3Digest, &Path) -> String,
    /// Threads that compute, for each model; the number of processors by default.
    pub threads: usize,
    /// Requests that may wait for a thread, for each model, before further ones get 503; 1024 by default.
    pub queue: usize,
    /// The largest request body in bytes, beyond which the answer is 413; 64 MiB by default.
    pub max_body: usize,
    /// How long a request may take in all before its client gets 504; one minute by default.
    pub deadline: Duration,
    /// How long a drain waits for the requests under way; 30 seconds by default.
    pub drain_timeout: Duration,
}

/// A model to serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What the loader is asked for.
    pub locator: String,
    /// The revision of the deployment that it is; 0 where there is none.
    pub revision: u64,
}

impl Source {
    /// A model that belongs to no deployment.
    pub fn new(locator: impl Into<String>) -> Self {
        Self { locator: locator.into(), revision: 0 }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            models: Vec::new(),
            control: None,
            locate: |digest, _| digest.to_string(),
            threads: available_parallelism().map_or(1, usize::from),
            queue: 1024,
            max_body: 64 << 20,
            deadline: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(30),
        }
    }
}
