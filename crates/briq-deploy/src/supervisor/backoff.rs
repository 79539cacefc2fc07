//! How long to wait before a lost server is started again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(10);

/// A server that lived this long was in good health: what ended it is not taken for a habit.
pub(super) const STEADY: Duration = Duration::from_secs(30);

/// Nothing before the first restart, then 100 ms doubling up to 10 s.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    pub(super) fn after_failure(&mut self) -> Duration {
        let doublings = self.failures.checked_sub(1);
        self.failures += 1;
        let wait = |doublings: u32| FIRST.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX));
        doublings.map_or(Duration::ZERO, wait).min(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_a_bound_and_starts_over() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..10).map(|_| backoff.after_failure().as_millis()).collect();
        assert_eq!(waits, [0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        (0..100).for_each(|_| assert!(backoff.after_failure() == LONGEST));
        backoff.reset();
        assert_eq!(backoff.after_failure(), Duration::ZERO);
    }
}
