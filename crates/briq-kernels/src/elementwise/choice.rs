//! One of two tensors, element by element.

use std::ops::Range;

use super::broadcast::{Loop, Nest};
use crate::parallel::{self, Cost, SharedMut};
use crate::simd::{Kernel, Simd, Unit};

/// Takes elements of one tensor where a condition holds and of another one elsewhere, the three shapes being broadcast by
/// the rules of NumPy and ONNX.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice(Nest<3>);

/// Rows longer than this are cut, so that several threads can take part.
const SEGMENT: usize = 16_384;

impl Choice {
    /// Of a condition and two tensors that are laid out without gaps, the last axis fastest. `None` where the shapes do not
    /// fit together.
    #[must_use]
    pub fn new(condition: &[usize], yes: &[usize], no: &[usize]) -> Option<Self> {
        Nest::new([condition, yes, no]).map(Self)
    }

    /// The shape of the result.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.0.shape
    }

    /// How many numbers the result has.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.shape.iter().product()
    }

    /// Writes what is chosen.
    ///
    /// # Panics
    /// If a slice has another number of elements than its shape.
    pub fn apply(&self, condition: &[bool], yes: &[f32], no: &[f32], out: &mut [f32]) {
        assert_eq!([condition.len(), yes.len(), no.len()], self.0.counts, "elements of the condition and the tensors");
        assert_eq!(out.len(), self.count(), "elements of the result");
        if out.is_empty() {
            return;
        }
        let (row, outer) = self.0.loops.split_last().expect("at least one loop");
        let rows: usize = outer.iter().map(|axis| axis.size).product();
        let segments = row.size.div_ceil(SEGMENT);
        let (unit, out) = (Unit::current(), SharedMut::new(out));
        let cost = Cost::per_item(row.size.div_ceil(segments) + 8);
        parallel::for_each_range(rows * segments, cost, |items| {
            unit.run(Part { outer, row, segments, items, condition, yes, no, out });
        });
    }
}

/// Some of the rows, each of which is cut into `segments`.
struct Part<'a> {
    outer: &'a [Loop<3>],
    row: &'a Loop<3>,
    segments: usize,
    items: Range<usize>,
    condition: &'a [bool],
    yes: &'a [f32],
    no: &'a [f32],
    out: SharedMut<'a>,
}

impl Kernel for Part<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let size = self.row.size;
        for item in self.items.clone() {
            let (index, segment) = (item / self.segments, item % self.segments);
            let columns = segment * size / self.segments..(segment + 1) * size / self.segments;
            let starts = self.offsets(index);
            let [condition, yes, no] = self.row.strides;
            // SAFETY: each part of the result belongs to one item.
            let out = unsafe { self.out.slice(index * size + columns.start, columns.len()) };
            choose(
                run(&self.condition[starts[0]..], condition, &columns),
                run(&self.yes[starts[1]..], yes, &columns),
                run(&self.no[starts[2]..], no, &columns),
                out,
            );
        }
    }
}

impl Part<'_> {
    /// Where the row with this index begins in the condition and in the tensors.
    #[inline(always)]
    fn offsets(&self, mut row: usize) -> [usize; 3] {
        let mut offsets = [0; 3];
        for axis in self.outer.iter().rev() {
            let index = row % axis.size;
            offsets = std::array::from_fn(|at| offsets[at] + index * axis.strides[at]);
            row /= axis.size;
        }
        offsets
    }
}

/// These columns of a row, or the only element that it has.
#[inline(always)]
fn run<'a, T>(row: &'a [T], stride: usize, columns: &Range<usize>) -> &'a [T] {
    if stride == 0 { &row[..1] } else { &row[columns.clone()] }
}

/// A slice of one element repeats.
#[inline(always)]
fn choose(condition: &[bool], yes: &[f32], no: &[f32], out: &mut [f32]) {
    if let [condition] = *condition {
        return match *(if condition { yes } else { no }) {
            [one] => out.fill(one),
            ref all => out.copy_from_slice(all),
        };
    }
    let conditions = condition.iter();
    match (yes, no) {
        ([yes], [no]) => {
            for (out, &holds) in out.iter_mut().zip(conditions) {
                *out = if holds { *yes } else { *no };
            }
        }
        ([yes], no) => {
            for ((out, &holds), &no) in out.iter_mut().zip(conditions).zip(no) {
                *out = if holds { *yes } else { no };
            }
        }
        (yes, [no]) => {
            for ((out, &holds), &yes) in out.iter_mut().zip(conditions).zip(yes) {
                *out = if holds { yes } else { *no };
            }
        }
        (yes, no) => {
            for (((out, &holds), &yes), &no) in out.iter_mut().zip(conditions).zip(yes).zip(no) {
                *out = if holds { yes } else { no };
            }
        }
    }
}
