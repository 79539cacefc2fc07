//! A few rows times a packed matrix.

use crate::panel::accumulate;
use crate::simd::{Kernel, Simd};

/// Registers in the width of a panel; the last one is one wide where that is enough.
pub(super) const PANEL: usize = 2;
/// The most rows at once, over all units.
pub(super) const MOST_ROWS: usize = 12;

/// Rows at once: as many as leave registers for one row of the panel and one broadcast number.
pub(super) const fn tile_rows(lanes: usize) -> usize {
    match lanes {
        16 => MOST_ROWS,
        8 => 6,
        _ => 5,
    }
}

/// The width of the panel from which on there are so many columns.
pub(super) const fn panel_width(lanes: usize, columns: usize) -> usize {
    if columns > lanes { PANEL * lanes } else { lanes }
}

/// The sizes of a product of a few rows.
#[derive(Clone, Copy)]
pub(super) struct Product {
    pub(super) count: usize,
    pub(super) depth: usize,
    pub(super) columns: usize,
    /// Numbers from one row of the result to the next.
    pub(super) stride: usize,
    /// Whether the result is added to.
    pub(super) resume: bool,
}

impl Product {
    /// `rows` are the rows and the distance between them; `panels` has one behind the other what [`panel_width`] says.
    ///
    /// # Safety
    /// The result's rows from `out` on are inside one slice that nothing else uses.
    ///
    /// # Panics
    /// If the rows or the panels are too short.
    #[inline(always)]
    pub(super) unsafe fn run<S: Simd>(&self, simd: S, rows: (&[f32], usize), panels: &[f32], out: *mut f32) {
        let mut table = [std::ptr::null(); MOST_ROWS];
        for (row, pointer) in table[..self.count].iter_mut().enumerate() {
            *pointer = rows.0[row * rows.1..][..self.depth].as_ptr();
        }
        for first in (0..self.columns).step_by(PANEL * S::LANES) {
            let columns = (PANEL * S::LANES).min(self.columns - first);
            let panel = &panels[first * self.depth..][..self.depth * panel_width(S::LANES, columns)];
            // Not past the end: the result has a column with this number.
            let out = out.wrapping_add(first);
            if columns > S::LANES {
                simd.call(Tile::<2> { product: self, rows: &table, panel, columns, out });
            } else {
                simd.call(Tile::<1> { product: self, rows: &table, panel, columns, out });
            }
        }
    }
}

/// The rows times one panel of `V` registers. Made by [`Product::run`] alone, whose caller vouches for the pointers.
struct Tile<'a, const V: usize> {
    product: &'a Product,
    rows: &'a [*const f32; MOST_ROWS],
    panel: &'a [f32],
    columns: usize,
    out: *mut f32,
}

impl<const V: usize> Kernel for Tile<'_, V> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        // SAFETY: handed on from `Product::run`. The largest tiles exist only for the widest units.
        unsafe {
            match self.product.count {
                1 => self.compute::<S, 1>(simd),
                2 => self.compute::<S, 2>(simd),
                3 => self.compute::<S, 3>(simd),
                4 => self.compute::<S, 4>(simd),
                5 => self.compute::<S, 5>(simd),
                6 if S::LANES > 4 => self.compute::<S, 6>(simd),
                7 if S::LANES > 8 => self.compute::<S, 7>(simd),
                8 if S::LANES > 8 => self.compute::<S, 8>(simd),
                9 if S::LANES > 8 => self.compute::<S, 9>(simd),
                10 if S::LANES > 8 => self.compute::<S, 10>(simd),
                11 if S::LANES > 8 => self.compute::<S, 11>(simd),
                12 if S::LANES > 8 => self.compute::<S, 12>(simd),
                _ => {}
            }
        }
    }
}

impl<const V: usize> Tile<'_, V> {
    #[inline(always)]
    unsafe fn compute<S: Simd, const R: usize>(&self, simd: S) {
        let rows: [*const f32; R] = std::array::from_fn(|row| self.rows[row]);
        // SAFETY: each row has as many numbers as the panel has rows.
        let sums = unsafe { accumulate::<S, R, V>(simd, rows, self.panel, [[simd.zero(); V]; R]) };
        for (row, sums) in sums.iter().enumerate() {
            for (v, &sum) in sums.iter().enumerate() {
                let lanes = simd.first(self.columns - v * S::LANES);
                // SAFETY: the mask has the columns that the result has.
                unsafe {
                    let out = self.out.add(row * self.product.stride + v * S::LANES);
                    let sum = if self.product.resume { simd.add(sum, simd.load_masked_at(out, lanes)) } else { sum };
                    simd.store_masked_at(out, lanes, sum);
                }
            }
        }
    }
}
