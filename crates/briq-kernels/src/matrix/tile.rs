//! The inner loop: a few rows times one panel, with the sums in registers.

use crate::buffer::LINE;
use crate::simd::{Kernel, Simd};

/// Does the same for each row of a tile, written out row by row: in a loop that is left rolled, the sums would go
/// through memory.
macro_rules! each_row {
    ($rows:ident, $row:ident => $body:expr) => {
        each_row!(@ $rows, $row, $body, 0 1 2 3 4 5 6 7 8 9 10 11)
    };
    (@ $rows:ident, $row:ident, $body:expr, $($index:literal)*) => {
        $({
            const $row: usize = $index;
            if $row < $rows {
                $body;
            }
        })*
    };
}

/// How many numbers of the panel are asked for before they are used: while a matrix is read for the first time, it comes from
/// a far cache, and the processor foresees no further than to the end of a page.
const AHEAD: usize = 1024;

/// The most rows of a tile, over all units: the length of the tables of row pointers.
pub(crate) const MOST_ROWS: usize = 12;

/// Rows of a full tile: as many as leave registers for one row of the panel and one broadcast number.
pub(crate) const fn tile_rows(lanes: usize) -> usize {
    match lanes {
        16 => 12,
        8 => 6,
        _ => 5,
    }
}

/// Where a tile's sums come from and what follows them.
#[derive(Clone, Copy)]
pub(crate) struct Tile {
    /// For each tap, [`MOST_ROWS`] pointers, one for each row of the tile.
    pub(crate) rows: *const [*const f32; MOST_ROWS],
    pub(crate) taps: usize,
    /// Where in each tap's row the numbers begin.
    pub(crate) offset: usize,
    /// Numbers in each tap's row.
    pub(crate) depth: usize,
    /// The panel's rows for these taps, one behind the other.
    pub(crate) panel: *const f32,
    /// The tile's upper left corner in the result.
    pub(crate) out: *mut f32,
    /// Numbers from one row of the result to the next.
    pub(crate) stride: usize,
    /// Columns of the panel that exist.
    pub(crate) columns: usize,
    /// The bias of the panel's columns, or null.
    pub(crate) bias: *const f32,
    /// What is added, laid out as `out`, or null.
    pub(crate) residual: *const f32,
    /// Whether the sums begin with what `out` holds, instead of with zero.
    pub(crate) resume: bool,
    /// Bounds of the result, where it is bounded.
    pub(crate) clip: Option<(f32, f32)>,
}

impl Tile {
    /// Computes the tile's `rows` rows.
    ///
    /// # Safety
    /// The pointers are valid for the numbers that the fields describe; `rows` is at most [`tile_rows`].
    #[inline(always)]
    pub(crate) unsafe fn run<S: Simd>(self, simd: S, rows: usize) {
        if self.columns > S::LANES {
            simd.call(TileKernel::<2> { tile: self, rows });
        } else {
            simd.call(TileKernel::<1> { tile: self, rows });
        }
    }

    #[inline(always)]
    unsafe fn dispatch<S: Simd, const V: usize>(&self, simd: S, rows: usize) {
        debug_assert!(rows <= tile_rows(S::LANES));
        // SAFETY: handed on. The widest tiles exist only for the widest unit.
        unsafe {
            match rows {
                1 => self.compute::<S, 1, V, 4>(simd),
                2 => self.compute::<S, 2, V, 2>(simd),
                3 => self.compute::<S, 3, V, 2>(simd),
                4 => self.compute::<S, 4, V, 1>(simd),
                5 => self.compute::<S, 5, V, 1>(simd),
                6 if S::LANES > 4 => self.compute::<S, 6, V, 1>(simd),
                7 if S::LANES > 8 => self.compute::<S, 7, V, 1>(simd),
                8 if S::LANES > 8 => self.compute::<S, 8, V, 1>(simd),
                9 if S::LANES > 8 => self.compute::<S, 9, V, 1>(simd),
                10 if S::LANES > 8 => self.compute::<S, 10, V, 1>(simd),
                11 if S::LANES > 8 => self.compute::<S, 11, V, 1>(simd),
                12 if S::LANES > 8 => self.compute::<S, 12, V, 1>(simd),
                _ => {}
            }
        }
    }

