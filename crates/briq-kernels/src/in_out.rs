//! What a kernel reads and where it writes.

use std::marker::PhantomData;
use std::ops::Range;

use crate::parallel::{self, Cost};
use crate::simd::Simd;

/// The numbers that a kernel reads and the place of its results: the same memory, or two slices of one length.
///
/// ```
/// use briq_kernels::{InOut, elementwise::Unary};
///
/// let x = [4.0, 9.0];
/// let mut y = [0.0; 2];
/// Unary::Sqrt.apply(InOut::between(&x, &mut y));
/// assert_eq!(y, [2.0, 3.0]);
/// Unary::Neg.apply(InOut::in_place(&mut y));
/// assert_eq!(y, [-2.0, -3.0]);
/// ```
#[derive(Debug)]
pub struct InOut<'a> {
    input: *const f32,
    out: *mut f32,
    length: usize,
    slices: PhantomData<(&'a [f32], &'a mut [f32])>,
}

// SAFETY: it stands for a shared and an exclusive slice, both of which may be sent.
unsafe impl Send for InOut<'_> {}
// SAFETY: only `part`, which is unsafe, gives access through a shared reference.
unsafe impl Sync for InOut<'_> {}

impl<'a> InOut<'a> {
    /// The results replace what is read.
    #[must_use]
    pub const fn in_place(values: &'a mut [f32]) -> Self {
        let out = values.as_mut_ptr();
        Self { input: out, out, length: values.len(), slices: PhantomData }
    }

    /// The results go elsewhere.
    ///
    /// # Panics
    /// If the slices are of different lengths.
    #[must_use]
    pub const fn between(input: &'a [f32], out: &'a mut [f32]) -> Self {
        assert!(input.len() == out.len(), "slices of one length");
        Self { input: input.as_ptr(), out: out.as_mut_ptr(), length: out.len(), slices: PhantomData }
    }

    /// # Safety
    /// `length` numbers are readable at `input` and writable at `out` for as long as this lives; they are the same or do not
    /// overlap.
    pub(crate) const unsafe fn raw(input: *const f32, out: *mut f32, length: usize) -> Self {
        Self { input, out, length, slices: PhantomData }
    }

