//! Spreads work over the threads of rayon's current pool.
//!
//! Each thread has a share of the pieces and then helps with the others'. A thread that wakes late, or whose core is
//! slower, does fewer; one that never wakes does none, and the caller does the work alone without waiting.

mod team;

pub use team::with_team;

use std::cell::Cell;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What one item of a loop costs, in steps of about a quarter of a nanosecond: a number read or written, a vector operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost(usize);

/// Steps below which a piece is not worth another thread's waking.
const PIECE: usize = 60_000;
/// The same where a team is awake.
const PIECE_OF_TEAM: usize = 12_000;
/// Pieces for each thread, so that unequal threads end together.
const PIECES_PER_THREAD: usize = 4;

impl Cost {
    /// Of one item.
    pub(crate) const fn per_item(steps: usize) -> Self {
        Self(steps)
    }

    /// How many pieces `count` such items are worth: 1 means "stay on this thread".
    pub(crate) fn pieces(self, count: usize) -> usize {
        if ALONE.get() {
            return 1;
        }
        let steps = count.saturating_mul(self.0);
        let worth = steps / if team::is_awake(steps, PIECE) { PIECE_OF_TEAM } else { PIECE };
        if worth < 2 {
            return 1;
        }
        let threads = rayon::current_num_threads();
        if threads == 1 { 1 } else { worth.min(threads * PIECES_PER_THREAD).min(count) }
    }

    /// The same where one item can itself be cut.
    pub(crate) fn pieces_of(self, count: usize) -> usize {
        Self(1).pieces(count.saturating_mul(self.0))
    }
}

thread_local! {
    /// Whether what this thread does is one of several things that are done apart.
    static ALONE: Cell<bool> = const { Cell::new(false) };
}

/// Calls `work` with each of `0..count`, on several threads; the kernels that it calls stay on the thread that calls them.
///
/// That is how examples of a batch are computed apart: each thread has the numbers of one example in its own caches, and no
/// kernel waits for threads.
pub fn apart(count: usize, work: impl Fn(usize) + Sync) {
    for_each_piece(count, |piece| {
        let _again = Again(ALONE.replace(true));
        work(piece);
    });
}

/// Says what held before, also when the work panics.
struct Again(bool);

impl Drop for Again {
    fn drop(&mut self) {
        ALONE.set(self.0);
    }
}

/// Calls `work` with ranges that cover `0..count`, on several threads where the cost is worth it.
pub(crate) fn for_each_range(count: usize, cost: Cost, work: impl Fn(Range<usize>) + Sync) {
    let pieces = cost.pieces(count);
    for_each_piece(pieces, |piece| work(piece * count / pieces..(piece + 1) * count / pieces));
}

/// Calls `work` with each of `0..pieces`, on several threads if there is more than one piece.
pub(crate) fn for_each_piece(pieces: usize, work: impl Fn(usize) + Sync) {
    if pieces <= 1 || ALONE.get() {
        return (0..pieces).for_each(work);
    }
    let threads = rayon::current_num_threads().min(pieces).min(MOST_SHARES);
    let shares = Shares::new(pieces, threads);
    let work = |who: usize| shares.take(who, &work);
    if !team::offer(threads, &work) {
        spread(0..threads, &work);
    }
}

/// Offers the same work to several threads.
fn spread(threads: Range<usize>, work: &(impl Fn(usize) + Sync)) {
    if threads.len() <= 1 {
        return work(threads.start);
    }
    let middle = threads.start + threads.len().div_ceil(2);
    rayon::join(|| spread(threads.start..middle, work), || spread(middle..threads.end, work));
}

/// The most shares that pieces are dealt into.
const MOST_SHARES: usize = 64;

/// Pieces dealt into a share of neighbouring pieces for each thread, which is likely to have in its cache what the same
/// share of the kernel before has left there.
struct Shares {
    /// The next piece of each share, counted from the share's first.
    next: [AtomicUsize; MOST_SHARES],
    pieces: usize,
    count: usize,
}

impl Shares {
    fn new(pieces: usize, count: usize) -> Self {
        Self { next: [const { AtomicUsize::new(0) }; MOST_SHARES], pieces, count }
    }

    /// Does what is left of thread `who`'s share, and then of the others'.
    fn take(&self, who: usize, work: &impl Fn(usize)) {
        for share in (0..self.count).map(|offset| (who + offset) % self.count) {
            let (start, end) = (share * self.pieces / self.count, (share + 1) * self.pieces / self.count);
            loop {
                let piece = start + self.next[share].fetch_add(1, Ordering::Relaxed);
                if piece >= end {
                    break;
                }
                work(piece);
            }
        }
    }
}

/// Calls `work` with runs of whole items of `width` numbers and the index of the first item in each.
///
/// # Panics
/// If `values` is not a whole number of items.
pub(crate) fn for_each_chunk(values: &mut [f32], width: usize, cost: Cost, work: impl Fn(usize, &mut [f32]) + Sync) {
    if width == 0 || values.is_empty() {
        return;
    }
    let count = values.len() / width;
    assert_eq!(count * width, values.len(), "whole items");
    let shared = SharedMut::new(values);
    for_each_range(count, cost, |range| {
        // SAFETY: ranges are disjoint, and each is handed out once.
        work(range.start, unsafe { shared.slice(range.start * width, range.len() * width) });
    });
}

/// A slice that several threads write at once, each its own part.
#[derive(Clone, Copy)]
pub(crate) struct SharedMut<'a> {
    start: *mut f32,
    length: usize,
    slice: std::marker::PhantomData<&'a mut [f32]>,
}

// SAFETY: the unsafe functions demand that parts handed to different threads are disjoint.
unsafe impl Send for SharedMut<'_> {}
// SAFETY: as above.
unsafe impl Sync for SharedMut<'_> {}

impl<'a> SharedMut<'a> {
    pub(crate) const fn new(slice: &'a mut [f32]) -> Self {
        Self { start: slice.as_mut_ptr(), length: slice.len(), slice: std::marker::PhantomData }
    }

    pub(crate) const fn len(&self) -> usize {
        self.length
    }

    /// Where the number at `index` lies.
    ///
    /// # Panics
    /// If it is not in the slice.
    pub(crate) fn at(&self, index: usize) -> *mut f32 {
        assert!(index < self.length, "a number of the slice");
        // SAFETY: inside the slice.
        unsafe { self.start.add(index) }
    }

    /// A part of the slice.
    ///
    /// # Safety
    /// No other part that is in use overlaps it.
    ///
    /// # Panics
    /// If the part is not inside the slice.
    pub(crate) unsafe fn slice(&self, start: usize, length: usize) -> &'a mut [f32] {
        assert!(start <= self.length && length <= self.length - start, "a part of the slice");
        // SAFETY: the part is inside the slice, and the caller vouches that nothing else uses it.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), length) }
    }
}
