//! Bounded, growing pauses: for what the system gives no event to wait for, such as a socket that another process is
//! about to bind.

use std::time::{Duration, Instant};

const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_millis(50);

/// Pauses that double from 1 to 50 milliseconds until a deadline.
#[derive(Debug)]
pub(crate) struct Pauses {
    deadline: Instant,
    next: Duration,
}

impl Pauses {
    pub(crate) fn within(time: Duration) -> Self {
        Self { deadline: Instant::now() + time, next: SHORTEST }
    }

    /// The length of the next pause; `None` when the time is over.
    pub(crate) fn next(&mut self) -> Option<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let pause = self.next.min(left);
        self.next = (self.next * 2).min(LONGEST);
        (!pause.is_zero()).then_some(pause)
    }

    /// Pauses; `false` at once when the time is over.
    pub(crate) fn pause(&mut self) -> bool {
        self.next().map(std::thread::sleep).is_some()
    }
}
