//! Sums, means and extremes over some of the axes.

use crate::parallel::{self, Cost, SharedMut};
use crate::simd::{Kernel, Simd, Unit, map};

/// What becomes of the numbers that are reduced to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reduction {
    /// Their sum.
    Sum,
    /// Their mean.
    Mean,
    /// The sum of their squares.
    SumOfSquares,
    /// The largest; what is not a number may be passed over.
    Max,
    /// The smallest; what is not a number may be passed over.
    Min,
}

/// A tensor seen as three axes, of which the middle one is reduced: rows have `inner` 1; images with channels last have the
/// batch outside, the pixels in the middle and the channels inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Everything before the reduced axis.
    pub outer: usize,
    /// How many numbers become one.
    pub reduced: usize,
    /// Everything after the reduced axis.
    pub inner: usize,
}

/// Numbers that are summed in single precision before the sum goes on in double precision.
const BLOCK: usize = 8192;
/// Rows of columns that are summed before the sum goes into a total, so that errors grow slowly.
const BLOCK_OF_ROWS: usize = 256;
/// Columns that one piece of work reduces together.
const COLUMNS: usize = 64;

impl Reduction {
    /// Reduces the middle axis of `input`; `out` has `outer · inner` elements.
    ///
    /// # Panics
    /// If a slice has another number of elements, or nothing is to be reduced to a largest or smallest number.
    pub fn apply(self, input: &[f32], extent: Extent, out: &mut [f32]) {
        let Extent { outer, reduced, inner } = extent;
        assert_eq!(input.len(), outer * reduced * inner, "elements of the input");
        assert_eq!(out.len(), outer * inner, "elements of the result");
        assert!(reduced > 0 || matches!(self, Self::Sum | Self::SumOfSquares), "something to reduce");
        if input.is_empty() {
            return out.fill(0.0);
        }
        if inner == 1 {
            self.apply_to_rows(input, reduced, out);
        } else {
            self.apply_to_columns(input, extent, out);
        }
    }

    fn apply_to_rows(self, input: &[f32], width: usize, out: &mut [f32]) {
        let unit = Unit::current();
        parallel::for_each_chunk(out, 1, Cost::per_item(width + 8), |first, out| {
            unit.run(Rows { reduction: self, input: &input[first * width..][..out.len() * width], width, out });
        });
    }

    fn apply_to_columns(self, input: &[f32], extent: Extent, out: &mut [f32]) {
        let Extent { outer, reduced, inner } = extent;
        let (unit, shared) = (Unit::current(), SharedMut::new(out));
        let blocks = inner.div_ceil(COLUMNS);
        parallel::for_each_range(outer * blocks, Cost::per_item(reduced * COLUMNS.min(inner) + 8), |items| {
            for (outer, block) in items.map(|item| (item / blocks, item % blocks)) {
                let start = block * COLUMNS;
                let width = COLUMNS.min(inner - start);
                let input = &input[outer * reduced * inner + start..(outer + 1) * reduced * inner];
                // SAFETY: each block of columns of each outer index is visited once.
                let out = unsafe { shared.slice(outer * inner + start, width) };
                unit.run(Columns { reduction: self, input, stride: inner, reduced, out });
            }
        });
    }

    /// What no numbers reduce to.
    const fn neutral(self) -> f32 {
        match self {
            Self::Max => f32::NEG_INFINITY,
            Self::Min => f32::INFINITY,
            Self::Sum | Self::Mean | Self::SumOfSquares => 0.0,
        }
    }

    /// Of the lanes of a register.
    #[inline(always)]
    fn across<S: Simd>(self, simd: S, reduced: S::Float) -> f32 {
        match self {
            Self::Max => simd.reduce_max(reduced),
            Self::Min => -simd.reduce_max(simd.neg(reduced)),
            Self::Sum | Self::Mean | Self::SumOfSquares => simd.reduce_add(reduced),
        }
    }

    /// Of two reductions.
    fn join(self, left: f64, right: f64) -> f64 {
        match self {
            Self::Max => left.max(right),
            Self::Min => left.min(right),
            Self::Sum | Self::Mean | Self::SumOfSquares => left + right,
        }
    }

    /// The factor for the result of reducing `count` numbers.
    #[expect(clippy::cast_precision_loss, reason = "a mean needs no more")]
    fn factor(self, count: usize) -> f32 {
        if self == Self::Mean { 1.0 / count as f32 } else { 1.0 }
    }
}

/// The sum of a row.
#[inline(always)]
pub(crate) fn sum<S: Simd>(simd: S, row: &[f32]) -> f32 {
    let add = |left, right| simd.add(left, right);
    simd.reduce_add(fold(simd, row, 0.0, add, add))
}

/// The largest number of a row.
#[inline(always)]
pub(crate) fn largest<S: Simd>(simd: S, row: &[f32]) -> f32 {
    let larger = |most, value| simd.max(value, most);
    simd.reduce_max(fold(simd, row, f32::NEG_INFINITY, larger, larger))
}

