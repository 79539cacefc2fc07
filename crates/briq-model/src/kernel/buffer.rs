//! Memory for results, used again from run to run.

use std::cell::RefCell;
use std::mem::MaybeUninit;

use burn_std::{AccessError, AccessPolicy, AllocationController, AllocationProperty, Bytes};

/// The most buffers that a thread keeps.
const KEPT: usize = 48;

/// The most numbers that a thread keeps: 256 MiB.
const KEPT_NUMBERS: usize = 64 << 20;

thread_local! {
    static FREE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Memory for `count` numbers, of any value, from what this thread has freed where something fits.
pub(crate) fn buffer(count: usize) -> Vec<f32> {
    let found = FREE.with_borrow_mut(|free| {
        let fits = |buffer: &Vec<f32>| buffer.capacity() >= count && buffer.capacity() / 2 <= count.max(256);
        let best = (0..free.len()).filter(|&at| fits(&free[at])).min_by_key(|&at| free[at].capacity())?;
        Some(free.swap_remove(best))
    });
    // Zeros of the system's own are not written, so that new memory is touched where its numbers are computed.
    let Some(mut buffer) = found else { return vec![0.0; count] };
    buffer.resize(count, 0.0);
    buffer
}

/// Keeps a buffer for later, unless there are enough.
fn keep(buffer: Vec<f32>) {
    // Fails only while a thread ends; the buffer is freed then.
    let _ = FREE.try_with(|free| {
        let mut free = free.borrow_mut();
        free.push(buffer);
        while free.len() > KEPT || free.iter().map(Vec::capacity).sum::<usize>() > KEPT_NUMBERS {
            free.remove(0);
        }
    });
}

/// The numbers as the bytes of a tensor, to be used again once nothing reads them any more.
pub(crate) fn recycled(numbers: Vec<f32>) -> Bytes {
    let length = size_of_val(numbers.as_slice());
    // SAFETY: every number of the vector is initialised, so its first `length` bytes are.
    unsafe { Bytes::from_controller(Box::new(Recycled { numbers }), length) }
}

/// Memory that goes back to its thread's store.
struct Recycled {
    numbers: Vec<f32>,
}

impl AllocationController for Recycled {
    fn alloc_align(&self) -> usize {
        align_of::<f32>()
    }

    fn property(&self) -> AllocationProperty {
        AllocationProperty::Other
    }

    unsafe fn memory_mut(&mut self, _: AccessPolicy) -> Result<&mut [MaybeUninit<u8>], AccessError> {
        let numbers = self.numbers.as_mut_slice();
        // SAFETY: the same memory; the caller promises to write initialised bytes only, and any four are a number.
        Ok(unsafe { std::slice::from_raw_parts_mut(numbers.as_mut_ptr().cast(), size_of_val(numbers)) })
    }

    fn memory(&self, _: AccessPolicy) -> Result<&[MaybeUninit<u8>], AccessError> {
        let numbers = self.numbers.as_slice();
        // SAFETY: the same memory, as bytes.
        Ok(unsafe { std::slice::from_raw_parts(numbers.as_ptr().cast(), size_of_val(numbers)) })
    }
}

impl Drop for Recycled {
    fn drop(&mut self) {
        keep(std::mem::take(&mut self.numbers));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_freed_is_used_again() {
        let first = recycled(buffer(1000));
        let place = first.as_ptr();
        drop(first);
        let second = buffer(1000);
        assert_eq!(second.as_ptr().cast(), place);
    }

    #[test]
    fn bytes_can_be_changed_and_copied() {
        let mut bytes = recycled(vec![1.0, 2.0]);
        bytes[0..4].copy_from_slice(&3.0_f32.to_le_bytes());
        assert_eq!(bytes.clone()[0..4], 3.0_f32.to_le_bytes());
    }
}