    /// `R` rows and `V` registers; `U` sums for each, so that short tiles do not wait for one another's result.
    #[inline(always)]
    unsafe fn compute<S: Simd, const R: usize, const V: usize, const U: usize>(&self, simd: S) {
        let mut sums = [[[simd.zero(); V]; R]; U];
        let mut panel = self.panel;
        for tap in 0..self.taps {
            // SAFETY: the table has an entry for each tap, and each row `offset + depth` numbers.
            let rows: [*const f32; R] = unsafe {
                let table = &*self.rows.add(tap);
                std::array::from_fn(|row| table[row].add(self.offset))
            };
            let whole = self.depth / U * U;
            let mut k = 0;
            while k < whole {
                for (u, sums) in sums.iter_mut().enumerate() {
                    // SAFETY: k + u is less than the depth.
                    unsafe { step::<S, R, V>(simd, &rows, k + u, panel.add((k + u) * V * S::LANES), sums) };
                }
                k += U;
            }
            while k < self.depth {
                // SAFETY: k is less than the depth.
                unsafe { step::<S, R, V>(simd, &rows, k, panel.add(k * V * S::LANES), &mut sums[0]) };
                k += 1;
            }
            // SAFETY: the panel's rows of the next tap follow, or its end.
            panel = unsafe { panel.add(self.depth * V * S::LANES) };
        }
        let mut total = sums[0];
        for part in &sums[1..] {
            each_row!(R, ROW => total[ROW] = add(simd, total[ROW], part[ROW]));
        }
        // SAFETY: handed on.
        unsafe {
            if self.columns == V * S::LANES {
                self.finish::<S, R, V>(simd, total, |p| simd.load_at(p), |p, x| simd.store_at(p, x));
            } else {
                let mask = simd.first(self.columns - (V - 1) * S::LANES);
                let load = |p| simd.load_masked_at(p, mask);
                self.finish::<S, R, V>(simd, total, load, |p, x| simd.store_masked_at(p, mask, x));
            }
        }
    }

    /// Adds what is to be added, bounds the sums and stores them. `load` and `store` act on the last register of a row.
    #[inline(always)]
    unsafe fn finish<S: Simd, const R: usize, const V: usize>(
        &self,
        simd: S,
        mut sums: [[S::Float; V]; R],
        load: impl Fn(*const f32) -> S::Float,
        store: impl Fn(*mut f32, S::Float),
    ) {
        // SAFETY, for all blocks: the pointers are inside the tile's rows of the result and what is laid out like it.
        let fetch = |p: *const f32, v: usize| unsafe {
            let p = p.add(v * S::LANES);
            if v + 1 == V { load(p) } else { simd.load_at(p) }
        };
        let out = self.out;
        if !self.bias.is_null() {
            let bias: [S::Float; V] = std::array::from_fn(|v| fetch(self.bias, v));
            each_row!(R, ROW => sums[ROW] = add(simd, sums[ROW], bias));
        }
        if self.resume {
            each_row!(R, ROW => {
                let from = unsafe { out.add(ROW * self.stride) };
                for (v, sum) in sums[ROW].iter_mut().enumerate() {
                    *sum = simd.add(*sum, fetch(from, v));
                }
            });
        }
        if !self.residual.is_null() {
            each_row!(R, ROW => {
                let from = unsafe { self.residual.add(ROW * self.stride) };
                for (v, sum) in sums[ROW].iter_mut().enumerate() {
                    *sum = simd.add(*sum, fetch(from, v));
                }
            });
        }
        if let Some((min, max)) = self.clip {
            let (min, max) = (simd.splat(min), simd.splat(max));
            each_row!(R, ROW => {
                for sum in &mut sums[ROW] {
                    *sum = simd.min(max, simd.max(min, *sum));
                }
            });
        }
        each_row!(R, ROW => {
            let out = unsafe { out.add(ROW * self.stride) };
            if V == 2 {
                unsafe { simd.store_at(out, sums[ROW][0]) };
            }
            store(unsafe { out.add((V - 1) * S::LANES) }, sums[ROW][V - 1]);
        });
    }
}

/// The sum of two rows of registers.
#[inline(always)]
fn add<S: Simd, const V: usize>(simd: S, left: [S::Float; V], right: [S::Float; V]) -> [S::Float; V] {
    std::array::from_fn(|v| simd.add(left[v], right[v]))
}

/// A tile of `V` registers' width. Made by [`Tile::run`] alone, whose caller vouches for the pointers.
struct TileKernel<const V: usize> {
    tile: Tile,
    rows: usize,
}

impl<const V: usize> Kernel for TileKernel<V> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        // SAFETY: handed on from `Tile::run`.
        unsafe { self.tile.dispatch::<S, V>(simd, self.rows) }
    }
}

/// Adds one number of each row times one row of the panel.
#[inline(always)]
unsafe fn step<S: Simd, const R: usize, const V: usize>(
    simd: S,
    rows: &[*const f32; R],
    k: usize,
    panel: *const f32,
    sums: &mut [[S::Float; V]; R],
) {
    (0..V * S::LANES).step_by(LINE).for_each(|line| simd.prefetch(panel.wrapping_add(AHEAD + line)));
    // SAFETY: the caller vouches for number `k` of each row and for one row of the panel.
    unsafe {
        let weights: [S::Float; V] = std::array::from_fn(|v| simd.load_at(panel.add(v * S::LANES)));
        for row in 0..R {
            let x = simd.splat(*rows[row].add(k));
            for v in 0..V {
                sums[row][v] = simd.mul_add(x, weights[v], sums[row][v]);
            }
        }
    }
}
