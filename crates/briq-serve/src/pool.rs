//! The threads that compute, and the bounded queue before them.
//!
//! Each model has a pool of its own, so that a slow or crowded model does not hold up another. A job that panics
//! ends alone: its thread goes on.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

type Job = Box<dyn FnOnce() + Send>;

/// A fixed number of threads that take jobs from a queue of bounded length.
pub(crate) struct Pool {
    queue: Arc<Queue>,
}

/// The queue was full; nothing was put into it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

struct Queue {
    capacity: usize,
    waiting: Mutex<Waiting>,
    wake: Condvar,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl Pool {
    /// Starts `threads` threads behind a queue of at most `capacity` jobs that no thread has taken yet.
    pub(crate) fn start(name: &str, threads: usize, capacity: usize) -> io::Result<Self> {
        let waiting = Mutex::new(Waiting::default());
        let pool = Self { queue: Arc::new(Queue { capacity, waiting, wake: Condvar::new() }) };
        for index in 0..threads.max(1) {
            let queue = Arc::clone(&pool.queue);
            let thread = thread::Builder::new().name(format!("{name}-{index}"));
            thread.spawn(move || queue.work())?;
        }
        Ok(pool)
    }

    /// Puts a job into the queue, unless it is full.
    pub(crate) fn submit(&self, job: impl FnOnce() + Send + 'static) -> Result<(), Full> {
        let mut waiting = self.queue.lock();
        if waiting.jobs.len() >= self.queue.capacity {
            return Err(Full);
        }
        waiting.jobs.push_back(Box::new(job));
        drop(waiting);
        self.queue.wake.notify_one();
        Ok(())
    }

    /// How many jobs no thread has taken yet.
    pub(crate) fn pending(&self) -> usize {
        self.queue.lock().jobs.len()
    }
}

impl Drop for Pool {
    /// Lets the threads finish what is queued and end.
    fn drop(&mut self) {
        self.queue.lock().closed = true;
        self.queue.wake.notify_all();
    }
}

impl Queue {
    fn work(&self) {
        while let Some(job) = self.take() {
            // Whoever waits for the job sees its sender dropped, and answers for the panic.
            if catch_unwind(AssertUnwindSafe(job)).is_err() {
                tracing::error!("an inference panicked; the server goes on");
            }
        }
    }

    fn take(&self) -> Option<Job> {
        let mut waiting = self.lock();
        loop {
            match waiting.jobs.pop_front() {
                Some(job) => return Some(job),
                None if waiting.closed => return None,
                None => waiting = self.wake.wait(waiting).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Jobs run outside the lock, so a poisoned lock still guards a whole queue.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_panic_ends_its_job_and_not_its_thread() {
        let pool = Pool::start("test", 1, 8).unwrap();
        let (sender, receiver) = mpsc::channel();
        pool.submit(|| panic!("on purpose")).unwrap();
        pool.submit(move || sender.send(7).unwrap()).unwrap();
        assert_eq!(receiver.recv(), Ok(7));
    }

    #[test]
    fn a_full_queue_refuses_and_a_dropped_pool_finishes_its_queue() {
        let pool = Pool::start("test", 1, 1).unwrap();
        let (taken, is_taken) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let (sender, receiver) = mpsc::channel();
        pool.submit(move || {
            taken.send(()).unwrap();
            released.recv().unwrap();
        })
        .unwrap();
        is_taken.recv().unwrap();
        pool.submit(move || sender.send(7).unwrap()).unwrap();
        assert_eq!(pool.submit(|| {}), Err(Full));
        assert_eq!(pool.pending(), 1);
        drop(pool);
        release.send(()).unwrap();
        assert_eq!(receiver.recv(), Ok(7));
    }
}
