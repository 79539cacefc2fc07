//! Threads that stay awake between one kernel and the next.

use std::cell::{Cell, UnsafeCell};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How long a helper looks for work before it goes back to its pool.
const PATIENCE: Duration = Duration::from_micros(300);
/// Looks for work between two looks at the clock.
const LOOKS: usize = 256;

/// One kernel's work, as done by the thread of this number: the leader is 0.
type Work<'a> = dyn Fn(usize) + Sync + 'a;

/// A job that helpers may join, and how many have.
///
/// `generation` is odd while a job is open. A helper counts itself in before it reads the generation, and the leader
/// closes the generation before it reads the count, each in the one order of all such operations: either the helper sees
/// that the job is closed, or the leader sees the helper and waits for it.
#[derive(Default)]
struct Team {
    generation: AtomicUsize,
    inside: AtomicUsize,
    helpers: AtomicUsize,
    dismissed: AtomicBool,
    job: UnsafeCell<Option<*const Work<'static>>>,
}

// SAFETY: `job` is written by the leader alone while nobody is inside, and read by those who are inside of an open job.
unsafe impl Sync for Team {}
// SAFETY: the pointer is to work that may be called from any thread.
unsafe impl Send for Team {}

/// What the leader's thread knows of its team.
struct Lead<'a> {
    team: &'a Team,
    /// Asks the pool for the helper of this number.
    recruit: &'a dyn Fn(usize),
    /// Whether a job is open: what is called from inside it is not spread again.
    busy: Cell<bool>,
    /// Steps of work that were met before the first helper was asked for.
    alone: Cell<usize>,
}

thread_local! {
    static LEAD: Cell<Option<*const Lead<'static>>> = const { Cell::new(None) };
}

/// Runs `work`, whose kernels share helpers that stay awake from one kernel to the next.
///
/// Without a team every kernel wakes the threads of the pool anew, which takes as long as a small kernel. With one, the
/// first kernel that is worth several threads asks rayon's current pool for helpers, and the following ones find them
/// looking for work. A helper that finds none for a third of a millisecond returns to the pool. Put it around a whole
/// inference. A team inside a team is the outer one.
pub fn with_team<R>(work: impl FnOnce() -> R) -> R {
    if LEAD.get().is_some() || rayon::current_num_threads() == 1 {
        return work();
    }
    let team = &Team::default();
    rayon::in_place_scope(|scope| {
        let recruit = &|number| scope.spawn(move |_| help(team, number));
        let lead = Lead { team, recruit, busy: Cell::new(false), alone: Cell::new(0) };
        let _dismiss = Dismiss(team);
        LEAD.set(Some((&raw const lead).cast()));
        work()
    })
}

/// Whether this thread leads a team that has helpers, or has met so many steps of work, these ones included, that some are worth
/// asking for: an inference that is over before a helper wakes is better off without.
pub(super) fn is_awake(steps: usize, worth: usize) -> bool {
    let Some(lead) = LEAD.get() else { return false };
    // SAFETY: the pointer is cleared before what it points to ends, and it is this thread's alone.
    let lead = unsafe { &*lead };
    lead.alone.set(lead.alone.get().saturating_add(steps));
    lead.alone.get() >= worth || lead.team.helpers.load(Ordering::Relaxed) > 0
}

/// Ends the team, also when its work panics.
struct Dismiss<'a>(&'a Team);

impl Drop for Dismiss<'_> {
    fn drop(&mut self) {
        LEAD.set(None);
        self.0.dismissed.store(true, Ordering::Release);
    }
}

/// Offers the work to this thread's team and does it; false if there is no team that could.
///
/// The work is one that any number of threads may do at once, and that is complete when the caller has done it and
/// everybody else has left.
pub(super) fn offer(threads: usize, work: &Work<'_>) -> bool {
    let Some(lead) = LEAD.get() else { return false };
    // SAFETY: the pointer is cleared before what it points to ends, and it is this thread's alone.
    let lead = unsafe { &*lead };
    if lead.busy.replace(true) {
        work(0);
        return true;
    }
    let _busy = Busy(&lead.busy);
    while lead.team.helpers.load(Ordering::Relaxed) + 1 < threads {
        (lead.recruit)(lead.team.helpers.fetch_add(1, Ordering::Relaxed) + 1);
    }
    lead.team.lead(work);
    true
}

