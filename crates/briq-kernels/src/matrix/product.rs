//! The loops around the tiles: which part of the right-hand matrix stays in which cache, and which thread does what.
//!
//! A product here is a sum over *taps*: for each row of the result and each tap there is a pointer to `depth` numbers,
//! which are multiplied with `depth` rows of the packed matrix. A plain matrix product has one tap; a convolution has one
//! for each position of its kernel, so that it needs no copy of its input.

use std::ops::Range;

use super::packed::PackedMatrix;
use super::tile::{MOST_ROWS, Tile, tile_rows};
use crate::activation::{Activation, apply};
use crate::buffer::{LINE, Scratch};
use crate::epilogue::Epilogue;
use crate::parallel::{self, Cost, SharedMut};
use crate::simd::{Kernel, Simd};

/// Bytes of the packed matrix that are used again and again before the next part: about half of a second-level cache.
const BLOCK_BYTES: usize = 512 * 1024;
/// Rows of the packed matrix in one block, where a block cannot have them all.
const BLOCK_DEPTH: usize = 768;
/// Numbers after which rows that lie one behind the other fall into the same sets of the first-level cache.
const ALIASING: usize = 512;

/// Where the rows of the left-hand matrix lie.
pub(crate) trait Rows: Sync {
    /// Writes into `table`, for each of `taps`, where the `count` rows from `first` on have their numbers.
    fn locate(&self, first: usize, count: usize, taps: Range<usize>, table: &mut [[*const f32; MOST_ROWS]]);

    /// Numbers from one row to the next, where rows are at one distance; 1 where they are not.
    fn stride(&self) -> usize;
}

/// Rows of a matrix in memory.
#[derive(Clone, Copy)]
pub(crate) struct Strided<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) stride: usize,
}

impl Rows for Strided<'_> {
    #[inline(always)]
    fn locate(&self, first: usize, count: usize, _: Range<usize>, table: &mut [[*const f32; MOST_ROWS]]) {
        for (row, pointer) in table[0][..count].iter_mut().enumerate() {
            *pointer = self.values[(first + row) * self.stride..].as_ptr();
        }
    }

    fn stride(&self) -> usize {
        self.stride
    }
}

/// A product of rows with a packed matrix.
#[derive(Clone, Copy)]
pub(crate) struct Product<'a, R> {
    pub(crate) rows: R,
    /// Rows of the result.
    pub(crate) count: usize,
    pub(crate) taps: usize,
    /// Numbers of each tap: `taps · depth` is the number of rows of the matrix.
    pub(crate) depth: usize,
    pub(crate) matrix: &'a PackedMatrix,
    /// Bias of the matrix's columns; residual with the result's stride.
    pub(crate) epilogue: Epilogue<'a>,
    /// Numbers from one row of the result, or of the residual, to the next.
    pub(crate) stride: usize,
    /// The first column of the result, and of the residual.
    pub(crate) column: usize,
}

/// A part of a product: all sums of some rows and some panels.
#[derive(Clone, Debug)]
struct Region {
    rows: Range<usize>,
    panels: Range<usize>,
}

/// A part of the sums: some taps whole, or a part of one tap.
#[derive(Clone, Debug)]
struct Block {
    taps: Range<usize>,
    offset: usize,
    depth: usize,
}

