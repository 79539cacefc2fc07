//! On which thread a network runs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What a network takes at least for the way into the pool of threads to be worth it.
const WORTH: Duration = Duration::from_micros(300);

/// Chooses the thread on which the nodes of a network run.
///
/// A kernel that shares its work between threads does so faster from within their pool; the way in costs about as
/// much as a small network takes. The first run of a network stays where it is called; the next ones follow from how
/// long the last one took.
#[derive(Debug, Default)]
pub(crate) struct Threads {
    long: AtomicBool,
}

impl Threads {
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let start = Instant::now();
        let inside = rayon::current_thread_index().is_some();
        let result = if self.long.load(Ordering::Relaxed) && !inside { rayon::scope(|_| work()) } else { work() };
        self.long.store(start.elapsed() > WORTH, Ordering::Relaxed);
        result
    }
}
