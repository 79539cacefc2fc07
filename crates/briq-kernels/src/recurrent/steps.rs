//! The loop over the steps, for all cells.

use std::ops::Range;

use super::layer::Layer;
use super::{Direction, RecurrentSpec, Sequences};
use crate::activation::Activation;
use crate::buffer::Scratch;
use crate::epilogue::Epilogue;
use crate::matrix::multiply;
use crate::parallel::{self, Cost, SharedMut};
use crate::simd::{Kernel, Simd};

/// How a step's gates become the new state.
pub(super) trait Cell: Copy + Send + Sync {
    /// Parts of a step, each of which needs all hidden units of the one before.
    const PHASES: usize;
    /// Numbers that each hidden unit keeps beside the hidden state.
    const KEPT: usize;

    /// Computes one panel of hidden units for `R` sequences.
    ///
    /// # Safety
    /// The pointers of the rows are valid for the layer's sizes.
    unsafe fn compute<S: Simd, const R: usize>(self, simd: S, layer: &Layer, place: Place, rows: &[Row; R]);
}

/// Which part of a step is computed.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) phase: usize,
    pub(super) panel: usize,
    /// The first hidden unit of the panel.
    pub(super) unit: usize,
    /// Hidden units of the panel that exist.
    pub(super) units: usize,
}

/// Where the numbers of one sequence are at one step.
#[derive(Clone, Copy)]
pub(super) struct Row {
    /// The product of the input with its weights: the gates of each panel.
    pub(super) projected: *const f32,
    /// The hidden state before.
    pub(super) previous: *const f32,
    /// The hidden state after.
    pub(super) out: *mut f32,
    /// What else the cell keeps: [`Cell::KEPT`] times as many numbers as hidden units, rounded up to whole panels.
    pub(super) kept: *mut f32,
}

// SAFETY: panels are disjoint parts of what the pointers stand for.
unsafe impl Sync for Row {}

/// How many sequences have to share weights from a far cache before computing takes longer than fetching.
const FAR: usize = 4;

/// A layer of one kind of cell and what it is applied to.
pub(super) struct Run<'a, C> {
    pub(super) cell: C,
    pub(super) spec: RecurrentSpec,
    pub(super) layers: &'a [Layer],
    pub(super) sequences: &'a Sequences<'a>,
    /// `[directions, batch, KEPT · padded]`, as it is before the first step; after the run as it is after the last.
    pub(super) kept: SharedMut<'a>,
}

impl<C: Cell> Run<'_, C> {
    /// Writes the hidden states of all steps, and the last one of each sequence.
    ///
    /// # Panics
    /// If a slice is of another size.
    pub(super) fn run(&self, out: &mut [f32], last: &mut [f32]) {
        let Sequences { steps, batch, .. } = *self.sequences;
        self.sequences.check(&self.spec);
        let directions = self.layers.len();
        assert_eq!(
            out.len(),
            steps * directions * batch * self.spec.hidden,
            "a result of steps × directions × batch × hidden"
        );
        assert_eq!(last.len(), directions * batch * self.spec.hidden, "a last state of directions × batch × hidden");
        if last.is_empty() {
            return;
        }
        let length = steps * batch * self.layers[0].bias.len();
        let mut projected = Scratch::take(directions * length);
        if length > 0 {
            for (layer, projected) in self.layers.iter().zip(projected.chunks_exact_mut(length)) {
                let epilogue = Epilogue::new(Some(&layer.bias), Activation::Identity);
                multiply(self.sequences.values, steps * batch, &layer.input, &epilogue, projected);
            }
        }
        let (out, last) = (SharedMut::new(out), SharedMut::new(last));
        let parts = self.parts();
        let pieces = directions * parts;
        let work = |piece: usize| {
            let (direction, part) = (piece / parts, piece % parts);
            let sequences = part * batch / parts..(part + 1) * batch / parts;
            let projected = &projected[direction * length..][..length];
            Part { run: self, layer: &self.layers[direction], direction, sequences, projected, out, last }
                .run(pieces == 1);
        };
        if self.cost().pieces(steps * batch * directions) > 1 {
            parallel::for_each_piece(pieces, work);
        } else {
            (0..pieces).for_each(work);
        }
    }

    /// Of one step of one sequence.
    fn cost(&self) -> Cost {
        Cost::per_item(self.layers[0].operations())
    }

    /// Into how many parts the sequences are cut. Each part goes through all steps without waiting for another, but reads
    /// all weights at each: where they do not fit its own cache, it needs so many sequences that it does not wait for them.
    fn parts(&self) -> usize {
        let threads = rayon::current_num_threads() / self.layers.len();
        let least = if self.layers[0].fits_own_cache() { 2 } else { FAR };
        threads.min(self.sequences.batch / least).max(1)
    }
}

