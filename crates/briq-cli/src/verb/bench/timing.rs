//! Repeated measurement of one piece of work.

use std::time::{Duration, Instant};

use serde::Serialize;

/// When a measurement has gone on for long enough.
#[derive(Clone, Copy)]
pub(super) enum Until {
    /// So much time has passed.
    Elapsed(Duration),
    /// The work was done so often.
    Count(usize),
}

/// How long a prediction took, in seconds.
#[derive(Serialize, Debug)]
pub(super) struct Timing {
    pub(super) iterations: usize,
    pub(super) min: f64,
    pub(super) median: f64,
    pub(super) p95: f64,
    pub(super) mean: f64,
}

impl Until {
    /// A tenth of it: enough to warm up.
    pub(super) fn tenth(self) -> Self {
        match self {
            Self::Elapsed(duration) => Self::Elapsed(duration / 10),
            Self::Count(count) => Self::Count(count / 10),
        }
    }

    fn reached(self, began: Instant, count: usize) -> bool {
        match self {
            Self::Elapsed(duration) => began.elapsed() >= duration,
            Self::Count(wanted) => count >= wanted,
        }
    }
}

/// Does the work until enough was measured, and twice at least. The first time is not counted.
pub(super) fn measure(until: Until, mut work: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<Timing> {
    let began = Instant::now();
    work()?;
    let mut samples = Vec::new();
    while samples.is_empty() || !until.reached(began, samples.len()) {
        let start = Instant::now();
        work()?;
        samples.push(start.elapsed().as_secs_f64());
    }
    Ok(Timing::of(samples))
}

impl Timing {
    /// The samples must not be empty.
    fn of(mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        let count = samples.len();
        let quantile = |share: f64| samples[((count - 1) as f64 * share).round() as usize];
        Self {
            iterations: count,
            min: samples[0],
            median: quantile(0.5),
            p95: quantile(0.95),
            mean: samples.iter().sum::<f64>() / count as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_samples_up() {
        let timing = Timing::of((1..=101).rev().map(f64::from).collect());
        let Timing { iterations, min, median, p95, mean } = timing;
        assert_eq!((iterations, min, median, p95, mean), (101, 1.0, 51.0, 96.0, 51.0));
    }

    #[test]
    fn counts_as_often_as_asked_and_leaves_the_first_out() {
        let mut done = 0;
        let mut work = || {
            done += 1;
            Ok(())
        };
        assert_eq!(measure(Until::Count(3), &mut work).expect("work that cannot fail").iterations, 3);
        assert_eq!(measure(Until::Elapsed(Duration::ZERO), &mut work).expect("work that cannot fail").iterations, 1);
        assert_eq!(done, 6);
    }
}
