//! Some queries of one head.

use std::ops::Range;

use super::product::{MOST_ROWS, PANEL, Product, panel_width, tile_rows};
use super::{AttentionSpec, Mask, Operand};
use crate::InOut;
use crate::buffer::{LINE, Scratch};
use crate::parallel::SharedMut;
use crate::reduction::largest;
use crate::simd::{Kernel, Simd};
use crate::softmax::exponentials;

pub(super) struct Head<'a> {
    pub(super) spec: &'a AttentionSpec,
    pub(super) batch: usize,
    pub(super) head: usize,
    pub(super) queries: Range<usize>,
    pub(super) query: Operand<'a>,
    pub(super) key: Operand<'a>,
    pub(super) value: Operand<'a>,
    pub(super) mask: Option<&'a Mask<'a>>,
    pub(super) out: SharedMut<'a>,
}

/// Numbers of keys and values that are used again and again before the next block: part of a second-level cache.
const BLOCK: usize = 32 * 1024;

/// The room that a head needs beside its operands.
struct Room<'a> {
    /// A block of keys, transposed, in panels of `depth × width`.
    keys: &'a mut [f32],
    /// A block of values, in panels of `keys × width`.
    values: &'a mut [f32],
    /// A few queries, scaled, in rows of `query_stride`.
    queries: &'a mut [f32],
    /// The scores of those queries, in rows of `score_stride`.
    scores: &'a mut [f32],
    /// The largest score of each query so far.
    most: &'a mut [f32],
    /// The sum of the exponentials of each query so far.
    sums: &'a mut [f32],
    query_stride: usize,
    score_stride: usize,
}

/// A few queries and a block of keys.
struct Step {
    first: usize,
    count: usize,
    keys: Range<usize>,
}

impl Kernel for Head<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let AttentionSpec { keys, depth, value_depth, .. } = *self.spec;
        let width = PANEL * S::LANES;
        let block =
            (BLOCK / (depth + value_depth).max(1)).max(width).next_multiple_of(width).min(keys.next_multiple_of(width));
        // Rows are a cache line longer than needed, so that they do not push one another out of the nearest cache.
        let (query_stride, score_stride) = (depth.next_multiple_of(LINE) + LINE, block + LINE);
        let lengths = [
            block * depth,
            block * value_depth.next_multiple_of(width),
            MOST_ROWS * query_stride,
            MOST_ROWS * score_stride,
            self.queries.len(),
            self.queries.len(),
        ];
        let mut scratch = Scratch::take(lengths.iter().map(|length| length.next_multiple_of(LINE)).sum());
        let mut rest = &mut *scratch;
        let [keys_room, values, queries, scores, most, sums] = lengths.map(|length| {
            let (part, after) = std::mem::take(&mut rest).split_at_mut(length.next_multiple_of(LINE));
            rest = after;
            part
        });
        let mut room = Room { keys: keys_room, values, queries, scores, most, sums, query_stride, score_stride };
        for start in (0..keys).step_by(block) {
            let keys = start..keys.min(start + block);
            self.pack_keys(simd, keys.clone(), room.keys);
            self.pack_values::<S>(keys.clone(), room.values);
            for first in self.queries.clone().step_by(tile_rows(S::LANES)) {
                let count = tile_rows(S::LANES).min(self.queries.end - first);
                self.attend(simd, &Step { first, count, keys: keys.clone() }, &mut room);
            }
        }
    }
}

