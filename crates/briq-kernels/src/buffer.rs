//! Memory that starts on a cache line: packed weights, and scratch that each thread keeps between calls.

use std::cell::RefCell;

/// Numbers in one cache line.
pub(crate) const LINE: usize = 16;

/// Zeroed numbers that start on a cache line.
///
/// Memory that the system hands out is zero already, so none of it is touched before it is written.
#[derive(Default)]
pub(crate) struct Buffer {
    numbers: Vec<f32>,
    /// Where the first cache line begins.
    start: usize,
    length: usize,
}

impl Buffer {
    /// At least `length` zeros, rounded up to whole lines.
    pub(crate) fn zeroed(length: usize) -> Self {
        let length = length.next_multiple_of(LINE);
        if length == 0 {
            return Self::default();
        }
        let numbers = vec![0.0; length + LINE - 1];
        let start = numbers.as_ptr().align_offset(LINE * size_of::<f32>());
        Self { numbers, start, length }
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
        &self.numbers[self.start..self.start + self.length]
    }
}

impl std::ops::DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.numbers[self.start..self.start + self.length]
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
        for buffer in [first.clone(), first] {
            assert_eq!(buffer.as_ptr().align_offset(64), 0);
            assert_eq!((buffer.len(), buffer[0], buffer[99]), (112, 0.0, 1.0));
        }
    }
}
