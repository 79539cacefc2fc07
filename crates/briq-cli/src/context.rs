//! What every verb needs: where state lives and how to speak.

use std::future::Future;
use std::path::PathBuf;

use anyhow::Context as _;
use briq_model::Backend;
use briq_store::{Home, Store};

use crate::arguments::Arguments;
use crate::output::Output;

/// The surroundings of a command.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) home: Home,
    pub(crate) output: Output,
    /// What computes, which chooses among the variants of a version.
    pub(crate) backend: Backend,
}

impl Context {
    pub(crate) fn new(arguments: &Arguments) -> anyhow::Result<Self> {
        let home = match &arguments.home {
            Some(path) => Home::new(std::path::absolute(path).context("cannot find the home directory")?),
            None => Home::from_env()?,
        };
        Ok(Self { home, output: Output::new(arguments.json), backend: Backend::Auto })
    }

    /// The same for a command that computes with a backend.
    pub(crate) fn on(&self, backend: Backend) -> Self {
        Self { backend, ..self.clone() }
    }

    /// The local store, made when it is first needed.
    pub(crate) fn store(&self) -> anyhow::Result<Store> {
        Ok(Store::open(self.home.store())?)
    }

    pub(crate) fn home_path(&self) -> PathBuf {
        self.home.path().to_owned()
    }

    /// Runs asynchronous work to its end.
    pub(crate) fn wait<T>(&self, work: impl Future<Output = T>) -> anyhow::Result<T> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        Ok(runtime.context("cannot start the runtime")?.block_on(work))
    }
}