impl<R: Rows> Product<'_, R> {
    /// Computes the product on as many threads as its size is worth.
    ///
    /// # Panics
    /// If a length does not fit.
    pub(crate) fn run(&self, out: SharedMut<'_>) {
        self.check();
        let (row_pieces, panel_pieces) = self.pieces();
        let tile = tile_rows(self.matrix.unit().lanes());
        let (tiles, panels) = (self.count.div_ceil(tile), self.matrix.panel_count());
        parallel::for_each_piece(row_pieces * panel_pieces, |piece| {
            let (row, panel) = (piece % row_pieces, piece / row_pieces);
            let rows = share(tiles, row_pieces, row);
            let rows = rows.start * tile..(rows.end * tile).min(self.count);
            self.run_region(Region { rows, panels: share(panels, panel_pieces, panel) }, out);
        });
    }

    /// Computes the product on this thread.
    pub(crate) fn run_here(&self, out: SharedMut<'_>) {
        self.check();
        self.run_region(Region { rows: 0..self.count, panels: 0..self.matrix.panel_count() }, out);
    }

    fn check(&self) {
        assert_eq!(self.taps * self.depth, self.matrix.rows(), "rows of the packed matrix");
        assert!(self.column + self.matrix.columns() <= self.stride, "columns of the result");
        assert!(self.epilogue.bias.is_none_or(|bias| bias.len() == self.matrix.columns()), "a bias for each column");
        let length = self.count * self.stride;
        assert!(
            self.epilogue.residual.is_none_or(|residual| residual.len() >= length),
            "a residual of the result's size"
        );
    }

    /// How many pieces the rows and the panels are cut into. Whichever operand is larger is cut once for each thread, so
    /// that a thread meets only its own part of it.
    fn pieces(&self) -> (usize, usize) {
        let lanes = self.matrix.unit().lanes();
        let steps = self.matrix.rows() * self.matrix.columns().div_ceil(lanes) + self.matrix.columns();
        // With few rows the matrix is waited for: a number of it costs as much as three products.
        let pieces = Cost::per_item(steps).pieces_of(self.count.max(3));
        if pieces == 1 {
            return (1, 1);
        }
        let threads = rayon::current_num_threads();
        let (tiles, panels) = (self.count.div_ceil(tile_rows(lanes)), self.matrix.panel_count());
        if self.count < self.matrix.columns() {
            let across = if panels % threads == 0 { threads } else { pieces };
            let across = across.min(panels);
            return ((pieces / across).clamp(1, tiles), across);
        }
        let down = pieces.min(tiles);
        (down, (pieces / down).clamp(1, panels))
    }

    fn run_region(&self, region: Region, out: SharedMut<'_>) {
        if region.rows.is_empty() || region.panels.is_empty() {
            return;
        }
        let (start, end) = (region.rows.start * self.stride, (region.rows.end - 1) * self.stride);
        let last = end + self.column + self.matrix.columns();
        assert!(last <= out.len() && start <= end, "room for the result");
        self.matrix.unit().run(RegionKernel { product: self, region, out });
    }

    /// Parts of the sums, of about [`BLOCK_DEPTH`] rows of the matrix unless they all fit.
    fn block(&self, start: usize) -> Block {
        let whole = BLOCK_DEPTH.max(BLOCK_BYTES / 4 / (4 * self.matrix.panel_width()));
        let longest = if self.matrix.rows() <= whole { whole } else { BLOCK_DEPTH };
        let tap = start / self.depth.max(1);
        if self.depth > longest {
            let parts = self.depth.div_ceil(longest);
            let length = self.depth.div_ceil(parts);
            let offset = start % self.depth;
            return Block { taps: tap..tap + 1, offset, depth: length.min(self.depth - offset) };
        }
        let taps = (longest / self.depth.max(1)).max(1);
        Block { taps: tap..(tap + taps).min(self.taps), offset: 0, depth: self.depth }
    }
}

/// The `index`-th of `parts` nearly equal parts of `0..count`.
fn share(count: usize, parts: usize, index: usize) -> Range<usize> {
    index * count / parts..(index + 1) * count / parts
}

struct RegionKernel<'a, 'p, R> {
    product: &'a Product<'p, R>,
    region: Region,
    out: SharedMut<'a>,
}

/// The table of pointers that one row block needs, for up to this many taps without a longer one.
const TABLE: usize = 49;

impl<R: Rows> Kernel for RegionKernel<'_, '_, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { product, region, out } = self;
        let mut start = 0;
        loop {
            let block = product.block(start);
            let depth = block.taps.len() * block.depth;
            let panels = (BLOCK_BYTES / 4 / (depth.max(1) * product.matrix.panel_width())).max(1);
            let end = start + depth;
            for first in region.panels.clone().step_by(panels) {
                let panels = first..(first + panels).min(region.panels.end);
                let part = Part { product, block: &block, start, last: end == product.matrix.rows(), panels, out };
                part.run(simd, region.rows.clone());
            }
            start = end;
            if start >= product.matrix.rows() {
                return;
            }
        }
    }
}

/// One block of sums of some panels.
struct Part<'a, 'p, R> {
    product: &'a Product<'p, R>,
    block: &'a Block,
    /// The block's first row in the packed matrix.
    start: usize,
    /// Whether the sums are complete after this block.
    last: bool,
    panels: Range<usize>,
    out: SharedMut<'a>,
}

