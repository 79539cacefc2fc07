//! What is counted while requests are answered.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Upper bounds of the latency buckets, in seconds.
pub(crate) const BOUNDS: [f64; 18] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002, 0.003, 0.005, 0.007_5, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
    10.0,
];

/// Why a request failed, as Triton's metric names it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Failure {
    /// The queue was full or the server draining.
    Rejected,
    /// The client left, or its deadline passed.
    Canceled,
    /// The engine failed.
    Backend,
    /// The request was at fault.
    Other,
}

impl Failure {
    pub(crate) const ALL: [(Self, &str); 4] = [
        (Self::Rejected, "REJECTED"),
        (Self::Canceled, "CANCELED"),
        (Self::Backend, "BACKEND"),
        (Self::Other, "OTHER"),
    ];
}

/// Counts and durations of one model version, only ever growing.
#[derive(Default)]
pub(crate) struct Counters {
    success: AtomicU64,
    failures: [AtomicU64; 4],
    inferences: AtomicU64,
    executions: AtomicU64,
    last_inference_ms: AtomicU64,
    pub(crate) request: Histogram,
    pub(crate) queue: Timer,
    pub(crate) input: Timer,
    pub(crate) infer: Timer,
    pub(crate) output: Timer,
}

impl Counters {
    pub(crate) fn succeeded(&self, duration: Duration) {
        self.success.fetch_add(1, Relaxed);
        self.request.record(duration);
    }

    pub(crate) fn failed(&self, failure: Failure) {
        self.failures[failure as usize].fetch_add(1, Relaxed);
    }

    /// One call of the engine that computed `batch` inferences.
    pub(crate) fn executed(&self, batch: u64, now_ms: u64) {
        self.inferences.fetch_add(batch, Relaxed);
        self.executions.fetch_add(1, Relaxed);
        self.last_inference_ms.store(now_ms, Relaxed);
    }

    pub(crate) fn success(&self) -> u64 {
        self.success.load(Relaxed)
    }

    pub(crate) fn failure(&self, failure: Failure) -> u64 {
        self.failures[failure as usize].load(Relaxed)
    }

    pub(crate) fn all_failures(&self) -> u64 {
        Failure::ALL.iter().map(|(failure, _)| self.failure(*failure)).sum()
    }

    pub(crate) fn inferences(&self) -> u64 {
        self.inferences.load(Relaxed)
    }

    pub(crate) fn executions(&self) -> u64 {
        self.executions.load(Relaxed)
    }

    pub(crate) fn last_inference_ms(&self) -> u64 {
        self.last_inference_ms.load(Relaxed)
    }
}

/// A sum of durations and how many there were.
#[derive(Default)]
pub(crate) struct Timer {
    nanoseconds: AtomicU64,
    count: AtomicU64,
}

impl Timer {
    pub(crate) fn record(&self, duration: Duration) {
        self.nanoseconds.fetch_add(duration.as_nanos() as u64, Relaxed);
        self.count.fetch_add(1, Relaxed);
    }

    pub(crate) fn nanoseconds(&self) -> u64 {
        self.nanoseconds.load(Relaxed)
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.load(Relaxed)
    }
}

/// A timer that also counts by duration.
#[derive(Default)]
pub(crate) struct Histogram {
    pub(crate) timer: Timer,
    buckets: [AtomicU64; BOUNDS.len() + 1],
}

impl Histogram {
    fn record(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        self.buckets[BOUNDS.partition_point(|bound| *bound < seconds)].fetch_add(1, Relaxed);
        self.timer.record(duration);
    }

    /// How many took at most each of [`BOUNDS`], and last of all how many there were.
    pub(crate) fn cumulative(&self) -> [u64; BOUNDS.len() + 1] {
        let mut sum = 0;
        std::array::from_fn(|index| {
            sum += self.buckets[index].load(Relaxed);
            sum
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_counted_in_every_bucket_that_holds_it() {
        let histogram = Histogram::default();
        for microseconds in [100, 101, 20_000_000] {
            histogram.record(Duration::from_micros(microseconds));
        }
        let cumulative = histogram.cumulative();
        assert_eq!(cumulative[..3], [1, 2, 2]);
        assert_eq!(cumulative[BOUNDS.len() - 1..], [2, 3]);
        assert_eq!(histogram.timer.nanoseconds(), 20_000_201_000);
    }

    #[test]
    fn failures_are_counted_by_reason() {
        let counters = Counters::default();
        counters.failed(Failure::Backend);
        counters.failed(Failure::Other);
        counters.failed(Failure::Other);
        assert_eq!(counters.failure(Failure::Backend), 1);
        assert_eq!(counters.all_failures(), 3);
    }
}
