//! Functions of two numbers, over shapes that are broadcast.

use std::ops::Range;

use super::broadcast::{Axis, Broadcast};
use super::power::{self, power_of_lanes};
use crate::InOut;
use crate::parallel::{self, Cost};
use crate::simd::{Kernel, Simd, Unit};

/// A function of two tensors, element by element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Binary {
    /// left + right.
    Add,
    /// left - right.
    Sub,
    /// left · right.
    Mul,
    /// left / right.
    Div,
    /// The larger; not a number where either is not.
    Max,
    /// The smaller; not a number where either is not.
    Min,
    /// left to the power right.
    Pow,
}

/// Rows shorter than this are joined by repeating the operand that repeats.
const SHORT: usize = 128;
/// About how long the joined rows are.
const JOINED: usize = 512;
/// Rows longer than this are cut, so that several threads can take part.
const SEGMENT: usize = 16_384;

impl Binary {
    /// Writes the function of `left` and `right`, which have the shapes that `broadcast` was made of.
    ///
    /// # Panics
    /// If a slice has another number of elements than its shape.
    pub fn apply(self, broadcast: &Broadcast, left: &[f32], right: &[f32], out: &mut [f32]) {
        assert_eq!(left.len(), broadcast.operands().0, "elements of the left operand");
        self.apply_to(broadcast, left.as_ptr(), right, out);
    }

    /// Replaces `left`, which has the shape of the result, by the function of it and `right`.
    ///
    /// # Panics
    /// If a slice has another number of elements than its shape, or `left` another shape than the result.
    pub fn apply_in_place(self, broadcast: &Broadcast, left: &mut [f32], right: &[f32]) {
        assert_eq!(left.len(), broadcast.operands().0, "elements of the left operand");
        self.apply_to(broadcast, left.as_mut_ptr(), right, left);
    }

    /// `left` is the start of a slice of the left operand's length: that of `out`, or one that does not overlap it.
    fn apply_to(self, broadcast: &Broadcast, left: *const f32, right: &[f32], out: &mut [f32]) {
        assert_eq!(right.len(), broadcast.operands().1, "elements of the right operand");
        assert_eq!(out.len(), broadcast.count(), "elements of the result");
        if out.is_empty() {
            return;
        }
        let loops =
            Loops { function: self, axes: broadcast.axes(), left, right: right.as_ptr(), out: out.as_mut_ptr() };
        match *right {
            // SAFETY: against a single number, left operand and result have the same elements.
            [exponent] if self == Self::Pow => {
                power::apply(exponent, unsafe { InOut::raw(left, loops.out, out.len()) })
            }
            _ => loops.run(),
        }
    }

    const fn cost(self) -> usize {
        match self {
            Self::Pow => 60,
            _ => 1,
        }
    }
}

/// A nest of loops over two operands and a result without gaps.
#[derive(Clone, Copy)]
struct Loops<'a> {
    function: Binary,
    axes: &'a [Axis],
    left: *const f32,
    right: *const f32,
    out: *mut f32,
}

// SAFETY: the pointers stand for two shared slices and an exclusive one, of which each thread writes its own part.
unsafe impl Sync for Loops<'_> {}

impl Loops<'_> {
    fn run(self) {
        match *self.axes {
            [rows, row] if row.size < SHORT && rows.size > 1 => self.run_joined(rows, row),
            _ => self.run_plain(),
        }
    }

    /// Short rows against one that repeats: that one is written out several times, and the rows are as many times longer.
    fn run_joined(self, rows: Axis, row: Axis) {
        let times = (JOINED / row.size).min(rows.size);
        let (groups, rest) = (rows.size / times, rows.size % times);
        let (length, width) = (times * row.size, row.size);
        let joined = |left, right| [Axis { size: groups, left, right }, Axis { size: length, left: 1, right: 1 }];
        let last = [Axis { size: rest * width, left: 1, right: 1 }];
        let (tail, repeated);
        let (left, right, axes, tail_left, tail_right);
        match (rows.left, rows.right, row.left, row.right) {
            (stride, 0, 1, 1) if stride == width => {
                repeated = repeat(self.right, width, times);
                (left, right, axes) = (self.left, repeated.as_ptr(), joined(length, 0));
                (tail_left, tail_right) = (left.wrapping_add(groups * length), right);
            }
            (0, stride, 1, 1) if stride == width => {
                repeated = repeat(self.left, width, times);
                (left, right, axes) = (repeated.as_ptr(), self.right, joined(0, length));
                (tail_left, tail_right) = (left, right.wrapping_add(groups * length));
            }
            _ => return self.run_plain(),
        }
        Loops { axes: &axes, left, right, ..self }.run_plain();
        if rest > 0 {
            tail = self.out.wrapping_add(groups * length);
            Loops { axes: &last, left: tail_left, right: tail_right, out: tail, ..self }.run_plain();
        }
    }

    fn run_plain(self) {
        let (row, outer) = self.axes.split_last().expect("at least one axis");
        let rows: usize = outer.iter().map(|axis| axis.size).product();
        let segments = row.size.div_ceil(SEGMENT);
        let cost = Cost::per_item(self.function.cost() * row.size.div_ceil(segments) + 8);
        let unit = Unit::current();
        parallel::for_each_range(rows * segments, cost, |items| unit.run(Part { loops: self, items, segments }));
    }

    /// Where the row with this index begins in the operands.
    #[inline(always)]
    fn offsets(&self, mut row: usize) -> (usize, usize) {
        let (mut left, mut right) = (0, 0);
        let outer = &self.axes[..self.axes.len() - 1];
        for (place, axis) in outer.iter().enumerate().rev() {
            let index = if place == 0 { row } else { row % axis.size };
            left += index * axis.left;
            right += index * axis.right;
            if place > 0 {
                row /= axis.size;
            }
        }
        (left, right)
    }
}

