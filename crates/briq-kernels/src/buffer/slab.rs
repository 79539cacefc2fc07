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
    /// What lies in this memory in place of parts; open, and so locked, as long as it does.
    files: Mutex<Vec<Arc<File>>>,
    _map: MmapMut,
}

// SAFETY: the memory is reached through parts alone, each of which belongs to one buffer.
unsafe impl Send for Slab {}
// SAFETY: as above.
unsafe impl Sync for Slab {}

/// The slab that the next buffers go into.
static OPEN: Mutex<Weak<Slab>> = Mutex::new(Weak::new());

/// Numbers of a slab that will not change any more, by where they start and how many they are.
pub(crate) struct Settled {
    pub(crate) slab: Weak<Slab>,
    pub(crate) start: usize,
    pub(crate) length: usize,
}

/// What was settled since somebody last asked.
static SETTLED: Mutex<Vec<Settled>> = Mutex::new(Vec::new());

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes that a part will not change any more.
pub(super) fn settle(slab: &Arc<Slab>, start: usize, length: usize) {
    let mut settled = locked(&SETTLED);
    settled.retain(|part| part.slab.strong_count() > 0);
    settled.push(Settled { slab: Arc::downgrade(slab), start, length });
}

/// Takes the notes of what was settled.
pub(crate) fn take_settled() -> Vec<Settled> {
    std::mem::take(&mut locked(&SETTLED))
}

/// Zeroed numbers that nobody else has, and where they start in their slab. `None` where the system has no memory to map.
pub(super) fn part(length: usize) -> Option<(Arc<Slab>, usize)> {
    let mut open = locked(&OPEN);
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
        let (length, used) = (bytes / size_of::<f32>(), AtomicUsize::new(0));
        Some(Self { start, length, used, files: Mutex::default(), _map: map })
    }

    /// Takes numbers that were not handed out yet; the lock on [`OPEN`] is held.
    fn take(&self, length: usize) -> Option<usize> {
        let start = self.used.load(Ordering::Relaxed).next_multiple_of(rustix::param::page_size() / size_of::<f32>());
        let end = start.checked_add(length).filter(|end| *end <= self.length)?;
        self.used.store(end, Ordering::Relaxed);
        Some(start)
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
