//! A matrix laid out for the inner loop of a product.

use crate::buffer::Buffer;
use crate::simd::{Kernel, Simd, Unit};
use crate::weights::Weights;

/// How the numbers of a right-hand matrix lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transposed {
    /// `rows × columns`, row by row.
    #[default]
    No,
    /// `columns × rows`, row by row: the matrix is the transpose of what lies in memory.
    Yes,
}

/// A right-hand matrix cut into panels of a few registers' width, each stored row by row.
///
/// All panels are two registers wide, except that the last is one wide where that is enough;
/// what lies past the last column is zero. Packing costs one pass and pays for itself after a few products.
#[derive(Clone, Debug)]
pub struct PackedMatrix {
    panels: Buffer,
    rows: usize,
    columns: usize,
    unit: Unit,
}

/// One panel: `rows × width` numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panel<'a> {
    pub(crate) values: &'a [f32],
    /// The first column.
    pub(crate) column: usize,
    /// Columns that exist; the panel is that wide rounded up to whole registers.
    pub(crate) columns: usize,
}

impl PackedMatrix {
    /// Registers in the width of a panel.
    pub(crate) const PANEL: usize = 2;

    /// Packs a matrix of `rows × columns` for the [current](Unit::current) vector unit.
    ///
    /// # Panics
    /// If there are not `rows · columns` numbers, or not a factor for each column.
    #[must_use]
    pub fn pack<'w>(weights: impl Into<Weights<'w>>, rows: usize, columns: usize, transposed: Transposed) -> Self {
        let weights = weights.into();
        assert_eq!(weights.numbers.len(), rows * columns, "a matrix of rows × columns");
        assert!(weights.factors.is_none_or(|factors| factors.len() == columns), "a factor for each column");
        let mut matrix = Self::zeroed(rows, columns);
        let panels = &mut matrix.panels;
        matrix.unit.run(Pack { weights, rows, columns, taps: 1, transposed, scale: 1.0, panels });
        matrix.settled()
    }

    /// Packs a matrix times `scale` into memory that is at hand.
    pub(crate) fn pack_into(
        mut panels: Buffer,
        values: &[f32],
        rows: usize,
        columns: usize,
        transposed: Transposed,
        scale: f32,
    ) -> Self {
        assert_eq!(values.len(), rows * columns, "a matrix of rows × columns");
        let weights = Weights::from(values);
        let unit = Unit::current();
        panels.reserve(rows * columns.next_multiple_of(unit.lanes()));
        unit.run(Pack { weights, rows, columns, taps: 1, transposed, scale, panels: &mut panels });
        Self { panels, rows, columns, unit }
    }

    /// Gives the memory back.
    pub(crate) fn into_buffer(self) -> Buffer {
        self.panels
    }

    /// A matrix of zeros, to be filled panel by panel.
    pub(crate) fn zeroed(rows: usize, columns: usize) -> Self {
        let unit = Unit::current();
        Self { panels: Buffer::lasting(rows * columns.next_multiple_of(unit.lanes())), rows, columns, unit }
    }

    /// Packs kernels that lie in the order column, channel, tap: the rows are the channels of the first tap, then those of
    /// the next.
    pub(crate) fn pack_kernels(weights: Weights<'_>, columns: usize, channels: usize, taps: usize) -> Self {
        let rows = channels * taps;
        let mut matrix = Self::zeroed(rows, columns);
        let panels = &mut matrix.panels;
        matrix.unit.run(Pack { weights, rows, columns, taps, transposed: Transposed::Yes, scale: 1.0, panels });
        matrix.settled()
    }

    /// Packs the matrix whose numbers `value(row, column)` gives.
    pub(crate) fn pack_with(rows: usize, columns: usize, value: impl Fn(usize, usize) -> f32) -> Self {
        let mut matrix = Self::zeroed(rows, columns);
        for index in 0..matrix.panel_count() {
            let panel = matrix.panel_mut(index);
            for (row, numbers) in panel.values.chunks_exact_mut(panel.width).enumerate() {
                for (lane, number) in numbers[..panel.columns].iter_mut().enumerate() {
                    *number = value(row, panel.column + lane);
                }
            }
        }
        matrix.settled()
    }

    /// The same, of which no number will change any more.
    pub(crate) fn settled(mut self) -> Self {
        self.panels.settle();
        self
    }

    /// Rows: the length of the sums.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Columns: the width of the result.
    #[must_use]
    pub const fn columns(&self) -> usize {
        self.columns
    }

    /// The vector unit that the layout is made for; products use it.
    #[must_use]
    pub const fn unit(&self) -> Unit {
        self.unit
    }

    /// Bytes of memory: four for each number, with the columns rounded up to a whole register.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.panels)
    }

    /// Columns of a full panel.
    pub(crate) const fn panel_width(&self) -> usize {
        Self::PANEL * self.unit.lanes()
    }

    pub(crate) fn panel_count(&self) -> usize {
        self.columns.div_ceil(self.panel_width())
    }

    pub(crate) fn panel(&self, index: usize) -> Panel<'_> {
        let [column, columns, width] = self.place(index);
        Panel { values: &self.panels[column * self.rows..][..width * self.rows], column, columns }
    }

    pub(crate) fn panel_mut(&mut self, index: usize) -> PanelMut<'_> {
        let [column, columns, width] = self.place(index);
        PanelMut { values: &mut self.panels[column * self.rows..][..width * self.rows], column, columns, width }
    }

    /// The first column of a panel, how many columns exist, and the width that they are rounded up to.
    fn place(&self, index: usize) -> [usize; 3] {
        let column = index * self.panel_width();
        let columns = self.panel_width().min(self.columns - column);
        [column, columns, columns.next_multiple_of(self.unit.lanes())]
    }
}

