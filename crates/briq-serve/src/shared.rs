//! What the server's parts share, and the operations on it: start, swap, drain.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use briq_engine::Loader;
use briq_spec::control::Phase;
use serde::Serialize;
use tokio::sync::{oneshot, watch};

use crate::error::{ServeError, ServeErrorKind};
use crate::options::{Options, Source};
use crate::refusal::chain;
use crate::repository::{Repository, Slot};
use crate::swap::{Proven, SwapError, Swapped, bring_up};

/// How many past events the human page shows.
const KEPT_EVENTS: usize = 32;

/// The state of one server.
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) address: SocketAddr,
    pub(crate) started: Instant,
    loader: Box<dyn Loader>,
    repository: OnceLock<Repository>,
    phase: watch::Sender<Phase>,
    events: Mutex<VecDeque<Event>>,
    accepted: AtomicU64,
    refused: AtomicU64,
    swapping: Mutex<()>,
}

/// Something that happened to a model.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Event {
    /// Milliseconds since 1970.
    pub(crate) time_ms: u64,
    pub(crate) model: String,
    pub(crate) accepted: bool,
    pub(crate) text: String,
}

impl Shared {
    pub(crate) fn new(options: Options, address: SocketAddr, loader: Box<dyn Loader>) -> Self {
        Self {
            options,
            address,
            started: Instant::now(),
            loader,
            repository: OnceLock::new(),
            phase: watch::Sender::new(Phase::Starting),
            events: Mutex::default(),
            accepted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            swapping: Mutex::default(),
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// The models, once they are up.
    pub(crate) fn repository(&self) -> Option<&Repository> {
        self.repository.get()
    }

    /// Waits until the models are up; they stay up while the server drains.
    pub(crate) async fn wait_for_repository(&self) -> Option<&Repository> {
        let mut phase = self.phase.subscribe();
        let past_start = phase.wait_for(|phase| *phase != Phase::Starting).await;
        past_start.ok().and_then(|_| self.repository())
    }

    pub(crate) async fn wait_for_drain(&self) {
        let mut phase = self.phase.subscribe();
        // Fails only when the sender is gone, and `self` holds it.
        let _ = phase.wait_for(|phase| *phase == Phase::Draining).await;
    }

    /// Brings up every model of the options and opens the repository.
    pub(crate) fn start(&self) -> Result<(), ServeError> {
        let mut repository = Repository::new();
        for source in &self.options.models {
            self.start_one(source, &mut repository)?;
        }
        // Set once: `start` is called once, by the server that owns this.
        let _ = self.repository.set(repository);
        self.phase.send_if_modified(|phase| {
            let starting = *phase == Phase::Starting;
            *phase = if starting { Phase::Ready } else { *phase };
            starting
        });
        Ok(())
    }

    fn start_one(&self, source: &Source, repository: &mut Repository) -> Result<(), ServeError> {
        let refuse = |kind| ServeError::model(&source.locator, kind);
        let proven = bring_up(self.loader.as_ref(), source);
        let proven = proven.map_err(|error| refuse(ServeErrorKind::Model(error)))?;
        let (name, version) = (proven.model.name.clone(), proven.model.version.clone());
        if repository.contains_key(&name) {
            return Err(refuse(ServeErrorKind::NameTaken));
        }
        let slot = Slot::new(proven, self.options.threads, self.options.queue);
        repository.insert(name.clone(), slot.map_err(|error| refuse(ServeErrorKind::Io(error)))?);
        self.record(&name, true, format!("{version} serves"));
        Ok(())
    }

    /// From now on the server only finishes what is under way.
    pub(crate) fn drain(&self) {
        self.phase.send_replace(Phase::Draining);
    }

    /// Brings up another version on a thread of its own, then puts it in place.
    pub(crate) async fn swap(self: Arc<Self>, source: Source) -> Result<Swapped, SwapError> {
        let (sender, receiver) = oneshot::channel();
        let work = move || {
            // The caller may have left; the swap is carried out all the same.
            let _ = sender.send(self.swap_here(&source));
        };
        let thread = thread::Builder::new().name("briq-load".to_owned()).spawn(work);
        thread.map_err(SwapError::Thread)?;
        receiver.await.map_err(|_| SwapError::Panicked("the loading thread ended".to_owned()))?
    }

    fn swap_here(&self, source: &Source) -> Result<Swapped, SwapError> {
        // One at a time: two versions in memory, never three.
        let _turn = self.swapping.lock().unwrap_or_else(PoisonError::into_inner);
        let result = self.try_swap(source);
        match &result {
            Ok(swapped) => {
                let text = format!("{} serves in place of {}", swapped.version, swapped.previous);
                self.accepted.fetch_add(1, Relaxed);
                self.record(&swapped.name, true, text);
            }
            Err(error) => {
                self.refused.fetch_add(1, Relaxed);
                self.record(&source.locator, false, chain(error));
            }
        }
        result
    }

    fn try_swap(&self, source: &Source) -> Result<Swapped, SwapError> {
        let repository = self.repository().ok_or(SwapError::NotReady("starting"))?;
        let proven = bring_up(self.loader.as_ref(), source)?;
        let Some(slot) = repository.get(&proven.model.name) else {
            return Err(SwapError::OtherModel(proven.model.name));
        };
        if self.phase() == Phase::Draining {
            return Err(SwapError::NotReady("draining"));
        }
        Ok(put_in_place(slot, proven))
    }

    /// How many swaps were accepted and refused.
    pub(crate) fn swaps(&self) -> (u64, u64) {
        (self.accepted.load(Relaxed), self.refused.load(Relaxed))
    }

    /// What happened lately, oldest first.
    pub(crate) fn events(&self) -> Vec<Event> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.iter().cloned().collect()
    }

    fn record(&self, model: &str, accepted: bool, text: String) {
        tracing::info!(model, accepted, "{text}");
        let event = Event { time_ms: now_ms(), model: model.to_owned(), accepted, text };
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.push_back(event);
        let surplus = events.len().saturating_sub(KEPT_EVENTS);
        events.drain(..surplus);
    }
}

fn put_in_place(slot: &Slot, proven: Proven) -> Swapped {
    let (name, version) = (proven.model.name.clone(), proven.model.version.clone());
    let (revision, proof) = (proven.revision, proven.proof);
    let previous = slot.replace(proven).model.version.clone();
    Swapped { name, version, previous, revision, proof }
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}
