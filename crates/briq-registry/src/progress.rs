//! How far a transfer is.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::RegistryError;

/// How far a transfer is, as absolute figures: a blob that starts again takes its bytes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snapshot {
    /// Blobs to transfer in all.
    pub blobs: u64,
    /// Bytes to transfer in all.
    pub bytes: u64,
    /// Blobs that are where they should be.
    pub blobs_done: u64,
    /// Bytes that are where they should be.
    pub bytes_done: u64,
    /// Bytes of blobs that went over the network, those that had to go again included.
    pub bytes_moved: u64,
    /// Bytes that did not have to: the other side had them, whole or in parts.
    pub bytes_reused: u64,
}

/// Whoever is told of something, from any thread.
type Listener<T> = Arc<dyn Fn(T) + Send + Sync>;

/// Told of what went wrong, in one line.
type Warned = dyn Fn(&str) + Send + Sync;

/// Someone who wants to know how far a transfer is, and what it could not do well.
#[derive(Clone, Default)]
pub struct Progress {
    listener: Option<Listener<Snapshot>>,
    warned: Option<Arc<Warned>>,
}

impl Progress {
    /// Tells nobody.
    pub fn none() -> Self {
        Self::default()
    }

    /// Tells `listener`, often and from several threads: it must be quick.
    pub fn new(listener: impl Fn(Snapshot) + Send + Sync + 'static) -> Self {
        Self { listener: Some(Arc::new(listener)), warned: None }
    }

    /// Also tells `listener` what went wrong without making the transfer fail, in one line.
    #[must_use]
    pub fn with_warnings(self, listener: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { warned: Some(Arc::new(listener)), ..self }
    }

    /// Says what follows from an error that is not one of the whole transfer.
    pub(crate) fn warn(&self, consequence: &str, error: &RegistryError) {
        if let Some(listener) = &self.warned {
            let causes = std::iter::successors(Some(error as &dyn Error), |error| (*error).source());
            let chain: Vec<_> = causes.map(ToString::to_string).collect();
            listener(&format!("{consequence}: {}", chain.join(": ")));
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.listener.is_some() { "Progress(listener)" } else { "Progress(none)" })
    }
}

/// Adds up what the parallel transfers of one operation have done.
#[derive(Debug)]
pub(crate) struct Meter {
    progress: Progress,
    blobs: u64,
    bytes: u64,
    blobs_done: AtomicU64,
    bytes_done: AtomicU64,
    bytes_moved: AtomicU64,
    bytes_reused: AtomicU64,
}

impl Meter {
    pub(crate) fn start(progress: &Progress, sizes: impl Iterator<Item = u64>) -> Arc<Self> {
        let (blobs, bytes) = sizes.fold((0, 0_u64), |(blobs, bytes), size| (blobs + 1, bytes.saturating_add(size)));
        let meter = Self {
            progress: progress.clone(),
            blobs,
            bytes,
            blobs_done: AtomicU64::new(0),
            bytes_done: AtomicU64::new(0),
            bytes_moved: AtomicU64::new(0),
            bytes_reused: AtomicU64::new(0),
        };
        meter.tell();
        Arc::new(meter)
    }

    /// Begins one blob.
    pub(crate) fn blob(self: &Arc<Self>) -> BlobMeter {
        BlobMeter { meter: Arc::clone(self), done: AtomicU64::new(0), reused: AtomicU64::new(0) }
    }

    fn tell(&self) {
        if let Some(listener) = &self.progress.listener {
            listener(Snapshot {
                blobs: self.blobs,
                bytes: self.bytes,
                blobs_done: self.blobs_done.load(Ordering::Relaxed),
                bytes_done: self.bytes_done.load(Ordering::Relaxed),
                bytes_moved: self.bytes_moved.load(Ordering::Relaxed),
                bytes_reused: self.bytes_reused.load(Ordering::Relaxed),
            });
        }
    }
}

/// How far one blob is.
#[derive(Debug)]
pub(crate) struct BlobMeter {
    meter: Arc<Meter>,
    done: AtomicU64,
    reused: AtomicU64,
}

impl BlobMeter {
    /// Sets how many bytes are done, which may be fewer than before.
    pub(crate) fn at(&self, done: u64) {
        let before = self.done.swap(done, Ordering::Relaxed);
        // Wrapping arithmetic makes the difference right in both directions.
        self.meter.bytes_done.fetch_add(done.wrapping_sub(before), Ordering::Relaxed);
        self.meter.tell();
    }

    /// So many bytes more went over the network.
    pub(crate) fn moved(&self, count: u64) {
        self.meter.bytes_moved.fetch_add(count, Ordering::Relaxed);
    }

    /// So many bytes more did not have to.
    pub(crate) fn reuse(&self, count: u64) {
        self.reused.fetch_add(count, Ordering::Relaxed);
        self.meter.bytes_reused.fetch_add(count, Ordering::Relaxed);
    }

    /// Says what follows from an error that is not one of the whole transfer.
    pub(crate) fn warn(&self, consequence: &str, error: &RegistryError) {
        self.meter.progress.warn(consequence, error);
    }

    /// What was done is worth nothing.
    pub(crate) fn start_again(&self) {
        self.meter.bytes_reused.fetch_sub(self.reused.swap(0, Ordering::Relaxed), Ordering::Relaxed);
        self.at(0);
    }

    /// The blob is where it should be.
    pub(crate) fn finish(&self, size: u64) {
        self.meter.blobs_done.fetch_add(1, Ordering::Relaxed);
        self.at(size);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;
    use std::sync::{Arc, Mutex};

    use super::{Meter, Progress};

    #[test]
    fn adds_up_blobs_that_start_again() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&seen);
        let progress = Progress::new(move |now| sink.lock().expect("no panic").push((now.blobs_done, now.bytes_done)));
        let meter = Meter::start(&progress, [10, 20].into_iter());
        let (first, second) = (meter.blob(), meter.blob());
        first.at(6);
        second.finish(20);
        first.at(0);
        first.finish(10);
        assert_eq!(*seen.lock().expect("no panic"), [(0, 0), (0, 6), (1, 26), (1, 20), (2, 30)]);
    }

    #[test]
    fn takes_back_what_was_reused_in_vain() {
        let meter = Meter::start(&Progress::none(), [10].into_iter());
        let blob = meter.blob();
        blob.reuse(4);
        blob.moved(2);
        blob.start_again();
        blob.moved(10);
        let counted = (meter.bytes_moved.load(Ordering::Relaxed), meter.bytes_reused.load(Ordering::Relaxed));
        assert_eq!(counted, (12, 0));
    }
}
