//! Memory that starts on a cache line: packed weights, and scratch that each thread keeps between calls.

pub(crate) mod slab;

use std::cell::RefCell;
use std::sync::Arc;

use self::slab::Slab;

/// Numbers in one cache line.
pub(crate) const LINE: usize = 16;

/// Zeroed numbers that start on a cache line.
///
/// Memory that the system hands out is zero already, so none of it is touched before it is written.
#[derive(Default)]
pub(crate) struct Buffer {
    memory: Memory,
    /// Where the first cache line begins.
    start: usize,
    length: usize,
}

enum Memory {
    Own(Vec<f32>),
    /// The numbers from `start` on are this buffer's alone.
    Part(Arc<Slab>),
    /// They will not change any more, and a part of a file may have taken their place.
    Settled(Arc<Slab>),
}

impl Default for Memory {
    fn default() -> Self {
        Self::Own(Vec::new())
    }
}

/// Bytes from which memory that lasts comes from a slab.
const PART: usize = 64 << 10;

impl Buffer {
    /// At least `length` zeros, rounded up to whole lines.
    pub(crate) fn zeroed(length: usize) -> Self {
        let length = length.next_multiple_of(LINE);
        if length == 0 {
            return Self::default();
        }
        let numbers = vec![0.0; length + LINE - 1];
        let start = numbers.as_ptr().align_offset(LINE * size_of::<f32>());
        Self { memory: Memory::Own(numbers), start, length }
    }

    /// The same, from memory that many buffers share: for what stays as long as a network does.
    pub(crate) fn lasting(length: usize) -> Self {
        let length = length.next_multiple_of(LINE);
        let part = if length * size_of::<f32>() < PART { None } else { slab::part(length) };
        part.map_or_else(|| Self::zeroed(length), |(slab, start)| Self { memory: Memory::Part(slab), start, length })
    }

    /// Says that the numbers will not change any more, so that processes may [share](crate::residence) them.
    pub(crate) fn settle(&mut self) {
        if let Memory::Part(slab) = &self.memory {
            slab.settle(self.start, self.length);
            self.memory = Memory::Settled(Arc::clone(slab));
        }
    }

    /// Makes room for at least `length` numbers; what was there before is unspecified.
    pub(crate) fn reserve(&mut self, length: usize) {
        if self.length < length {
            *self = Self::zeroed(length);
        }
    }
}

impl Clone for Buffer {
    /// A copy elsewhere begins elsewhere on its first line.
    fn clone(&self) -> Self {
        let mut copy = Self::zeroed(self.length);
        copy.copy_from_slice(self);
        copy
    }
}

impl std::ops::Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &self.memory {
            Memory::Own(numbers) => &numbers[self.start..self.start + self.length],
            // SAFETY: this part was handed out to this buffer alone.
            Memory::Part(slab) | Memory::Settled(slab) => unsafe { slab.part(self.start, self.length) },
        }
    }
}

impl std::ops::DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        if let Memory::Settled(_) = self.memory {
            *self = self.clone();
        }
        match &mut self.memory {
            Memory::Own(numbers) => &mut numbers[self.start..self.start + self.length],
            // SAFETY: as above, and the buffer is borrowed mutably.
            Memory::Part(slab) => unsafe { slab.part_mut(self.start, self.length) },
            Memory::Settled(_) => unreachable!("it was copied"),
        }
    }
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buffer({} numbers)", self.len())
    }
}

/// Takes a buffer of this thread; what it holds is unspecified.
pub(crate) fn take() -> Buffer {
    SCRATCH.with_borrow_mut(Vec::pop).unwrap_or_default()
}

/// Gives a buffer to this thread, for the next who takes one.
pub(crate) fn give_back(buffer: Buffer) {
    SCRATCH.with_borrow_mut(|buffers| buffers.push(buffer));
}

thread_local! {
    static SCRATCH: RefCell<Vec<Buffer>> = const { RefCell::new(Vec::new()) };
}

/// Numbers of unspecified value, in memory that the thread keeps for the next such request. Requests may nest.
pub(crate) struct Scratch {
    buffer: Buffer,
    length: usize,
}

impl Scratch {
    /// Takes room for `length` numbers.
    pub(crate) fn take(length: usize) -> Self {
        let mut buffer = take();
        buffer.reserve(length);
        Self { buffer, length }
    }
}

impl std::ops::Deref for Scratch {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.buffer[..self.length]
    }
}

impl std::ops::DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.buffer[..self.length]
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        give_back(std::mem::take(&mut self.buffer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_start_on_a_line_too() {
        let mut first = Buffer::zeroed(100);
        first[99] = 1.0;
        let mut lasting = Buffer::lasting(PART);
        lasting[..112].copy_from_slice(&first);
        assert!(lasting.len() == PART && lasting[112..].iter().all(|number| *number == 0.0));
        lasting.settle();
        lasting[0] = 2.0;
        assert_eq!((lasting[0], lasting[99]), (2.0, 1.0), "what is settled is copied where it is to change");
        for buffer in [first.clone(), first] {
            assert_eq!(buffer.as_ptr().align_offset(64), 0);
            assert_eq!((buffer.len(), buffer[0], buffer[99]), (112, 0.0, 1.0));
        }
    }
}