/// One panel that is being filled.
pub(crate) struct PanelMut<'a> {
    pub(crate) values: &'a mut [f32],
    /// The first column.
    pub(crate) column: usize,
    /// Columns that exist.
    pub(crate) columns: usize,
    /// Numbers in each row.
    pub(crate) width: usize,
}

/// The packing of a matrix.
struct Pack<'a> {
    weights: Weights<'a>,
    rows: usize,
    columns: usize,
    /// Of a transposed matrix: rows that follow each other in memory and are channels apart in the panel.
    taps: usize,
    transposed: Transposed,
    scale: f32,
    panels: &'a mut [f32],
}

impl Kernel for Pack<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        if self.rows == 0 {
            return;
        }
        let width = PackedMatrix::PANEL * S::LANES;
        for first in (0..self.columns).step_by(width) {
            let count = width.min(self.columns - first);
            let stride = count.next_multiple_of(S::LANES);
            let panel = &mut self.panels[first * self.rows..][..stride * self.rows];
            for column in (0..count).step_by(S::LANES) {
                let strip = Strip {
                    weights: self.weights,
                    rows: self.rows,
                    columns: self.columns,
                    taps: self.taps,
                    column: first + column,
                    scale: self.scale,
                    out: &mut panel[column..],
                    stride,
                };
                match self.transposed {
                    Transposed::No => strip.copy(simd),
                    Transposed::Yes => strip.transpose(simd),
                }
            }
        }
    }
}

/// One register's width of a panel.
struct Strip<'a> {
    weights: Weights<'a>,
    rows: usize,
    columns: usize,
    taps: usize,
    /// The first column.
    column: usize,
    scale: f32,
    out: &'a mut [f32],
    stride: usize,
}

impl Strip<'_> {
    #[inline(always)]
    fn copy<S: Simd>(self, simd: S) {
        let (scale, width) = self.scale(simd);
        for row in 0..self.rows {
            let from = &self.weights.numbers[row * self.columns + self.column..][..width];
            simd.store(&mut self.out[row * self.stride..][..S::LANES], simd.mul(scale, simd.load(from)));
        }
    }

    #[inline(always)]
    fn transpose<S: Simd>(self, simd: S) {
        let (scale, width) = self.scale(simd);
        let channels = self.rows / self.taps;
        let (mut channel, mut tap) = (0, 0);
        for row in (0..self.rows).step_by(S::LANES) {
            let height = S::LANES.min(self.rows - row);
            let mut block = [simd.zero(); 16];
            for (index, line) in block[..width].iter_mut().enumerate() {
                *line = simd.load(&self.weights.numbers[(self.column + index) * self.rows + row..][..height]);
            }
            for &line in &simd.transpose(block)[..height] {
                let to = (tap * channels + channel) * self.stride;
                simd.store(&mut self.out[to..][..S::LANES], simd.mul(scale, line));
                tap += 1;
                if tap == self.taps {
                    (channel, tap) = (channel + 1, 0);
                }
            }
        }
    }

    /// What each lane is multiplied with, and how many lanes are columns.
    #[inline(always)]
    fn scale<S: Simd>(&self, simd: S) -> (S::Float, usize) {
        let (scale, width) = (simd.splat(self.scale), S::LANES.min(self.columns - self.column));
        let factors = |factors: &[f32]| simd.mul(scale, simd.load(&factors[self.column..][..width]));
        (self.weights.factors.map_or(scale, factors), width)
    }
}