fn repeat(from: *const f32, width: usize, times: usize) -> Vec<f32> {
    // SAFETY: the innermost loop reads `width` numbers from here.
    unsafe { std::slice::from_raw_parts(from, width) }.repeat(times)
}

/// Some of the rows, each of which is cut into `segments`.
struct Part<'a> {
    loops: Loops<'a>,
    items: Range<usize>,
    segments: usize,
}

impl Kernel for Part<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        match self.loops.function {
            Binary::Add => self.visit(simd, |left, right| simd.add(left, right)),
            Binary::Sub => self.visit(simd, |left, right| simd.sub(left, right)),
            Binary::Mul => self.visit(simd, |left, right| simd.mul(left, right)),
            Binary::Div => self.visit(simd, |left, right| simd.div(left, right)),
            // Where the right one is not a number the units return it; where the left one is not, it is put back.
            Binary::Max => self.visit(
                simd,
                #[inline(always)]
                |left, right| simd.select(simd.is_nan(left), left, simd.max(left, right)),
            ),
            Binary::Min => self.visit(
                simd,
                #[inline(always)]
                |left, right| simd.select(simd.is_nan(left), left, simd.min(left, right)),
            ),
            Binary::Pow => self.visit(
                simd,
                #[inline(always)]
                |left, right| power_of_lanes(simd, left, right),
            ),
        }
    }
}

impl Part<'_> {
    #[inline(always)]
    fn visit<S: Simd>(self, simd: S, f: impl Fn(S::Float, S::Float) -> S::Float + Copy) {
        let row = self.loops.axes[self.loops.axes.len() - 1];
        for item in self.items.clone() {
            let (index, segment) =
                if self.segments == 1 { (item, 0) } else { (item / self.segments, item % self.segments) };
            let (start, end) = (segment * row.size / self.segments, (segment + 1) * row.size / self.segments);
            let (left, right) = self.loops.offsets(index);
            // SAFETY: the loops stay inside the operands, and each part of the result belongs to one item.
            unsafe {
                let left = self.loops.left.add(left + start * row.left);
                let right = self.loops.right.add(right + start * row.right);
                line(
                    simd,
                    row,
                    left,
                    right,
                    InOut::raw(left, self.loops.out.add(index * row.size + start), end - start),
                    f,
                );
            }
        }
    }
}

/// One run of the innermost loop; `values` reads from `left`.
///
/// # Safety
/// As many numbers as `values` has are readable at each operand, or one where its stride is zero.
#[inline(always)]
unsafe fn line<S: Simd>(
    simd: S,
    row: Axis,
    left: *const f32,
    right: *const f32,
    mut values: InOut<'_>,
    f: impl Fn(S::Float, S::Float) -> S::Float,
) {
    // SAFETY: the caller vouches for the numbers.
    unsafe {
        if row.left == 0 {
            let left = simd.splat(*left);
            values.redirected(right).map(
                simd,
                #[inline(always)]
                |right| f(left, right),
            );
        } else if row.right == 0 {
            let right = simd.splat(*right);
            values.map(
                simd,
                #[inline(always)]
                |left| f(left, right),
            );
        } else {
            let right = std::slice::from_raw_parts(right, values.len());
            values.map2(simd, right, f);
        }
    }
}
