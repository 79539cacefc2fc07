//! Some queries of one head.

use std::ops::Range;

use super::{AttentionSpec, Mask};
use crate::InOut;
use crate::buffer::{LINE, Scratch};
use crate::matrix::{MOST_ROWS, Tile, tile_rows};
use crate::parallel::SharedMut;
use crate::simd::{Kernel, Simd};
use crate::softmax::exponentials;

pub(super) struct Head<'a> {
    pub(super) spec: &'a AttentionSpec,
    pub(super) batch: usize,
    pub(super) head: usize,
    pub(super) queries: Range<usize>,
    pub(super) query: &'a [f32],
    pub(super) key: &'a [f32],
    pub(super) value: &'a [f32],
    pub(super) mask: Option<&'a Mask<'a>>,
    pub(super) out: SharedMut<'a>,
}

/// Registers in the width of a panel.
const PANEL: usize = 2;

/// The room that a head needs beside its operands.
struct Room<'a> {
    /// The keys, transposed, in panels of `depth × width`.
    keys: &'a mut [f32],
    /// The values, in panels of `keys × width`.
    values: &'a mut [f32],
    /// A few queries, scaled, in rows of `query_stride`.
    queries: &'a mut [f32],
    /// The scores of those queries, in rows of `score_stride`.
    scores: &'a mut [f32],
    query_stride: usize,
    score_stride: usize,
}

impl Kernel for Head<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let AttentionSpec { keys, depth, value_depth, .. } = *self.spec;
        let width = PANEL * S::LANES;
        // Rows are a cache line longer than needed, so that they do not push one another out of the nearest cache.
        let query_stride = depth.next_multiple_of(LINE) + LINE;
        let score_stride = keys.next_multiple_of(width) + LINE;
        let lengths = [
            keys.next_multiple_of(width) * depth,
            keys * value_depth.next_multiple_of(width),
            MOST_ROWS * query_stride,
            MOST_ROWS * score_stride,
        ];
        let mut scratch = Scratch::take(lengths.iter().map(|length| length.next_multiple_of(LINE)).sum());
        let mut rest = &mut *scratch;
        let [keys, values, queries, scores] = lengths.map(|length| {
            let (part, after) = std::mem::take(&mut rest).split_at_mut(length.next_multiple_of(LINE));
            rest = after;
            part
        });
        let mut room = Room { keys, values, queries, scores, query_stride, score_stride };
        self.pack_keys(simd, room.keys);
        self.pack_values::<S>(room.values);
        for first in self.queries.clone().step_by(tile_rows(S::LANES)) {
            let count = tile_rows(S::LANES).min(self.queries.end - first);
            self.attend(simd, first, count, &mut room);
        }
    }
}

