//! The packed weights of one direction.

use super::{RecurrentSpec, Weights};
use crate::buffer::Buffer;
use crate::matrix::PackedMatrix;
use crate::simd::{Simd, Unit};

/// Weights of one direction, in panels of as many hidden units as a register has lanes. What lies past the last unit is zero.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    /// Of the input: its columns are, for each panel, the gates' units.
    pub(super) input: PackedMatrix,
    /// For the product with the input: a number for each of its columns.
    pub(super) bias: Vec<f32>,
    /// For each phase of a step, the panels: a row for each number of the hidden state, and in it the phase's gates.
    pub(super) recurrent: Vec<Buffer>,
    /// Further parameters of the cell, each of `padded` numbers.
    pub(super) extra: Vec<f32>,
    pub(super) hidden: usize,
    pub(super) unit: Unit,
}

/// The gates of one direction, as ONNX lays them out.
pub(super) struct Source<'a> {
    pub(super) input: &'a [f32],
    pub(super) recurrent: &'a [f32],
    pub(super) bias: Option<&'a [f32]>,
    pub(super) gates: usize,
    pub(super) spec: RecurrentSpec,
}

impl<'a> Source<'a> {
    /// The weights of each direction.
    ///
    /// # Panics
    /// If they are of other sizes.
    pub(super) fn split(spec: RecurrentSpec, gates: usize, weights: &Weights<'a>) -> Vec<Self> {
        let (directions, rows) = (spec.direction.count(), gates * spec.hidden);
        assert_eq!(
            weights.input.len(),
            directions * rows * spec.input,
            "input weights of directions × gates · hidden × input"
        );
        assert_eq!(
            weights.recurrent.len(),
            directions * rows * spec.hidden,
            "recurrent weights of directions × gates · hidden × hidden"
        );
        assert!(
            weights.bias.is_none_or(|bias| bias.len() == directions * 2 * rows),
            "a bias of directions × 2 · gates · hidden"
        );
        let part = |of: &'a [f32], index: usize| &of[of.len() / directions * index..][..of.len() / directions];
        (0..directions)
            .map(|index| Self {
                input: part(weights.input, index),
                recurrent: part(weights.recurrent, index),
                bias: weights.bias.map(|bias| part(bias, index)),
                gates,
                spec,
            })
            .collect()
    }

    /// The bias of a gate's unit: of the input, or of the hidden state.
    pub(super) fn bias(&self, gate: usize, unit: usize, of_state: bool) -> f32 {
        let start = if of_state { self.gates * self.spec.hidden } else { 0 };
        self.bias.map_or(0.0, |bias| bias[start + gate * self.spec.hidden + unit])
    }

    /// Packs the weights; the `phases` say which gates are computed together, and `bias` what is added to a gate's unit along
    /// with the product of the input.
    pub(super) fn pack(&self, phases: &[&[usize]], bias: impl Fn(usize, usize) -> f32) -> Layer {
        let unit = Unit::current();
        let (lanes, RecurrentSpec { input, hidden, .. }) = (unit.lanes(), self.spec);
        let columns = hidden.next_multiple_of(lanes) * self.gates;
        // The gate and the unit of a column.
        let place = |column: usize| {
            let (panel, rest) = (column / (lanes * self.gates), column % (lanes * self.gates));
            (rest / lanes, panel * lanes + rest % lanes)
        };
        let bias =
            (0..columns).map(place).map(|(gate, unit)| if unit < hidden { bias(gate, unit) } else { 0.0 }).collect();
        let packed = PackedMatrix::pack_with(input, columns, |row, column| {
            let (gate, unit) = place(column);
            if unit < hidden { self.input[(gate * hidden + unit) * input + row] } else { 0.0 }
        });
        let recurrent = phases.iter().map(|gates| self.panels(gates, lanes)).collect();
        Layer { input: packed, bias, recurrent, extra: Vec::new(), hidden, unit }
    }

    fn panels(&self, gates: &[usize], lanes: usize) -> Buffer {
        let hidden = self.spec.hidden;
        let mut packed = Buffer::lasting(hidden.next_multiple_of(lanes) * gates.len() * hidden);
        for (index, row) in packed.chunks_exact_mut(lanes).enumerate() {
            let (panel, rest) = (index / (gates.len() * hidden), index % (gates.len() * hidden));
            let (state, gate) = (rest / gates.len(), gates[rest % gates.len()]);
            for (lane, weight) in row.iter_mut().enumerate() {
                let unit = panel * lanes + lane;
                if unit < hidden && panel * lanes < hidden {
                    *weight = self.recurrent[(gate * hidden + unit) * hidden + state];
                }
            }
        }
        packed.settle();
        packed
    }
}

impl Layer {
    /// Hidden units, rounded up to whole panels.
    pub(super) fn padded(&self) -> usize {
        self.hidden.next_multiple_of(self.unit.lanes())
    }

    /// Appends a further parameter that has a number for each hidden unit.
    pub(super) fn push(&mut self, values: impl Fn(usize) -> f32) {
        let padded = self.padded();
        self.extra.extend((0..padded).map(|unit| if unit < self.hidden { values(unit) } else { 0.0 }));
    }

    /// A panel of the weights of a phase with this many gates.
    pub(super) fn panel<S: Simd>(&self, phase: usize, gates: usize, panel: usize) -> &[f32] {
        let length = self.hidden * gates * S::LANES;
        &self.recurrent[phase][panel * length..][..length]
    }

    /// The part of a further parameter that belongs to a panel.
    pub(super) fn extra<S: Simd>(&self, index: usize, panel: usize) -> &[f32] {
        &self.extra[index * self.padded() + panel * S::LANES..][..S::LANES]
    }

    /// Vector operations of one step of one sequence: one for each register of recurrent weights.
    pub(super) fn operations(&self) -> usize {
        self.recurrent.iter().map(|panels| panels.len()).sum::<usize>() / self.unit.lanes()
    }

    /// Whether each thread can have all recurrent weights in its own cache.
    pub(super) fn fits_own_cache(&self) -> bool {
        const NUMBERS: usize = 160 * 1024;
        self.operations() * self.unit.lanes() <= NUMBERS
    }
}
