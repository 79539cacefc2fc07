//! Large pieces of memory that packed weights lie in, one behind the other.
//!
//! Weights take hundreds of thousands of pages, and the first touch of each is an interruption that costs more than what is
//! written there. The system is asked for pages of the largest kind, which pays where they are cut up by nobody: hence
//! pieces of many megabytes, of which only what is used is ever touched.
//!
//! Parts begin on a page, so that a part of a file may take the place of one that is settled.

use std::fs::File;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use memmap2::MmapMut;

/// Bytes of a slab, unless one buffer needs more.
const SLAB: usize = 64 << 20;

/// A piece of zeroed memory. It lives as long as the last buffer in it.
pub(crate) struct Slab {
    start: *mut f32,
    /// Numbers that there are, and that were handed out.
    length: usize,
    used: AtomicUsize,
    /// Parts that will not change any more and that nobody has asked for yet: where each starts, and how many numbers it has.
    settled: Mutex<Vec<(usize, usize)>>,
    /// What lies in this memory in place of parts; open, and so locked, as long as it does.
    files: Mutex<Vec<Arc<File>>>,
    _map: MmapMut,
}

// SAFETY: the memory is reached through parts alone, each of which belongs to one buffer.
unsafe impl Send for Slab {}
// SAFETY: as above.
unsafe impl Sync for Slab {}

/// The slabs that there are; the next buffers go into the last.
static SLABS: Mutex<Vec<Weak<Slab>>> = Mutex::new(Vec::new());

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What was settled since somebody last asked, by where it starts in its slab and how many numbers it has.
pub(crate) fn take_settled() -> Vec<(Arc<Slab>, usize, usize)> {
    let slabs: Vec<Arc<Slab>> = locked(&SLABS).iter().filter_map(Weak::upgrade).collect();
    let own = |slab: &Arc<Slab>| {
        let settled = std::mem::take(&mut *locked(&slab.settled));
        settled.into_iter().map(|(start, length)| (Arc::clone(slab), start, length)).collect::<Vec<_>>()
    };
    slabs.iter().flat_map(own).collect()
}

/// Zeroed numbers that nobody else has, and where they start in their slab. `None` where the system has no memory to map.
pub(super) fn part(length: usize) -> Option<(Arc<Slab>, usize)> {
    let mut slabs = locked(&SLABS);
    if let Some(slab) = slabs.last().and_then(Weak::upgrade)
        && let Some(start) = slab.take(length)
    {
        return Some((slab, start));
    }
    let slab = Arc::new(Slab::new(SLAB.max(length.checked_mul(size_of::<f32>())?))?);
    slabs.retain(|slab| slab.strong_count() > 0);
    slabs.push(Arc::downgrade(&slab));
    slab.take(length).map(|start| (slab, start))
}

impl Slab {
    fn new(bytes: usize) -> Option<Self> {
        let mut map = MmapMut::map_anon(bytes).ok()?;
        // Where there are no such pages, others do.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        let start = map.as_mut_ptr().cast();
        let (length, used) = (bytes / size_of::<f32>(), AtomicUsize::new(0));
        Some(Self { start, length, used, settled: Mutex::default(), files: Mutex::default(), _map: map })
    }

    /// Takes numbers that were not handed out yet; the lock on [`SLABS`] is held.
    fn take(&self, length: usize) -> Option<usize> {
        let start = self.used.load(Ordering::Relaxed).next_multiple_of(rustix::param::page_size() / size_of::<f32>());
        let end = start.checked_add(length).filter(|end| *end <= self.length)?;
        self.used.store(end, Ordering::Relaxed);
        Some(start)
    }

    /// Notes that a part will not change any more.
    pub(super) fn settle(&self, start: usize, length: usize) {
        locked(&self.settled).push((start, length));
    }

    /// # Safety
    /// Nobody writes to the part meanwhile, and it lies inside of what was handed out.
    pub(crate) unsafe fn part(&self, start: usize, length: usize) -> &[f32] {
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

    /// Puts mapped pages of a file in the place of a part, which hold the same bytes. What they replace is given back to
    /// the system.
    ///
    /// # Safety
    /// The part is settled, `pages` maps `file` for reading, hold what the part holds, and are as long as it is, rounded up to
    /// whole pages.
    #[cfg(target_os = "linux")]
    pub(crate) unsafe fn replace(&self, start: usize, pages: memmap2::Mmap, file: Arc<File>) -> std::io::Result<()> {
        use rustix::mm::{MremapFlags, mremap_fixed};
        let mut files = locked(&self.files);
        if files.last().is_none_or(|last| !Arc::ptr_eq(last, &file)) {
            files.push(file);
        }
        drop(files);
        let length = pages.len();
        // SAFETY: parts begin on a page and end before the next one begins, so nothing else is replaced; whoever reads the
        // part meanwhile finds the same bytes before and after, since the system changes the mapping in one step.
        unsafe {
            let target = self.start.add(start).cast();
            mremap_fixed(pages.as_ptr().cast_mut().cast(), length, length, MremapFlags::MAYMOVE, target)?;
        }
        // It belongs to the slab now, and is let go of with it.
        std::mem::forget(pages);
        Ok(())
    }
}
