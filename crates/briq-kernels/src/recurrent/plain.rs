//! The plain recurrent cell.

use super::layer::{Layer, Source};
use super::steps::{Cell, Place, Row, Run, projected};
use super::{RecurrentSpec, Sequences, Weights};
use crate::panel::accumulate;
use crate::parallel::SharedMut;
use crate::simd::Simd;
use crate::vector::tanh;

/// What is applied to the sum that becomes the hidden state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RnnActivation {
    /// The hyperbolic tangent.
    #[default]
    Tanh,
    /// The larger of the sum and zero.
    Relu,
}

/// A layer of plain recurrent cells: the new hidden state is the activation of input and hidden state times their weights.
#[derive(Clone, Debug)]
pub struct Rnn {
    spec: RecurrentSpec,
    layers: Vec<Layer>,
    activation: RnnActivation,
}

impl Rnn {
    /// Packs the weights.
    ///
    /// # Panics
    /// If a slice is of another size.
    #[must_use]
    pub fn new(spec: RecurrentSpec, weights: &Weights<'_>, activation: RnnActivation) -> Self {
        let pack = |source: Source<'_>| {
            source.pack(&[&[0]], |gate, unit| source.bias(gate, unit, false) + source.bias(gate, unit, true))
        };
        Self { spec, layers: Source::split(spec, 1, weights).into_iter().map(pack).collect(), activation }
    }

    /// Writes the hidden states of all steps to `out`, and that after the last step of each sequence to `last`.
    ///
    /// # Panics
    /// If a slice is of another size.
    pub fn run(&self, sequences: &Sequences<'_>, out: &mut [f32], last: &mut [f32]) {
        let (cell, kept) = (Step(self.activation), SharedMut::new(&mut []));
        Run { cell, spec: self.spec, layers: &self.layers, sequences, kept }.run(out, last);
    }
}

#[derive(Clone, Copy)]
struct Step(RnnActivation);

impl Cell for Step {
    const PHASES: usize = 1;
    const KEPT: usize = 0;

    #[inline(always)]
    unsafe fn compute<S: Simd, const R: usize>(self, simd: S, layer: &Layer, place: Place, rows: &[Row; R]) {
        // SAFETY: handed on.
        unsafe {
            let sums = projected::<S, R, 1>(simd, rows, place.panel, (0, 1));
            let sums = accumulate(simd, rows.map(|row| row.previous), layer.panel::<S>(0, 1, place.panel), sums);
            for (row, [sum]) in rows.iter().zip(sums) {
                let state = match self.0 {
                    RnnActivation::Tanh => tanh(simd, sum),
                    RnnActivation::Relu => simd.max(simd.zero(), sum),
                };
                row.store(simd, place, state);
            }
        }
    }
}