impl Head<'_> {
    /// The numbers of one key, or query, or value.
    #[inline(always)]
    fn row<'a>(&self, of: &'a [f32], rows: usize, row: usize, depth: usize) -> &'a [f32] {
        let start = ((self.batch * rows + row) * self.spec.heads + self.head) * depth;
        &of[start..start + depth]
    }

    /// Lanes past the last key are left as they are: what they give is not stored.
    #[inline(always)]
    fn pack_keys<S: Simd>(&self, simd: S, packed: &mut [f32]) {
        let AttentionSpec { keys, depth, .. } = *self.spec;
        for first in (0..keys).step_by(S::LANES) {
            let count = S::LANES.min(keys - first);
            let panel = first - first % (PANEL * S::LANES);
            let width = panel_width(S::LANES, keys - panel);
            let panel = &mut packed[panel * depth + first - panel..];
            for column in (0..depth).step_by(S::LANES) {
                let columns = S::LANES.min(depth - column);
                let mut block = [simd.zero(); 16];
                for (index, line) in block[..count].iter_mut().enumerate() {
                    *line = simd.load(&self.row(self.key, keys, first + index, depth)[column..column + columns]);
                }
                for (index, &line) in simd.transpose(block)[..columns].iter().enumerate() {
                    simd.store(&mut panel[(column + index) * width..][..S::LANES], line);
                }
            }
        }
    }

    #[inline(always)]
    fn pack_values<S: Simd>(&self, packed: &mut [f32]) {
        let AttentionSpec { keys, value_depth, .. } = *self.spec;
        for first in (0..value_depth).step_by(PANEL * S::LANES) {
            let width = panel_width(S::LANES, value_depth - first);
            let columns = width.min(value_depth - first);
            let panel = &mut packed[first * keys..][..keys * width];
            for (row, line) in panel.chunks_exact_mut(width).enumerate() {
                let value = self.row(self.value, keys, row, value_depth);
                line[..columns].copy_from_slice(&value[first..first + columns]);
            }
        }
    }

    /// The results of `count` queries.
    #[inline(always)]
    fn attend<S: Simd>(&self, simd: S, first: usize, count: usize, room: &mut Room<'_>) {
        let AttentionSpec { queries, keys, depth, value_depth, scale, .. } = *self.spec;
        let scale = simd.splat(scale);
        for (row, query) in room.queries.chunks_exact_mut(room.query_stride).enumerate().take(count) {
            let from = self.row(self.query, queries, first + row, depth);
            InOut::between(from, &mut query[..depth]).map(simd, |x| simd.mul(x, scale));
        }
        let product = Product { count, depth, columns: keys, stride: room.score_stride };
        product.run(simd, (room.queries, room.query_stride), room.keys, room.scores.as_mut_ptr());
        let mut sums = [0.0; MOST_ROWS];
        for (row, (scores, sum)) in
            room.scores.chunks_exact_mut(room.score_stride).zip(&mut sums).enumerate().take(count)
        {
            *sum = self.exponentials(simd, first + row, &mut scores[..keys]);
        }
        let stride = self.spec.heads * value_depth;
        let start = (self.batch * queries + first) * stride + self.head * value_depth;
        let product = Product { count, depth: keys, columns: value_depth, stride };
        product.run(simd, (room.scores, room.score_stride), room.values, self.out.at(start));
        for (row, sum) in sums[..count].iter().enumerate() {
            let factor = simd.splat(1.0 / sum);
            // SAFETY: these numbers belong to this query of this head alone.
            let result = unsafe { self.out.slice(start + row * stride, value_depth) };
            InOut::in_place(result).map(simd, |x| simd.mul(x, factor));
        }
    }

    /// Adds the mask to the scores of one query and replaces them by exp(score - largest); returns their sum.
    #[inline(always)]
    fn exponentials<S: Simd>(&self, simd: S, query: usize, scores: &mut [f32]) -> f32 {
        if let Some(mask) = self.mask {
            match mask.row(self.batch, self.head, query) {
                [one] => {
                    let one = simd.splat(*one);
                    InOut::in_place(scores).map(simd, |score| simd.add(score, one));
                }
                row => InOut::in_place(scores).map2(simd, row, |score, mask| simd.add(score, mask)),
            }
        }
        exponentials(simd, &mut InOut::in_place(scores))
    }
}

/// A few rows times a packed matrix.
struct Product {
    count: usize,
    depth: usize,
    columns: usize,
    /// Numbers from one row of the result to the next.
    stride: usize,
}

impl Product {
    /// `rows` are the rows and the distance between them. The result's rows are inside one slice that nothing else uses.
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, rows: (&[f32], usize), panels: &[f32], out: *mut f32) {
        let width = PANEL * S::LANES;
        let mut table = [[std::ptr::null(); MOST_ROWS]; 1];
        for (row, pointer) in table[0][..self.count].iter_mut().enumerate() {
            *pointer = rows.0[row * rows.1..][..self.depth].as_ptr();
        }
        for first in (0..self.columns).step_by(width) {
            let tile = Tile {
                rows: table.as_ptr(),
                taps: 1,
                offset: 0,
                depth: self.depth,
                panel: panels[first * self.depth..].as_ptr(),
                // Not past the end: the result has a column with this number.
                out: out.wrapping_add(first),
                stride: self.stride,
                columns: width.min(self.columns - first),
                bias: std::ptr::null(),
                residual: std::ptr::null(),
                resume: false,
                clip: None,
            };
            // SAFETY: the table has `count` rows of `depth` numbers, and the packed matrix has that many rows in each panel.
            unsafe { tile.run(simd, self.count) };
        }
    }
}

/// The width of the panel from which on there are so many columns.
const fn panel_width(lanes: usize, columns: usize) -> usize {
    if columns > lanes { PANEL * lanes } else { lanes }
}
