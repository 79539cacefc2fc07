//! What the chapters share: the program, two homes, the project, and the certainty that nothing is left behind.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::handle::Handle;
use crate::briq::Briq;

/// The deployment, the package and the template bear the same name.
pub(super) const NAME: &str = "digits";

/// Where the demo takes place.
pub(super) struct Stage {
    /// `briq` in the home of whoever trains and publishes.
    pub(super) briq: Briq,
    /// `briq` in the home of somebody else.
    pub(super) other: Briq,
    /// The folder of everything.
    pub(super) folder: PathBuf,
    /// The folder with `briq.toml`.
    pub(super) project: PathBuf,
    /// How long the load runs before and after each rollout.
    pub(super) breath: Duration,
    /// Connections of the load.
    pub(super) connections: usize,
    handle: Handle,
}

impl Stage {
    /// Makes the folders; from here on they are cleared away, however the demo ends.
    pub(super) fn set(program: &Path, seconds: f64, connections: usize) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("briq-demo-").tempdir()?.keep();
        let briq = Briq::new(program, &folder.join("home"));
        let handle = Handle::hold(&briq, NAME, &folder)?;
        Ok(Self {
            other: Briq::new(program, &folder.join("elsewhere")),
            project: folder.join(NAME),
            breath: Duration::try_from_secs_f64(seconds).context("--seconds is no length of time")?,
            connections,
            briq,
            folder,
            handle,
        })
    }

    /// The file of a packed version.
    pub(super) fn file(&self, version: &str) -> PathBuf {
        self.folder.join(format!("{NAME}-{version}.briq"))
    }

    /// Leaves everything as it is.
    pub(super) fn keep(self) -> Result<()> {
        self.handle.keep()
    }

    /// Stops the deployment and deletes the folders.
    pub(super) fn clear(self) -> Result<()> {
        self.handle.release()
    }
}

/// A path as an argument.
pub(super) fn word(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))
}