/// Some sequences in one direction.
struct Part<'a, C> {
    run: &'a Run<'a, C>,
    layer: &'a Layer,
    direction: usize,
    sequences: Range<usize>,
    projected: &'a [f32],
    out: SharedMut<'a>,
    last: SharedMut<'a>,
}

impl<C: Cell> Part<'_, C> {
    /// `shares` says whether other threads take part in each step.
    fn run(&self, shares: bool) {
        let zeros = vec![0.0; self.layer.hidden];
        let longest = self.sequences.clone().map(|sequence| self.run.sequences.length(sequence)).max().unwrap_or(0);
        let mut rows = Vec::with_capacity(self.sequences.len());
        for step in 0..longest {
            rows.clear();
            rows.extend(self.sequences.clone().filter_map(|sequence| self.row(sequence, step, &zeros)));
            for phase in 0..C::PHASES {
                self.step(Step { part: self, rows: &rows, phase, backwards: step % 2 == 1 }, shares);
            }
        }
        self.finish();
    }

    /// The step of the input that comes at this step of the loop, if the sequence is so long.
    fn time(&self, sequence: usize, step: usize) -> Option<usize> {
        let length = self.run.sequences.length(sequence);
        let reverse = self.run.spec.direction.is_reverse(self.direction);
        (step < length).then(|| if reverse { length - 1 - step } else { step })
    }

    /// Where the hidden state of a sequence is after a step of the input.
    fn result(&self, sequence: usize, time: usize) -> usize {
        let directions = self.run.layers.len();
        ((time * directions + self.direction) * self.run.sequences.batch + sequence) * self.layer.hidden
    }

    fn row(&self, sequence: usize, step: usize, zeros: &[f32]) -> Option<Row> {
        let batch = self.run.sequences.batch;
        let time = self.time(sequence, step)?;
        let previous = match step.checked_sub(1).and_then(|step| self.time(sequence, step)) {
            Some(before) => self.out.at(self.result(sequence, before)).cast_const(),
            None => self.initial(sequence).unwrap_or(zeros).as_ptr(),
        };
        let kept = C::KEPT * self.layer.padded();
        let kept =
            if kept == 0 { std::ptr::null_mut() } else { self.run.kept.at((self.direction * batch + sequence) * kept) };
        let projected = self.projected[(time * batch + sequence) * self.layer.bias.len()..].as_ptr();
        Some(Row { projected, previous, out: self.out.at(self.result(sequence, time)), kept })
    }

    fn initial(&self, sequence: usize) -> Option<&[f32]> {
        let start = (self.direction * self.run.sequences.batch + sequence) * self.layer.hidden;
        self.run.sequences.initial.map(|initial| &initial[start..start + self.layer.hidden])
    }

    fn step(&self, step: Step<'_, C>, shares: bool) {
        let panels = self.layer.padded() / self.layer.unit.lanes();
        if shares {
            let sequences = if self.layer.fits_own_cache() { step.rows.len() } else { step.rows.len().max(FAR) };
            let steps = self.layer.operations() / C::PHASES / panels * sequences;
            parallel::for_each_range(panels, Cost::per_item(steps), |panels| {
                self.layer.unit.run(Panels { step, panels });
            });
        } else {
            self.layer.unit.run(Panels { step, panels: 0..panels });
        }
    }

    /// Clears the results past the end of each sequence and copies the last states.
    fn finish(&self) {
        let hidden = self.layer.hidden;
        for sequence in self.sequences.clone() {
            let length = self.run.sequences.length(sequence);
            for time in length..self.run.sequences.steps {
                // SAFETY: these results belong to this sequence and direction alone.
                unsafe { self.out.slice(self.result(sequence, time), hidden) }.fill(0.0);
            }
            let start = (self.direction * self.run.sequences.batch + sequence) * hidden;
            // SAFETY: so does this state, and nothing writes the results meanwhile.
            let (last, out) = unsafe {
                let out = length.checked_sub(1).and_then(|step| self.time(sequence, step));
                (self.last.slice(start, hidden), out.map(|time| &*self.out.slice(self.result(sequence, time), hidden)))
            };
            match out.or_else(|| self.initial(sequence)) {
                Some(state) => last.copy_from_slice(state),
                None => last.fill(0.0),
            }
        }
    }
}

