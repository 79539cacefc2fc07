//! Bytes that lie in a file, which another file can share where the file system shares blocks.

use std::fs::File;
use std::num::NonZeroU64;
use std::path::Path;

use reflink_copy::ReflinkBlockBuilder;

use crate::zip::SHARD_ALIGNMENT;

/// The unit of sharing. File systems with larger blocks share nothing at odd multiples of it, and say so.
const BLOCK: u64 = SHARD_ALIGNMENT;

/// Where bytes lie in a file.
///
/// Sharing saves the room on the disk and the time to write it; whoever writes to one of the files later changes that file
/// alone. It is never more than an attempt: what could not be shared has to be written.
#[derive(Debug)]
pub struct Extent {
    file: File,
    start: u64,
    length: u64,
}

impl Extent {
    /// Bytes of an open file.
    pub(crate) fn new(file: File, start: u64, length: u64) -> Self {
        Self { file, start, length }
    }

    /// A whole file.
    pub(crate) fn whole(path: &Path, length: u64) -> std::io::Result<Self> {
        Ok(Self::new(File::open(path)?, 0, length))
    }

    /// A part of the bytes; `None` where there are not so many.
    pub fn part(&self, offset: u64, length: u64) -> Option<Self> {
        let end = offset.checked_add(length).filter(|end| *end <= self.length)?;
        Some(Self::new(self.file.try_clone().ok()?, self.start + offset, end - offset))
    }

    /// How many of the bytes have to be written to `offset` in another file before the next ones can be shared; `None`
    /// where none ever can, since their places in blocks differ.
    pub fn head(&self, offset: u64) -> Option<u64> {
        let head = offset.next_multiple_of(BLOCK) - offset;
        (self.start % BLOCK == offset % BLOCK && head + BLOCK <= self.length).then_some(head)
    }

    /// Lets `target` have the bytes at `offset` without writing them, and says how many: whole blocks from the first byte on;
    /// none where the file system does not share, or other than at the beginning of blocks. The file's position stays.
    pub fn share(&self, target: &File, offset: u64) -> u64 {
        let aligned = self.start.is_multiple_of(BLOCK) && offset.is_multiple_of(BLOCK);
        let Some(length) = NonZeroU64::new(self.length / BLOCK * BLOCK).filter(|_| aligned) else { return 0 };
        let block = ReflinkBlockBuilder::new(&self.file, target, length).from_offset(self.start).to_offset(offset);
        // Whatever is in the way, such as a full disk, is in the way of writing too, and is told then.
        block.reflink_block().map_or(0, |()| length.get())
    }
}