/// Folds a row by `step` into four registers, so that one step need not wait for the one before, and those by `join`.
#[inline(always)]
pub(crate) fn fold<S: Simd>(
    simd: S,
    row: &[f32],
    start: f32,
    step: impl Fn(S::Float, S::Float) -> S::Float,
    join: impl Fn(S::Float, S::Float) -> S::Float,
) -> S::Float {
    let mut folded = [simd.splat(start); 4];
    let mut fours = row.chunks_exact(4 * S::LANES);
    for four in &mut fours {
        for (folded, chunk) in folded.iter_mut().zip(four.chunks_exact(S::LANES)) {
            *folded = step(*folded, simd.load(chunk));
        }
    }
    let mut ones = fours.remainder().chunks_exact(S::LANES);
    for one in &mut ones {
        folded[0] = step(folded[0], simd.load(one));
    }
    let rest = ones.remainder();
    if !rest.is_empty() {
        folded[1] = simd.select(simd.first(rest.len()), step(folded[1], simd.load(rest)), folded[1]);
    }
    join(join(folded[0], folded[1]), join(folded[2], folded[3]))
}

struct Rows<'a> {
    reduction: Reduction,
    input: &'a [f32],
    width: usize,
    out: &'a mut [f32],
}

impl Kernel for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let add = |left, right| simd.add(left, right);
        match self.reduction {
            Reduction::Sum | Reduction::Mean => self.visit(simd, add, add),
            Reduction::SumOfSquares => self.visit(simd, |sum, value| simd.mul_add(value, value, sum), add),
            Reduction::Max => self.visit(simd, |most, value| simd.max(value, most), |a, b| simd.max(a, b)),
            Reduction::Min => self.visit(simd, |least, value| simd.min(value, least), |a, b| simd.min(a, b)),
        }
    }
}

impl Rows<'_> {
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the result is in single precision")]
    fn visit<S: Simd>(
        self,
        simd: S,
        step: impl Fn(S::Float, S::Float) -> S::Float,
        join: impl Fn(S::Float, S::Float) -> S::Float,
    ) {
        let Self { reduction, input, width, out } = self;
        let (start, factor) = (reduction.neutral(), reduction.factor(width));
        for (row, out) in input.chunks_exact(width).zip(out) {
            let mut total = f64::from(start);
            for block in row.chunks(BLOCK) {
                let folded = fold(simd, block, start, &step, &join);
                total = reduction.join(total, f64::from(reduction.across(simd, folded)));
            }
            *out = total as f32 * factor;
        }
    }
}

/// At most [`COLUMNS`] columns, the first of which are the first numbers of `input`.
struct Columns<'a> {
    reduction: Reduction,
    input: &'a [f32],
    stride: usize,
    reduced: usize,
    out: &'a mut [f32],
}

impl Kernel for Columns<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let add = |left, right| simd.add(left, right);
        match self.reduction {
            Reduction::Sum | Reduction::Mean => self.visit(simd, add, add),
            Reduction::SumOfSquares => self.visit(simd, |sum, value| simd.mul_add(value, value, sum), add),
            Reduction::Max => self.visit(simd, |most, value| simd.max(value, most), |a, b| simd.max(a, b)),
            Reduction::Min => self.visit(simd, |least, value| simd.min(value, least), |a, b| simd.min(a, b)),
        }
    }
}

impl Columns<'_> {
    #[inline(always)]
    fn visit<S: Simd>(
        self,
        simd: S,
        step: impl Fn(S::Float, S::Float) -> S::Float,
        join: impl Fn(S::Float, S::Float) -> S::Float,
    ) {
        self.out.fill(self.reduction.neutral());
        fold_columns(
            simd,
            self.input,
            self.stride,
            self.out,
            #[inline(always)]
            |_, folded, value| step(folded, value),
            join,
        );
        let factor = simd.splat(self.reduction.factor(self.reduced));
        map(simd, self.out, |total| simd.mul(total, factor));
    }
}

/// Folds each column of rows that are `stride` apart by `step`, which is told the column of the first lane, beginning
/// with what is in `totals`, which is what no rows fold to; and parts of columns by `join`. There are as many columns as totals.
#[inline(always)]
pub(crate) fn fold_columns<S: Simd>(
    simd: S,
    input: &[f32],
    stride: usize,
    totals: &mut [f32],
    step: impl Fn(usize, S::Float, S::Float) -> S::Float,
    join: impl Fn(S::Float, S::Float) -> S::Float,
) {
    let count = totals.len();
    for (index, totals) in totals.chunks_mut(4 * S::LANES).enumerate() {
        let first = index * 4 * S::LANES;
        let registers = totals.len().div_ceil(S::LANES);
        let neutral = [0, 1, 2, 3].map(|register| simd.load(&totals[totals.len().min(register * S::LANES)..]));
        for block in input.chunks(BLOCK_OF_ROWS * stride) {
            let mut folded = neutral;
            for row in block.chunks(stride) {
                for (register, folded) in folded.iter_mut().enumerate().take(registers) {
                    let column = first + register * S::LANES;
                    *folded = step(column, *folded, simd.load(&row[column..count]));
                }
            }
            for (totals, folded) in totals.chunks_mut(S::LANES).zip(folded) {
                let total = join(simd.load(totals), folded);
                simd.store(totals, total);
            }
        }
    }
}