/// A part of a step of some sequences.
struct Step<'a, C> {
    part: &'a Part<'a, C>,
    rows: &'a [Row],
    phase: usize,
    /// Whether the last panel is the first: the weights that the last step left in the cache are used first.
    backwards: bool,
}

impl<C> Clone for Step<'_, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for Step<'_, C> {}

struct Panels<'a, C> {
    step: Step<'a, C>,
    panels: Range<usize>,
}

impl<C: Cell> Kernel for Panels<'_, C> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for index in self.panels.clone() {
            let panel = if self.step.backwards { self.panels.end - 1 - (index - self.panels.start) } else { index };
            let unit = panel * S::LANES;
            let units = S::LANES.min(self.step.part.layer.hidden - unit);
            let place = Place { phase: self.step.phase, panel, unit, units };
            let mut rows = self.step.rows;
            while !rows.is_empty() {
                let count = share(rows.len(), most_rows(S::LANES));
                simd.call(Chunk { part: self.step.part, rows: &rows[..count], place });
                rows = &rows[count..];
            }
        }
    }
}

/// The most sequences at once: their gates stay in registers.
const fn most_rows(lanes: usize) -> usize {
    if lanes == 16 { 6 } else { 2 }
}

/// How many of `count` come next, at most `most` and nearly as many each time.
const fn share(count: usize, most: usize) -> usize {
    count.div_ceil(count.div_ceil(most))
}

/// One panel for a few sequences.
struct Chunk<'a, C> {
    part: &'a Part<'a, C>,
    rows: &'a [Row],
    place: Place,
}

impl<C: Cell> Kernel for Chunk<'_, C> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let (cell, layer, place) = (self.part.run.cell, self.part.layer, self.place);
        // SAFETY: `row` made the pointers from slices whose sizes `run` has checked.
        unsafe {
            match *self.rows {
                [a] => cell.compute(simd, layer, place, &[a]),
                [a, b] => cell.compute(simd, layer, place, &[a, b]),
                [a, b, c] if S::LANES == 16 => cell.compute(simd, layer, place, &[a, b, c]),
                [a, b, c, d] if S::LANES == 16 => cell.compute(simd, layer, place, &[a, b, c, d]),
                [a, b, c, d, e] if S::LANES == 16 => cell.compute(simd, layer, place, &[a, b, c, d, e]),
                [a, b, c, d, e, f] if S::LANES == 16 => cell.compute(simd, layer, place, &[a, b, c, d, e, f]),
                _ => {}
            }
        }
    }
}

/// Reads the panel's gates of the projected input, from gate `first` on.
///
/// # Safety
/// The rows are valid for a cell of `all` gates.
#[inline(always)]
pub(super) unsafe fn projected<S: Simd, const R: usize, const G: usize>(
    simd: S,
    rows: &[Row; R],
    panel: usize,
    (first, all): (usize, usize),
) -> [[S::Float; G]; R] {
    let start = (panel * all + first) * S::LANES;
    // SAFETY: the projected input has `all` gates for each panel.
    rows.map(|row| std::array::from_fn(|gate| unsafe { simd.load_at(row.projected.add(start + gate * S::LANES)) }))
}

impl Row {
    /// The panel's part of a state.
    ///
    /// # Safety
    /// `state` has a number for each hidden unit.
    #[inline(always)]
    pub(super) unsafe fn load<S: Simd>(simd: S, state: *const f32, place: Place) -> S::Float {
        // SAFETY: the mask has the units that exist.
        unsafe { simd.load_masked_at(state.add(place.unit), simd.first(place.units)) }
    }

    /// Writes the panel's part of the hidden state.
    ///
    /// # Safety
    /// The row is valid.
    #[inline(always)]
    pub(super) unsafe fn store<S: Simd>(self, simd: S, place: Place, value: S::Float) {
        // SAFETY: the mask has the units that exist.
        unsafe { simd.store_masked_at(self.out.add(place.unit), simd.first(place.units), value) }
    }
}

/// The sizes of what a cell keeps for a layer of this direction.
pub(super) const fn kept(direction: Direction, batch: usize, numbers: usize) -> usize {
    direction.count() * batch * numbers
}
