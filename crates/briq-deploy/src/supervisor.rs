//! The supervisor: skeleton.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use briq_spec::deployment::DeploymentName;

use crate::error::{DeployError, DeployErrorKind};

/// What a supervisor is to look after, and how.
pub struct Options {
    /// The Briq home that holds the deployment's folder and the store.
    pub home: PathBuf,
    /// The deployment.
    pub name: DeploymentName,
    /// The beginning of a server's command line.
    pub server: Box<dyn Fn() -> Command>,
    /// How long things may take.
    pub timing: Timing,
}

/// How long things may take.
#[derive(Debug, Clone)]
pub struct Timing {
    /// Until a server has loaded and proved its package.
    pub ready: Duration,
    /// Until a draining server has ended; then it is killed.
    pub drain: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            ready: Duration::from_secs(600),
            drain: Duration::from_secs(40),
        }
    }
}

/// Runs the supervisor.
pub fn run(options: Options) -> Result<(), DeployError> {
    Err(DeployError::new(
        format!("supervise {}", options.name),
        DeployErrorKind::NotFound,
    ))
}