struct Busy<'a>(&'a Cell<bool>);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

impl Team {
    /// Opens a job, does it, and waits until nobody is inside.
    fn lead(&self, work: &Work<'_>) {
        // SAFETY: nobody is inside. The lifetime ends after `Close` has waited for all who came.
        unsafe {
            let work = std::mem::transmute::<*const Work<'_>, *const Work<'static>>(work);
            *self.job.get() = Some(work);
        }
        self.generation.fetch_add(1, Ordering::SeqCst);
        let _close = Close(self);
        work(0);
    }

    /// Does the open job, if there is one that is newer than `last`. Returns the newest generation.
    fn join(&self, number: usize, last: usize) -> usize {
        if self.generation.load(Ordering::Relaxed) == last {
            return last;
        }
        self.inside.fetch_add(1, Ordering::SeqCst);
        let _leave = Leave(&self.inside);
        let generation = self.generation.load(Ordering::SeqCst);
        if generation % 2 == 1 && generation != last {
            // SAFETY: the job is open and this thread counts as inside, so the leader keeps the work alive.
            let work = unsafe { (*self.job.get()).map(|work| &*work) };
            work.expect("an open job has work")(number);
        }
        generation
    }
}

/// Closes the job and waits for all who are inside, also when the leader's part panics.
struct Close<'a>(&'a Team);

impl Drop for Close<'_> {
    fn drop(&mut self) {
        self.0.generation.fetch_add(1, Ordering::SeqCst);
        let mut looks = 0_usize;
        while self.0.inside.load(Ordering::SeqCst) > 0 {
            looks += 1;
            if looks.is_multiple_of(4096) { std::thread::yield_now() } else { std::hint::spin_loop() }
        }
    }
}

/// Counts a helper out, also when its part panics.
struct Leave<'a>(&'a AtomicUsize);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Joins jobs until the team is dismissed or there are none for a while.
fn help(team: &Team, number: usize) {
    // A helper that went away is asked for again.
    let _left = Leave(&team.helpers);
    let mut last = 0;
    let mut idle = Instant::now();
    loop {
        for _ in 0..LOOKS {
            if team.dismissed.load(Ordering::Acquire) {
                return;
            }
            let generation = team.join(number, last);
            if generation != last {
                (last, idle) = (generation, Instant::now());
            }
            std::hint::spin_loop();
        }
        if idle.elapsed() > PATIENCE {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::with_team;
    use crate::parallel::for_each_piece;

    fn sum(pieces: usize) -> usize {
        let sum = AtomicUsize::new(0);
        for_each_piece(pieces, |piece| {
            sum.fetch_add(piece, Ordering::Relaxed);
        });
        sum.into_inner()
    }

    fn in_a_pool<R: Send>(work: impl FnOnce() -> R + Send) -> R {
        rayon::ThreadPoolBuilder::new().num_threads(3).build().expect("a pool").install(work)
    }

    #[test]
    fn a_team_does_each_piece_of_many_jobs_once() {
        in_a_pool(|| {
            with_team(|| {
                (0..20_000).for_each(|job| assert_eq!(sum(job % 40), (job % 40) * (job % 40).saturating_sub(1) / 2))
            })
        });
    }

    #[test]
    fn a_job_inside_a_job_is_done_by_the_one_who_has_it() {
        let total = AtomicUsize::new(0);
        let add = |count| {
            total.fetch_add(count, Ordering::Relaxed);
        };
        in_a_pool(|| with_team(|| for_each_piece(10, |_| add(sum(10)))));
        assert_eq!(total.into_inner(), 450);
    }

    #[test]
    fn a_panic_in_a_piece_ends_the_team() {
        let work = || with_team(|| for_each_piece(50, |piece| assert!(piece != 20, "piece 20")));
        assert!(std::panic::catch_unwind(|| in_a_pool(work)).is_err());
        assert_eq!(in_a_pool(|| with_team(|| sum(5))), 10);
    }
}
