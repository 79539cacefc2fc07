//! Long short-term memory.

use super::layer::{Layer, Source};
use super::steps::{Cell, Place, Row, Run, kept, projected};
use super::{RecurrentSpec, Sequences, Weights};
use crate::buffer::Scratch;
use crate::panel::accumulate;
use crate::parallel::SharedMut;
use crate::simd::Simd;
use crate::vector::{sigmoid, tanh};

/// A layer of long short-term memory: gates input, output, forget and cell, in ONNX's order, with sigmoid and hyperbolic tangent.
///
/// ```
/// use briq_kernels::recurrent::{Direction, Lstm, LstmStates, RecurrentSpec, Sequences, Weights};
///
/// let spec = RecurrentSpec { input: 1, hidden: 1, direction: Direction::Forward };
/// // All weights are zero, so that the gates are half open and what is remembered halves at each step.
/// let lstm = Lstm::new(spec, &Weights { input: &[0.0; 4], recurrent: &[0.0; 4], bias: None }, None);
/// let input = Sequences { values: &[0.0; 2], steps: 2, batch: 1, lengths: None, initial: None };
/// let (mut out, mut hidden, mut cell) = ([0.0; 2], [0.0], [0.0]);
/// lstm.run(&input, Some(&[4.0]), &mut out, LstmStates { hidden: &mut hidden, cell: &mut cell });
/// assert_eq!(cell, [1.0]);
/// ```
#[derive(Clone, Debug)]
pub struct Lstm {
    spec: RecurrentSpec,
    layers: Vec<Layer>,
    peephole: bool,
}

/// Where the states after the last step of each sequence go: each `[directions, batch, hidden]`.
#[derive(Debug)]
pub struct LstmStates<'a> {
    /// The hidden state.
    pub hidden: &'a mut [f32],
    /// The cell state.
    pub cell: &'a mut [f32],
}

const GATES: usize = 4;
const INPUT: usize = 0;
const OUTPUT: usize = 1;
const FORGET: usize = 2;

impl Lstm {
    /// Packs the weights, and the peepholes `[directions, 3 · hidden]` for the gates input, output and forget.
    ///
    /// # Panics
    /// If a slice is of another size.
    #[must_use]
    pub fn new(spec: RecurrentSpec, weights: &Weights<'_>, peepholes: Option<&[f32]>) -> Self {
        let count = 3 * spec.hidden;
        let fits = peepholes.is_none_or(|peepholes| peepholes.len() == spec.direction.count() * count);
        assert!(fits, "peepholes of directions × 3 · hidden");
        let pack = |(index, source): (usize, Source<'_>)| {
            let mut layer = source
                .pack(&[&[0, 1, 2, 3]], |gate, unit| source.bias(gate, unit, false) + source.bias(gate, unit, true));
            if let Some(peepholes) = peepholes {
                let own = &peepholes[index * count..][..count];
                (0..3).for_each(|gate| layer.push(|unit| own[gate * spec.hidden + unit]));
            }
            layer
        };
        let layers = Source::split(spec, GATES, weights).into_iter().enumerate().map(pack).collect();
        Self { spec, layers, peephole: peepholes.is_some() }
    }

    /// Writes the hidden states of all steps to `out`, and the last states. `cell` is the cell state before the first step.
    ///
    /// # Panics
    /// If a slice is of another size.
    pub fn run(&self, sequences: &Sequences<'_>, cell: Option<&[f32]>, out: &mut [f32], states: LstmStates<'_>) {
        let (padded, hidden) = (self.layers[0].padded(), self.spec.hidden);
        let count = kept(self.spec.direction, sequences.batch, hidden);
        assert!(cell.is_none_or(|cell| cell.len() == count), "an initial cell state of directions × batch × hidden");
        assert_eq!(states.cell.len(), count, "a cell state of directions × batch × hidden");
        let mut cells = Scratch::take(kept(self.spec.direction, sequences.batch, padded));
        for (index, own) in cells.chunks_exact_mut(padded.max(1)).enumerate() {
            own.fill(0.0);
            if let Some(cell) = cell {
                own[..hidden].copy_from_slice(&cell[index * hidden..][..hidden]);
            }
        }
        let (spec, layers, kept) = (self.spec, &*self.layers, SharedMut::new(&mut cells));
        if self.peephole {
            Run { cell: Step::<true>, spec, layers, sequences, kept }.run(out, states.hidden);
        } else {
            Run { cell: Step::<false>, spec, layers, sequences, kept }.run(out, states.hidden);
        }
        for (last, own) in states.cell.chunks_exact_mut(hidden.max(1)).zip(cells.chunks_exact(padded.max(1))) {
            last.copy_from_slice(&own[..hidden]);
        }
    }
}

/// A step, with peepholes or without.
#[derive(Clone, Copy)]
struct Step<const PEEPHOLE: bool>;

impl<const PEEPHOLE: bool> Cell for Step<PEEPHOLE> {
    const PHASES: usize = 1;
    const KEPT: usize = 1;

    #[inline(always)]
    unsafe fn compute<S: Simd, const R: usize>(self, simd: S, layer: &Layer, place: Place, rows: &[Row; R]) {
        // SAFETY: handed on.
        let gates = unsafe {
            let gates = projected::<S, R, GATES>(simd, rows, place.panel, (0, GATES));
            let states = rows.map(|row| row.previous);
            accumulate(simd, states, layer.panel::<S>(0, GATES, place.panel), gates)
        };
        for (row, [input, output, forget, candidate]) in rows.iter().zip(gates) {
            // SAFETY: the cell state has whole panels.
            unsafe {
                let kept = row.kept.add(place.unit);
                let before = simd.load_at(kept);
                let input = sigmoid(simd, Self::peep(simd, layer, INPUT, place, before, input));
                let forget = sigmoid(simd, Self::peep(simd, layer, FORGET, place, before, forget));
                let cell = simd.mul_add(forget, before, simd.mul(input, tanh(simd, candidate)));
                let output = sigmoid(simd, Self::peep(simd, layer, OUTPUT, place, cell, output));
                simd.store_at(kept, cell);
                row.store(simd, place, simd.mul(output, tanh(simd, cell)));
            }
        }
    }
}

impl<const PEEPHOLE: bool> Step<PEEPHOLE> {
    /// A gate, which sees the cell state through its peephole.
    #[inline(always)]
    fn peep<S: Simd>(simd: S, layer: &Layer, gate: usize, place: Place, cell: S::Float, sum: S::Float) -> S::Float {
        if PEEPHOLE { simd.mul_add(simd.load(layer.extra::<S>(gate, place.panel)), cell, sum) } else { sum }
    }
}
