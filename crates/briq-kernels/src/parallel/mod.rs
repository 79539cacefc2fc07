//! Spreads work over the threads of rayon's current pool.
//!
//! All threads take pieces from one counter. A thread that wakes late, or whose core is slower, takes fewer; one that
//! never wakes takes none, and the caller does the work alone without waiting.

mod team;

pub use team::with_team;

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
        let worth = count.saturating_mul(self.0) / if team::exists() { PIECE_OF_TEAM } else { PIECE };
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

/// Calls `work` with ranges that cover `0..count`, on several threads where the cost is worth it.
pub(crate) fn for_each_range(count: usize, cost: Cost, work: impl Fn(Range<usize>) + Sync) {
    let pieces = cost.pieces(count);
    for_each_piece(pieces, |piece| work(piece * count / pieces..(piece + 1) * count / pieces));
}

/// Calls `work` with each of `0..pieces`, on several threads if there is more than one piece.
pub(crate) fn for_each_piece(pieces: usize, work: impl Fn(usize) + Sync) {
    if pieces <= 1 {
        return (0..pieces).for_each(work);
    }
    let next = AtomicUsize::new(0);
    let threads = rayon::current_num_threads().min(pieces);
    let work = || {
        loop {
            let piece = next.fetch_add(1, Ordering::Relaxed);
            if piece >= pieces {
                return;
            }
            work(piece);
        }
    };
    if !team::offer(threads, &work) {
        spread(threads, &work);
    }
}

/// Offers the same work to `threads` threads.
fn spread(threads: usize, work: &(impl Fn() + Sync)) {
    if threads <= 1 {
        return work();
    }
    rayon::join(|| spread(threads - threads / 2, work), || spread(threads / 2, work));
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
