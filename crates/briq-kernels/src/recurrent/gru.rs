//! Gated recurrent units.

use super::layer::{Layer, Source};
use super::steps::{Cell, Place, Row, Run, kept, projected};
use super::{RecurrentSpec, Sequences, Weights};
use crate::buffer::Scratch;
use crate::panel::accumulate;
use crate::parallel::SharedMut;
use crate::simd::Simd;
use crate::vector::{sigmoid, tanh};

/// The sizes and the kind of a layer of gated recurrent units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GruSpec {
    /// The sizes.
    pub layer: RecurrentSpec,
    /// Whether the reset gate acts on the product of the hidden state with its weights, instead of on the hidden state.
    pub linear_before_reset: bool,
}

/// A layer of gated recurrent units: gates update, reset and hidden, in ONNX's order, with sigmoid and hyperbolic tangent.
#[derive(Clone, Debug)]
pub struct Gru {
    spec: GruSpec,
    layers: Vec<Layer>,
}

const GATES: usize = 3;
const HIDDEN: usize = 2;

impl Gru {
    /// Packs the weights.
    ///
    /// # Panics
    /// If a slice is of another size.
    #[must_use]
    pub fn new(spec: GruSpec, weights: &Weights<'_>) -> Self {
        let layers = Source::split(spec.layer, GATES, weights).into_iter().map(|source| pack(spec, &source)).collect();
        Self { spec, layers }
    }

    /// Writes the hidden states of all steps to `out`, and that after the last step of each sequence to `last`.
    ///
    /// # Panics
    /// If a slice is of another size.
    pub fn run(&self, sequences: &Sequences<'_>, out: &mut [f32], last: &mut [f32]) {
        let (spec, layers) = (self.spec.layer, &*self.layers);
        if self.spec.linear_before_reset {
            let kept = SharedMut::new(&mut []);
            return Run { cell: LinearBeforeReset, spec, layers, sequences, kept }.run(out, last);
        }
        let length = kept(spec.direction, sequences.batch, ResetBeforeLinear::KEPT * layers[0].padded());
        let mut room = Scratch::take(length);
        Run { cell: ResetBeforeLinear, spec, layers, sequences, kept: SharedMut::new(&mut room) }.run(out, last);
    }
}

fn pack(spec: GruSpec, source: &Source<'_>) -> Layer {
    let both = |gate, unit| source.bias(gate, unit, false) + source.bias(gate, unit, true);
    if !spec.linear_before_reset {
        return source.pack(&[&[0, 1], &[HIDDEN]], both);
    }
    // The hidden state's bias of the hidden gate is reset too, so it cannot be added to the input's.
    let mut layer =
        source.pack(
            &[&[0, 1, HIDDEN]],
            |gate, unit| {
                if gate == HIDDEN { source.bias(gate, unit, false) } else { both(gate, unit) }
            },
        );
    layer.push(|unit| source.bias(HIDDEN, unit, true));
    layer
}

/// `(1 - update) · candidate + update · previous`.
#[inline(always)]
fn blend<S: Simd>(simd: S, update: S::Float, candidate: S::Float, previous: S::Float) -> S::Float {
    simd.mul_add(update, simd.sub(previous, candidate), candidate)
}

/// A step in which the reset gate acts on the product.
#[derive(Clone, Copy)]
struct LinearBeforeReset;

impl Cell for LinearBeforeReset {
    const PHASES: usize = 1;
    const KEPT: usize = 0;

    #[inline(always)]
    unsafe fn compute<S: Simd, const R: usize>(self, simd: S, layer: &Layer, place: Place, rows: &[Row; R]) {
        let bias = simd.load(layer.extra::<S>(0, place.panel));
        // SAFETY: handed on.
        unsafe {
            let inputs = projected::<S, R, GATES>(simd, rows, place.panel, (0, GATES));
            let gates = inputs.map(|[update, reset, _]| [update, reset, bias]);
            let states = rows.map(|row| row.previous);
            let gates = accumulate(simd, states, layer.panel::<S>(0, GATES, place.panel), gates);
            for ((row, [update, reset, linear]), input) in rows.iter().zip(gates).zip(inputs) {
                let candidate = tanh(simd, simd.mul_add(sigmoid(simd, reset), linear, input[HIDDEN]));
                let previous = Row::load(simd, row.previous, place);
                row.store(simd, place, blend(simd, sigmoid(simd, update), candidate, previous));
            }
        }
    }
}

/// A step in which the reset gate acts on the hidden state: first the gates, then, from all hidden units that were reset, the
/// new state. Kept between the two are the update gate and the hidden state that was reset.
#[derive(Clone, Copy)]
struct ResetBeforeLinear;

impl Cell for ResetBeforeLinear {
    const PHASES: usize = 2;
    const KEPT: usize = 2;

    #[inline(always)]
    unsafe fn compute<S: Simd, const R: usize>(self, simd: S, layer: &Layer, place: Place, rows: &[Row; R]) {
        // SAFETY: handed on.
        unsafe { if place.phase == 0 { gates(simd, layer, place, rows) } else { state(simd, layer, place, rows) } }
    }
}

#[inline(always)]
unsafe fn gates<S: Simd, const R: usize>(simd: S, layer: &Layer, place: Place, rows: &[Row; R]) {
    // SAFETY: handed on; what is kept has twice whole panels.
    unsafe {
        let gates = projected::<S, R, 2>(simd, rows, place.panel, (0, GATES));
        let gates = accumulate(simd, rows.map(|row| row.previous), layer.panel::<S>(0, 2, place.panel), gates);
        for (row, [update, reset]) in rows.iter().zip(gates) {
            let kept = row.kept.add(place.unit);
            let previous = Row::load(simd, row.previous, place);
            simd.store_at(kept, sigmoid(simd, update));
            simd.store_at(kept.add(layer.padded()), simd.mul(sigmoid(simd, reset), previous));
        }
    }
}

#[inline(always)]
unsafe fn state<S: Simd, const R: usize>(simd: S, layer: &Layer, place: Place, rows: &[Row; R]) {
    // SAFETY: handed on; what is kept has twice whole panels.
    unsafe {
        let candidates = projected::<S, R, 1>(simd, rows, place.panel, (HIDDEN, GATES));
        let states = rows.map(|row| row.kept.add(layer.padded()).cast_const());
        let candidates = accumulate(simd, states, layer.panel::<S>(1, 1, place.panel), candidates);
        for (row, [candidate]) in rows.iter().zip(candidates) {
            let update = simd.load_at(row.kept.add(place.unit));
            let previous = Row::load(simd, row.previous, place);
            row.store(simd, place, blend(simd, update, tanh(simd, candidate), previous));
        }
    }
}
