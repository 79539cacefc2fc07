//! A model in memory, and what brings it there.

use std::fmt;

use crate::{Engine, EngineError, GoldenExample, Tolerance};

/// An engine with the identity of the model that it computes.
pub struct LoadedModel {
    /// The model's name, such as `digits`.
    pub name: String,
    /// Its version, such as `1.2.0`.
    pub version: String,
    /// The digest of the package that it came from, such as `blake3:…`.
    pub digest: String,
    /// The network itself.
    pub engine: Box<dyn Engine>,
    /// Names of the classes, where the model is a classifier and its package names them.
    pub labels: Option<Vec<String>>,
    /// Examples by which the engine proves itself before it serves.
    pub golden: Vec<GoldenExample>,
    /// How far the engine may be from the golden outputs.
    pub tolerance: Tolerance,
}

impl fmt::Debug for LoadedModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadedModel")
            .field("name", &self.name)
            .field("version", &self.version)
            .field("digest", &self.digest)
            .field("backend", &self.engine.backend())
            .field("golden", &self.golden.len())
            .finish_non_exhaustive()
    }
}

/// What turns a locator into a model in memory.
///
/// The locator is between the caller and the loader: for a loader over a store it is `blake3:HEX`, for one over the
/// file system a path.
pub trait Loader: Send + Sync {
    /// Loads the model; may take long, and is called on a thread where that disturbs nobody.
    ///
    /// # Errors
    /// [`EngineError::is_not_found`] when there is none; any other kind when it cannot be loaded here.
    fn load(&self, locator: &str) -> Result<LoadedModel, EngineError>;
}

impl<F> Loader for F
where
    F: Fn(&str) -> Result<LoadedModel, EngineError> + Send + Sync,
{
    fn load(&self, locator: &str) -> Result<LoadedModel, EngineError> {
        self(locator)
    }
}
