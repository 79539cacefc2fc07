//! The models that serve, each behind one atomic pointer.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use briq_engine::LoadedModel;

use crate::metrics::Counters;
use crate::pool::Pool;
use crate::swap::{Proof, Proven};

/// The models by name. Which names there are is settled when the server starts; versions change.
pub(crate) type Repository = BTreeMap<String, Slot>;

/// How many versions' counters are kept for the metrics after they stopped serving.
const KEPT_COUNTERS: usize = 16;

/// The place of one model: the version that serves, and what outlives it.
pub(crate) struct Slot {
    current: ArcSwap<Serving>,
    counters: Mutex<Vec<VersionCounters>>,
    pub(crate) pool: Pool,
}

/// A version that serves; freed after the last request that holds it.
pub(crate) struct Serving {
    pub(crate) model: LoadedModel,
    pub(crate) revision: u64,
    pub(crate) proof: Proof,
    pub(crate) counters: Arc<Counters>,
}

/// The counters of one version, present or past.
#[derive(Clone)]
pub(crate) struct VersionCounters {
    pub(crate) version: String,
    pub(crate) counters: Arc<Counters>,
}

impl Slot {
    pub(crate) fn new(proven: Proven, threads: usize, queue: usize) -> io::Result<Self> {
        let pool = Pool::start("briq-infer", threads, queue)?;
        let counters = Arc::default();
        let first = VersionCounters { version: proven.model.version.clone(), counters };
        let serving = Serving::new(proven, Arc::clone(&first.counters));
        let counters = Mutex::new(vec![first]);
        Ok(Self { current: ArcSwap::from_pointee(serving), counters, pool })
    }

    /// The version that serves now.
    pub(crate) fn serving(&self) -> Arc<Serving> {
        self.current.load_full()
    }

    /// Puts another version in place and returns the one before, which requests may still hold.
    pub(crate) fn replace(&self, proven: Proven) -> Arc<Serving> {
        let counters = self.counters_of(&proven.model.version);
        self.current.swap(Arc::new(Serving::new(proven, counters)))
    }

    /// The counters of every version that served, oldest first.
    pub(crate) fn all_counters(&self) -> Vec<VersionCounters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A version that comes back goes on counting where it was: a counter never falls.
    fn counters_of(&self, version: &str) -> Arc<Counters> {
        let mut all = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.iter().position(|known| known.version == version);
        let known = known.map(|index| all.remove(index));
        let found = known.unwrap_or_else(|| VersionCounters { version: version.to_owned(), counters: Arc::default() });
        let counters = Arc::clone(&found.counters);
        all.push(found);
        let surplus = all.len().saturating_sub(KEPT_COUNTERS);
        all.drain(..surplus);
        counters
    }
}

impl Serving {
    fn new(proven: Proven, counters: Arc<Counters>) -> Self {
        let Proven { model, revision, proof } = proven;
        Self { model, revision, proof, counters }
    }
}
