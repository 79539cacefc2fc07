//! Where all of Briq's state lives.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::NoHome;

/// The directory that holds all state of one user: the store, deployments, caches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home(PathBuf);

impl Home {
    /// Uses this directory.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// `$BRIQ_HOME`, else `$XDG_DATA_HOME/briq`, else `~/.local/share/briq` (XDG Base Directory Specification).
    ///
    /// # Errors
    /// None of the variables is set to a usable path.
    pub fn from_env() -> Result<Self, NoHome> {
        Self::from_variables(|name| std::env::var_os(name))
    }

    /// As [`Home::from_env`], with the environment given: `BRIQ_HOME` may be relative to the current
    /// directory; the XDG specification says that a relative `XDG_DATA_HOME` is to be ignored.
    ///
    /// # Errors
    /// None of the variables is set to a usable path.
    pub fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, NoHome> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        if let Some(path) = set("BRIQ_HOME") {
            return std::path::absolute(&path).map(Self).map_err(|_| NoHome { given: Some(path) });
        }
        if let Some(path) = set("XDG_DATA_HOME").filter(|path| path.is_absolute()) {
            return Ok(Self(path.join("briq")));
        }
        match set("HOME") {
            Some(path) if path.is_absolute() => Ok(Self(path.join(".local/share/briq"))),
            given => Err(NoHome { given }),
        }
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The directory of the store.
    pub fn store(&self) -> PathBuf {
        self.0.join("store")
    }

    /// The directory of the deployments.
    pub fn deployments(&self) -> PathBuf {
        self.0.join("deployments")
    }

    /// The directory of what may be deleted at any time, but is dear to make again.
    pub fn cache(&self) -> PathBuf {
        self.0.join("cache")
    }

    /// The directory of the packed weights that servers share, in the cache.
    pub fn weights(&self) -> PathBuf {
        self.cache().join("weights")
    }

    /// The directory of what GPUs measured of their kernels, in the cache.
    pub fn tuning(&self) -> PathBuf {
        self.cache().join("tuning")
    }
}
