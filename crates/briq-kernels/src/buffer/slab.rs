//! Large pieces of memory that packed weights lie in, one behind the other.
//!
//! Weights take hundreds of thousands of pages, and the first touch of each is an interruption that costs more than what is
//! written there. The system is asked for pages of the largest kind, which pays where they are cut up by nobody: hence
//! pieces of many megabytes, of which only what is used is ever touched.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use memmap2::MmapMut;

/// Bytes of a slab, unless one buffer needs more.
const SLAB: usize = 64 << 20;

/// A piece of zeroed memory. It lives as long as the last buffer in it.
pub(super) struct Slab {
    start: *mut f32,
    /// Numbers that there are, and that were handed out.
    length: usize,
    used: AtomicUsize,
    _map: MmapMut,
}

// SAFETY: the memory is reached through parts alone, each of which belongs to one buffer.
unsafe impl Send for Slab {}
// SAFETY: as above.
unsafe impl Sync for Slab {}

/// The slab that the next buffers go into.
static OPEN: Mutex<Weak<Slab>> = Mutex::new(Weak::new());

/// Zeroed numbers that nobody else has, and where they start in their slab. `None` where the system has no memory to map.
pub(super) fn part(length: usize) -> Option<(Arc<Slab>, usize)> {
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(slab) = open.upgrade()
        && let Some(start) = slab.take(length)
    {
        return Some((slab, start));
    }
    let slab = Arc::new(Slab::new(SLAB.max(length.checked_mul(size_of::<f32>())?))?);
    *open = Arc::downgrade(&slab);
    slab.take(length).map(|start| (slab, start))
}

impl Slab {
    fn new(bytes: usize) -> Option<Self> {
        let mut map = MmapMut::map_anon(bytes).ok()?;
        // Where there are no such pages, others do.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        let start = map.as_mut_ptr().cast();
        Some(Self { start, length: bytes / size_of::<f32>(), used: AtomicUsize::new(0), _map: map })
    }

    /// Takes numbers that were not handed out yet; the lock on [`OPEN`] is held.
    fn take(&self, length: usize) -> Option<usize> {
        let start = self.used.load(Ordering::Relaxed);
        let end = start.checked_add(length).filter(|end| *end <= self.length)?;
        self.used.store(end, Ordering::Relaxed);
        Some(start)
    }

    /// # Safety
    /// Nobody writes to the part meanwhile, and it lies inside of what was handed out.
    pub(super) unsafe fn part(&self, start: usize, length: usize) -> &[f32] {
        // SAFETY: initialised by the system, aligned as a page is, and the caller vouches for the rest.
        unsafe { std::slice::from_raw_parts(self.start.add(start), length) }
    }

    /// # Safety
    /// Nobody else reads or writes the part meanwhile, and it lies inside of what was handed out.
    #[expect(clippy::mut_from_ref, reason = "parts of one slab belong to different buffers")]
    pub(super) unsafe fn part_mut(&self, start: usize, length: usize) -> &mut [f32] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), length) }
    }
}