    /// The same place of the results, but `input` is read instead.
    ///
    /// # Safety
    /// As for [`raw`](Self::raw).
    pub(crate) const unsafe fn redirected(&mut self, input: *const f32) -> InOut<'_> {
        InOut { input, out: self.out, length: self.length, slices: PhantomData }
    }

    /// How many numbers are read.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Whether there is nothing to read.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// What is read.
    pub(crate) const fn input(&self) -> &[f32] {
        // SAFETY: the constructors had a slice of this length, and `self` is borrowed, so nothing writes meanwhile.
        unsafe { std::slice::from_raw_parts(self.input, self.length) }
    }

    /// Where the results go; what was written, once it was.
    pub(crate) const fn out(&mut self) -> &mut [f32] {
        // SAFETY: the constructors had an exclusive slice of this length, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.out, self.length) }
    }

    /// A part of it.
    ///
    /// # Safety
    /// No other part that is in use overlaps it.
    unsafe fn part(&self, range: Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= self.length, "a part of the slices");
        // SAFETY: both offsets are inside the slices.
        let (input, out) = unsafe { (self.input.add(range.start), self.out.add(range.start)) };
        Self { input, out, length: range.len(), slices: PhantomData }
    }

    /// One after the other, the parts of `width` numbers; what is left over is not visited.
    #[inline(always)]
    pub(crate) fn rows(self, width: usize) -> impl Iterator<Item = Self> {
        let rows = self.length.checked_div(width).unwrap_or(0);
        // SAFETY: the parts are disjoint, and `self` is gone.
        (0..rows).map(move |row| unsafe { self.part(row * width..(row + 1) * width) })
    }

    /// Calls `work` with runs of whole rows of `width` numbers and the index of the first row in each, on several threads where
    /// the cost of a row is worth it.
    ///
    /// # Panics
    /// If there are not whole rows.
    pub(crate) fn for_each_rows(self, width: usize, cost: Cost, work: impl Fn(usize, Self) + Sync) {
        if self.is_empty() {
            return;
        }
        assert!(width > 0 && self.length.is_multiple_of(width), "whole rows of {width} in {}", self.length);
        parallel::for_each_range(self.length / width, cost, |rows| {
            // SAFETY: ranges are disjoint, and each is handed out once.
            work(rows.start, unsafe { self.part(rows.start * width..rows.end * width) });
        });
    }

    /// Writes `f` of each number.
    #[inline(always)]
    pub(crate) fn map<S: Simd>(&mut self, simd: S, mut f: impl FnMut(S::Float) -> S::Float) {
        self.map_at(
            simd,
            #[inline(always)]
            |_, _, value| f(value),
        );
    }

    /// Writes `f` of each register and of the lanes that are inside the slice, `None` for all of them.
    #[inline(always)]
    pub(crate) fn map_lanes<S: Simd>(&mut self, simd: S, mut f: impl FnMut(S::Float, Option<S::Mask>) -> S::Float) {
        self.map_at(
            simd,
            #[inline(always)]
            |_, lanes, value| f(value, lanes),
        );
    }

    /// Writes `f` of each number and of the one at its index in `second`.
    ///
    /// # Panics
    /// If the slices are of different lengths.
    #[inline(always)]
    pub(crate) fn map2<S: Simd>(&mut self, simd: S, second: &[f32], mut f: impl FnMut(S::Float, S::Float) -> S::Float) {
        assert!(second.len() == self.length, "slices of one length");
        // SAFETY: the lanes at this index are inside a slice of the same length.
        self.map_at(
            simd,
            #[inline(always)]
            |at, lanes, value| f(value, unsafe { read(simd, second.as_ptr().add(at), lanes) }),
        );
    }

    /// Writes `f` of each number and of those at its index in `second` and `third`.
    ///
    /// # Panics
    /// If the slices are of different lengths.
    #[inline(always)]
    pub(crate) fn map3<S: Simd>(
        &mut self,
        simd: S,
        second: &[f32],
        third: &[f32],
        mut f: impl FnMut(S::Float, S::Float, S::Float) -> S::Float,
    ) {
        assert!(third.len() == self.length, "slices of one length");
        let third = third.as_ptr();
        assert!(second.len() == self.length, "slices of one length");
        self.map_at(
            simd,
            #[inline(always)]
            |at, lanes, value| {
                // SAFETY: the lanes at this index are inside slices of the same length.
                let (b, c) = unsafe { (read(simd, second.as_ptr().add(at), lanes), read(simd, third.add(at), lanes)) };
                f(value, b, c)
            },
        );
    }

    /// Writes `f` of the index, the lanes that are inside the slice (`None` for all), and the register.
    #[inline(always)]
    fn map_at<S: Simd>(&mut self, simd: S, mut f: impl FnMut(usize, Option<S::Mask>, S::Float) -> S::Float) {
        let whole = self.length - self.length % S::LANES;
        let mut at = 0;
        while at < whole {
            // SAFETY: LANES numbers from `at` are inside both slices.
            unsafe { simd.store_at(self.out.add(at), f(at, None, simd.load_at(self.input.add(at)))) };
            at += S::LANES;
        }
        if at < self.length {
            let lanes = simd.first(self.length - at);
            // SAFETY: the mask has the lanes that are inside both slices.
            unsafe {
                let value = f(at, Some(lanes), simd.load_masked_at(self.input.add(at), lanes));
                simd.store_masked_at(self.out.add(at), lanes, value);
            }
        }
    }
}

/// Reads a register, or some lanes of it.
///
/// # Safety
/// The numbers in those lanes are readable.
#[inline(always)]
unsafe fn read<S: Simd>(simd: S, from: *const f32, lanes: Option<S::Mask>) -> S::Float {
    match lanes {
        // SAFETY: the caller vouches for all lanes.
        None => unsafe { simd.load_at(from) },
        // SAFETY: the caller vouches for these lanes.
        Some(lanes) => unsafe { simd.load_masked_at(from, lanes) },
    }
}