impl Head<'_> {
    /// Lanes past the last key are left as they are: what they give is not stored.
    #[inline(always)]
    fn pack_keys<S: Simd>(&self, simd: S, keys: Range<usize>, packed: &mut [f32]) {
        let depth = self.spec.depth;
        for first in (0..keys.len()).step_by(S::LANES) {
            let count = S::LANES.min(keys.len() - first);
            let panel = first - first % (PANEL * S::LANES);
            let width = panel_width(S::LANES, keys.len() - panel);
            let panel = &mut packed[panel * depth + first - panel..];
            for column in (0..depth).step_by(S::LANES) {
                let columns = S::LANES.min(depth - column);
                let mut block = [simd.zero(); 16];
                for (index, line) in block[..count].iter_mut().enumerate() {
                    let key = self.key.row(self.batch, self.head, keys.start + first + index, depth);
                    *line = simd.load(&key[column..column + columns]);
                }
                for (index, &line) in simd.transpose(block)[..columns].iter().enumerate() {
                    simd.store(&mut panel[(column + index) * width..][..S::LANES], line);
                }
            }
        }
    }

    #[inline(always)]
    fn pack_values<S: Simd>(&self, keys: Range<usize>, packed: &mut [f32]) {
        let value_depth = self.spec.value_depth;
        for first in (0..value_depth).step_by(PANEL * S::LANES) {
            let width = panel_width(S::LANES, value_depth - first);
            let columns = width.min(value_depth - first);
            let panel = &mut packed[first * keys.len()..][..keys.len() * width];
            for (row, line) in keys.clone().zip(panel.chunks_exact_mut(width)) {
                let value = self.value.row(self.batch, self.head, row, value_depth);
                line[..columns].copy_from_slice(&value[first..first + columns]);
            }
        }
    }

    /// What a block of keys adds to the results of a few queries.
    #[inline(always)]
    fn attend<S: Simd>(&self, simd: S, step: &Step, room: &mut Room<'_>) {
        let AttentionSpec { depth, value_depth, .. } = *self.spec;
        let (count, keys) = (step.count, step.keys.len());
        self.copy_queries(simd, step, room);
        if keys == self.spec.keys {
            self.prefetch(simd, step.first..step.first + count);
        }
        let product = Product { count, depth, columns: keys, stride: room.score_stride, resume: false };
        // SAFETY: the room has as many rows of scores.
        unsafe { product.run(simd, (room.queries, room.query_stride), room.keys, room.scores.as_mut_ptr()) };
        for row in 0..count {
            self.exponentials(simd, step, row, room);
        }
        let (start, stride) = self.result(step.first);
        let product = Product { count, depth: keys, columns: value_depth, stride, resume: step.keys.start > 0 };
        // SAFETY: these numbers belong to these queries of this head alone.
        unsafe { product.run(simd, (room.scores, room.score_stride), room.values, self.out.at(start)) };
        if step.keys.end == self.spec.keys {
            for row in 0..count {
                self.divide(simd, step.first + row, room.sums[step.first + row - self.queries.start]);
            }
        }
    }

    /// Asks for what the next head needs of the rows with these indices, which lie so far apart that the processor does not
    /// foresee them.
    #[inline(always)]
    fn prefetch<S: Simd>(&self, simd: S, rows: Range<usize>) {
        let AttentionSpec { queries, keys, depth, value_depth, .. } = *self.spec;
        for (of, count, depth) in
            [(self.query, queries, depth), (self.key, keys, depth), (self.value, keys, value_depth)]
        {
            for row in rows.start..rows.end.min(count) {
                let next = of.numbers.as_ptr().wrapping_add(of.start(self.batch, self.head + 1, row));
                (0..depth).step_by(LINE).for_each(|column| simd.prefetch(next.wrapping_add(column)));
            }
        }
    }

    #[inline(always)]
    fn copy_queries<S: Simd>(&self, simd: S, step: &Step, room: &mut Room<'_>) {
        let (depth, scale) = (self.spec.depth, simd.splat(self.spec.scale));
        for (row, query) in room.queries.chunks_exact_mut(room.query_stride).enumerate().take(step.count) {
            let from = self.query.row(self.batch, self.head, step.first + row, depth);
            InOut::between(from, &mut query[..depth]).map(simd, |x| simd.mul(x, scale));
        }
    }

    /// Where the result of a query begins, and how far it is to the next query's.
    fn result(&self, query: usize) -> (usize, usize) {
        let stride = self.spec.heads * self.spec.value_depth;
        ((self.batch * self.spec.queries + query) * stride + self.head * self.spec.value_depth, stride)
    }

    /// Divides the result of a query by the sum of its exponentials.
    #[inline(always)]
    fn divide<S: Simd>(&self, simd: S, query: usize, sum: f32) {
        if self.spec.guarded && (sum.is_nan() || sum == 0.0) {
            // SAFETY: these numbers belong to this query of this head alone.
            unsafe { self.out.slice(self.result(query).0, self.spec.value_depth) }.fill(0.0);
        } else {
            self.multiply(simd, query, 1.0 / sum);
        }
    }

    #[inline(always)]
    fn multiply<S: Simd>(&self, simd: S, query: usize, factor: f32) {
        let factor = simd.splat(factor);
        // SAFETY: these numbers belong to this query of this head alone.
        let result = unsafe { self.out.slice(self.result(query).0, self.spec.value_depth) };
        InOut::in_place(result).map(simd, |x| simd.mul(x, factor));
    }

    /// Adds the mask to the scores of one query and replaces them by exp(score - largest so far). Where this block has a
    /// larger one than those before, what they gave is made smaller.
    #[inline(always)]
    fn exponentials<S: Simd>(&self, simd: S, step: &Step, row: usize, room: &mut Room<'_>) {
        let query = step.first + row;
        let scores = &mut room.scores[row * room.score_stride..][..step.keys.len()];
        if let Some(mask) = self.mask {
            add(simd, scores, mask.row(self.batch, self.head, query), &step.keys);
        }
        let (most, sum) = (&mut room.most[query - self.queries.start], &mut room.sums[query - self.queries.start]);
        if step.keys.start == 0 {
            (*most, *sum) = (f32::NEG_INFINITY, 0.0);
        }
        let larger = most.max(largest(simd, scores));
        // If all keys so far are masked by minus infinity, so that each counts for nothing.
        let shift = if larger == f32::NEG_INFINITY { 0.0 } else { larger };
        if larger > *most && step.keys.start > 0 {
            let factor = (*most - larger).exp();
            self.multiply(simd, query, factor);
            *sum *= factor;
        }
        *most = larger;
        *sum += exponentials(simd, &mut InOut::in_place(scores), shift);
    }
}

/// Adds the part of a mask for these keys, or its only number.
#[inline(always)]
fn add<S: Simd>(simd: S, scores: &mut [f32], mask: &[f32], keys: &Range<usize>) {
    match mask {
        [one] => {
            let one = simd.splat(*one);
            InOut::in_place(scores).map(simd, |score| simd.add(score, one));
        }
        row => InOut::in_place(scores).map2(simd, &row[keys.clone()], |score, mask| simd.add(score, mask)),
    }
}