impl<R: Rows> Part<'_, '_, R> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, rows: Range<usize>) {
        let mut short = [[std::ptr::null(); MOST_ROWS]; TABLE];
        let mut long = Vec::new();
        let table = if self.block.taps.len() <= TABLE {
            &mut short[..]
        } else {
            long.resize(self.block.taps.len(), [std::ptr::null(); MOST_ROWS]);
            &mut long[..]
        };
        let copies = self.copies() && rows.len() > 4;
        let length = if copies { self.block.taps.len() * MOST_ROWS * self.copy_stride() } else { 0 };
        self.run_rows(simd, rows, table, &mut Scratch::take(length));
    }

    /// Whether rows lie such that they push one another out of the nearest cache, and are used often enough for a copy.
    fn copies(&self) -> bool {
        self.product.rows.stride().is_multiple_of(ALIASING) && self.panels.len() > 2
    }

    fn copy_stride(&self) -> usize {
        self.block.depth.next_multiple_of(LINE) + LINE
    }

    #[inline(always)]
    fn run_rows<S: Simd>(
        &self,
        simd: S,
        rows: Range<usize>,
        table: &mut [[*const f32; MOST_ROWS]],
        scratch: &mut [f32],
    ) {
        let most = tile_rows(S::LANES);
        let mut first = rows.start;
        while first < rows.end {
            let count = most.min(rows.end - first);
            self.product.rows.locate(first, count, self.block.taps.clone(), table);
            let offset = if scratch.is_empty() { self.block.offset } else { self.copy(count, table, scratch) };
            for panel in self.panels.clone() {
                self.tile(simd, first, count, panel, table, offset);
            }
            first += count;
        }
    }

    /// Copies the rows to where they do not push one another out; returns the offset of the numbers in the copies.
    fn copy(&self, count: usize, table: &mut [[*const f32; MOST_ROWS]], scratch: &mut [f32]) -> usize {
        let stride = self.copy_stride();
        let mut copies = scratch.chunks_exact_mut(stride);
        for rows in &mut table[..self.block.taps.len()] {
            for row in &mut rows[..count] {
                let copy = copies.next().expect("a copy for each row of each tap");
                // SAFETY: the row has `offset + depth` numbers, and the copy has room for them.
                unsafe { row.add(self.block.offset).copy_to_nonoverlapping(copy.as_mut_ptr(), self.block.depth) };
                *row = copy.as_ptr();
            }
        }
        0
    }

    #[inline(always)]
    fn tile<S: Simd>(
        &self,
        simd: S,
        first: usize,
        count: usize,
        panel: usize,
        table: &[[*const f32; MOST_ROWS]],
        offset: usize,
    ) {
        let product = self.product;
        let panel = product.matrix.panel(panel);
        let width = if panel.columns > S::LANES { 2 * S::LANES } else { S::LANES };
        let corner = first * product.stride + product.column + panel.column;
        let bias = product.epilogue.bias.filter(|_| self.start == 0);
        let residual = product.epilogue.residual.filter(|_| self.last);
        let activation = if self.last { product.epilogue.activation } else { Activation::Identity };
        let tile = Tile {
            rows: table.as_ptr(),
            taps: self.block.taps.len(),
            offset,
            depth: self.block.depth,
            panel: panel.values[self.start * width..].as_ptr(),
            out: self.out.at(corner),
            stride: product.stride,
            columns: panel.columns,
            bias: bias.map_or(std::ptr::null(), |bias| bias[panel.column..].as_ptr()),
            residual: residual.map_or(std::ptr::null(), |residual| residual[corner..].as_ptr()),
            resume: self.start > 0,
            clip: bounds(activation),
        };
        // SAFETY: `check` and `run_region` have compared the lengths, and the table was filled for these taps and rows.
        unsafe { tile.run(simd, count) };
        if bounds(activation).is_none() && activation != Activation::Identity {
            for row in 0..count {
                // SAFETY: this part of the row was written just now, by this thread alone.
                apply(simd, activation, unsafe { self.out.slice(corner + row * product.stride, panel.columns) });
            }
        }
    }
}

/// The bounds of an activation that does nothing but bound.
pub(crate) const fn bounds(activation: Activation) -> Option<(f32, f32)> {
    match activation {
        Activation::Relu => Some((0.0, f32::INFINITY)),
        Activation::Clip { min, max } => Some((min, max)),
        _ => None,
    }
}
