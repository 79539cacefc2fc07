//! Memory that starts on a cache line: packed weights, and scratch that each thread keeps between calls.

use std::cell::RefCell;

/// Numbers in one cache line.
pub(crate) const LINE: usize = 16;

/// One cache line.
#[derive(Clone, Copy, Default)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

/// Zeroed numbers that start on a cache line.
#[derive(Clone, Default)]
pub(crate) struct Buffer(Vec<Line>);

impl Buffer {
    /// At least `length` zeros, rounded up to whole lines.
    pub(crate) fn zeroed(length: usize) -> Self {
        Self(vec![Line::default(); length.div_ceil(LINE)])
    }

    /// Makes room for at least `length` numbers; what was there before is unspecified.
    pub(crate) fn reserve(&mut self, length: usize) {
        let lines = length.div_ceil(LINE);
        if self.0.len() < lines {
            self.0.resize(lines, Line::default());
        }
    }
}

impl std::ops::Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: a line is sixteen numbers without padding.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), self.0.len() * LINE) }
    }
}

impl std::ops::DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: a line is sixteen numbers without padding.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), self.0.len() * LINE) }
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
