//! Where packed weights reside: in memory of this process, or in a file that processes share.
//!
//! Whatever packs weights has its own copy of them, and so has the next process with the same network. Both hold the same
//! bytes, though, and need not hold them twice: [`settled`] tells what was packed and will not change any more, and
//! [`Part::lay_upon`] puts a file that has the same bytes in its place. Which file that is, who writes it and who removes it is
//! for the caller to say.

use std::fs::File;
use std::io;
use std::sync::Arc;

use crate::buffer::slab::{self, Slab};

/// Packed weights that will not change any more, each part once; those of 64 KiB and more, as long as somebody needs them.
#[must_use]
pub fn settled() -> Vec<Part> {
    slab::take_settled().into_iter().map(|(slab, start, length)| Part { slab, start, length }).collect()
}

/// Some packed weights.
pub struct Part {
    slab: Arc<Slab>,
    start: usize,
    length: usize,
}

impl Part {
    /// The weights, in the order that kernels read them.
    #[must_use]
    pub fn numbers(&self) -> &[f32] {
        // SAFETY: nobody writes to what is settled, and it was handed out.
        unsafe { self.slab.part(self.start, self.length) }
    }

    /// Lets the bytes of `file` from `offset` on, a multiple of the page size, take the place of this memory, which goes back to
    /// the system. Says whether they are the same bytes; if they are not, nothing is done.
    ///
    /// The file must not change, nor become shorter, as long as this process lives. It stays open as long as the part is needed.
    ///
    /// # Errors
    /// When the file cannot be mapped, as where the system is not Linux.
    pub fn lay_upon(&self, file: &Arc<File>, offset: u64) -> io::Result<bool> {
        #[cfg(target_os = "linux")]
        {
            let length = size_of_val(self.numbers()).next_multiple_of(rustix::param::page_size());
            // SAFETY: the caller promises that the file does not change.
            let pages = unsafe { memmap2::MmapOptions::new().offset(offset).len(length).map(&**file)? };
            if bytes(self.numbers()) != &pages[..size_of_val(self.numbers())] {
                return Ok(false);
            }
            // SAFETY: it is settled, and the pages hold the same.
            unsafe { self.slab.replace(self.start, pages, Arc::clone(file))? };
            Ok(true)
        }
        #[cfg(not(target_os = "linux"))]
        Err(io::Error::new(io::ErrorKind::Unsupported, format!("{file:?} cannot be shared from {offset} on")))
    }
}

/// Numbers as the bytes that they are in memory.
#[must_use]
pub fn bytes(numbers: &[f32]) -> &[u8] {
    // SAFETY: every number is four initialised bytes.
    unsafe { std::slice::from_raw_parts(numbers.as_ptr().cast(), size_of_val(numbers)) }
}
