//! Recurrent layers, against plain loops with the formulas of ONNX.

use briq_kernels::recurrent::{
    Direction, Gru, GruSpec, Lstm, LstmStates, RecurrentSpec, Rnn, RnnActivation, Sequences, Weights,
};
use proptest::prelude::*;

use crate::support::{Numbers, assert_close, for_each_unit, wide};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Lstm,
    LstmWithPeepholes,
    Gru,
    GruLinearBeforeReset,
    Rnn,
    RnnRelu,
}

const ALL: [Kind; 6] =
    [Kind::Lstm, Kind::LstmWithPeepholes, Kind::Gru, Kind::GruLinearBeforeReset, Kind::Rnn, Kind::RnnRelu];

impl Kind {
    fn gates(self) -> usize {
        match self {
            Self::Lstm | Self::LstmWithPeepholes => 4,
            Self::Gru | Self::GruLinearBeforeReset => 3,
            Self::Rnn | Self::RnnRelu => 1,
        }
    }
}

/// Hidden and cell states.
type States = (Vec<f32>, Vec<f32>);

/// A layer with its parameters and what it is applied to.
#[derive(Clone, Debug)]
struct Case {
    kind: Kind,
    spec: RecurrentSpec,
    steps: usize,
    batch: usize,
    lengths: Option<Vec<usize>>,
    x: Vec<f32>,
    w: Vec<f32>,
    r: Vec<f32>,
    b: Option<Vec<f32>>,
    p: Vec<f32>,
    initial: Option<States>,
}

impl Case {
    fn new(kind: Kind, spec: RecurrentSpec, (steps, batch): (usize, usize), seed: u64) -> Self {
        let mut numbers = Numbers::new(seed);
        let (directions, rows) = (spec.direction.count(), kind.gates() * spec.hidden);
        let scale = 1.5 / (spec.hidden as f32).sqrt();
        let states = directions * batch * spec.hidden;
        Self {
            kind,
            spec,
            steps,
            batch,
            lengths: None,
            x: numbers.take(steps * batch * spec.input),
            w: numbers.scaled(directions * rows * spec.input, 1.0 / (spec.input.max(1) as f32).sqrt()),
            r: numbers.scaled(directions * rows * spec.hidden, scale),
            b: Some(numbers.take(directions * 2 * rows)),
            p: numbers.take(directions * 3 * spec.hidden),
            initial: Some((numbers.take(states), numbers.take(states))),
        }
    }

    fn length(&self, sequence: usize) -> usize {
        self.lengths.as_ref().map_or(self.steps, |lengths| lengths[sequence])
    }

    /// Row `row` of gate `gate` of a weight matrix, times a vector.
    fn product(&self, of: &[f32], direction: usize, gate: usize, unit: usize, vector: &[f64]) -> f64 {
        let row = (direction * self.kind.gates() + gate) * self.spec.hidden + unit;
        wide(&of[row * vector.len()..][..vector.len()]).iter().zip(vector).map(|(a, b)| a * b).sum()
    }

    fn bias(&self, direction: usize, gate: usize, unit: usize) -> (f64, f64) {
        let rows = self.kind.gates() * self.spec.hidden;
        let at = direction * 2 * rows + gate * self.spec.hidden + unit;
        self.b.as_ref().map_or((0.0, 0.0), |b| (f64::from(b[at]), f64::from(b[at + rows])))
    }

    /// All results, last hidden states and last cell states.
    fn reference(&self) -> [Vec<f64>; 3] {
        let (hidden, directions) = (self.spec.hidden, self.spec.direction.count());
        let mut out = vec![0.0; self.steps * directions * self.batch * hidden];
        let (mut states, mut cells) = (Vec::new(), Vec::new());
        for (direction, sequence) in (0..directions).flat_map(|d| (0..self.batch).map(move |s| (d, s))) {
            let start = (direction * self.batch + sequence) * hidden;
            let initial = |which: fn(&States) -> &Vec<f32>| {
                self.initial.as_ref().map_or(vec![0.0; hidden], |initial| wide(&which(initial)[start..start + hidden]))
            };
            let (mut h, mut c) = (initial(|initial| &initial.0), initial(|initial| &initial.1));
            let reverse = self.spec.direction == Direction::Reverse || direction == 1;
            for step in 0..self.length(sequence) {
                let time = if reverse { self.length(sequence) - 1 - step } else { step };
                let x = wide(&self.x[(time * self.batch + sequence) * self.spec.input..][..self.spec.input]);
                (h, c) = self.step(direction, &x, &h, &c);
                out[((time * directions + direction) * self.batch + sequence) * hidden..][..hidden].copy_from_slice(&h);
            }
            states.extend(h);
            cells.extend(c);
        }
        [out, states, cells]
    }

    fn step(&self, direction: usize, x: &[f64], h: &[f64], c: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let hidden = self.spec.hidden;
        let sum = |gate: usize, unit: usize| {
            let (wb, rb) = self.bias(direction, gate, unit);
            self.product(&self.w, direction, gate, unit, x) + self.product(&self.r, direction, gate, unit, h) + wb + rb
        };
        match self.kind {
            Kind::Rnn => ((0..hidden).map(|unit| sum(0, unit).tanh()).collect(), c.to_vec()),
            Kind::RnnRelu => ((0..hidden).map(|unit| sum(0, unit).max(0.0)).collect(), c.to_vec()),
            Kind::Lstm | Kind::LstmWithPeepholes => {
                let peephole = |gate: usize, unit: usize| match self.kind {
                    Kind::Lstm => 0.0,
                    _ => f64::from(self.p[(direction * 3 + gate) * hidden + unit]),
                };
                (0..hidden)
                    .map(|unit| {
                        let input = sigmoid(sum(0, unit) + peephole(0, unit) * c[unit]);
                        let forget = sigmoid(sum(2, unit) + peephole(2, unit) * c[unit]);
                        let cell = forget * c[unit] + input * sum(3, unit).tanh();
                        (sigmoid(sum(1, unit) + peephole(1, unit) * cell) * cell.tanh(), cell)
                    })
                    .unzip()
            }
            Kind::Gru | Kind::GruLinearBeforeReset => {
                let reset: Vec<f64> = (0..hidden).map(|unit| sigmoid(sum(1, unit))).collect();
                let after: Vec<f64> = h.iter().zip(&reset).map(|(h, reset)| h * reset).collect();
                let state = |unit: usize| {
                    let (wb, rb) = self.bias(direction, 2, unit);
                    let input = self.product(&self.w, direction, 2, unit, x) + wb;
                    let recurrent = if self.kind == Kind::Gru {
                        self.product(&self.r, direction, 2, unit, &after) + rb
                    } else {
                        reset[unit] * (self.product(&self.r, direction, 2, unit, h) + rb)
                    };
                    let update = sigmoid(sum(0, unit));
                    (1.0 - update) * (input + recurrent).tanh() + update * h[unit]
                };
                ((0..hidden).map(state).collect(), c.to_vec())
            }
        }
    }

    fn run(&self) -> [Vec<f32>; 3] {
        let directions = self.spec.direction.count();
        let mut out = vec![f32::NAN; self.steps * directions * self.batch * self.spec.hidden];
        let mut last = vec![f32::NAN; directions * self.batch * self.spec.hidden];
        let mut cell = last.clone();
        let weights = Weights { input: &self.w, recurrent: &self.r, bias: self.b.as_deref() };
        let sequences = Sequences {
            values: &self.x,
            steps: self.steps,
            batch: self.batch,
            lengths: self.lengths.as_deref(),
            initial: self.initial.as_ref().map(|initial| initial.0.as_slice()),
        };
        match self.kind {
            Kind::Lstm | Kind::LstmWithPeepholes => {
                let peepholes = (self.kind == Kind::LstmWithPeepholes).then_some(self.p.as_slice());
                let initial = self.initial.as_ref().map(|initial| initial.1.as_slice());
                let states = LstmStates { hidden: &mut last, cell: &mut cell };
                Lstm::new(self.spec, &weights, peepholes).run(&sequences, initial, &mut out, states);
            }
            Kind::Gru | Kind::GruLinearBeforeReset => {
                let linear_before_reset = self.kind == Kind::GruLinearBeforeReset;
                Gru::new(GruSpec { layer: self.spec, linear_before_reset }, &weights)
                    .run(&sequences, &mut out, &mut last);
            }
            Kind::Rnn => Rnn::new(self.spec, &weights, RnnActivation::Tanh).run(&sequences, &mut out, &mut last),
            Kind::RnnRelu => Rnn::new(self.spec, &weights, RnnActivation::Relu).run(&sequences, &mut out, &mut last),
        }
        [out, last, cell]
    }

    #[track_caller]
    fn check(&self) {
        let [out, last, cell] = self.reference();
        for_each_unit(|unit| {
            let got = self.run();
            assert_close(unit, &got[0], &out, 2e-5);
            assert_close(unit, &got[1], &last, 2e-5);
            if self.kind.gates() == 4 {
                assert_close(unit, &got[2], &cell, 2e-5);
            }
        });
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

const SPEC: RecurrentSpec = RecurrentSpec { input: 5, hidden: 19, direction: Direction::Bidirectional };

#[test]
fn all_cells_are_right() {
    for kind in ALL {
        Case::new(kind, SPEC, (4, 3), 1).check();
    }
}

#[test]
fn what_may_be_absent_is_zero() {
    for kind in ALL {
        let case = Case::new(kind, SPEC, (3, 2), 2);
        Case { b: None, initial: None, ..case }.check();
    }
}

#[test]
fn sequences_may_be_shorter_and_empty() {
    for (kind, direction) in ALL.into_iter().flat_map(|kind| {
        [Direction::Forward, Direction::Reverse, Direction::Bidirectional].map(|direction| (kind, direction))
    }) {
        let case = Case::new(kind, RecurrentSpec { direction, ..SPEC }, (5, 4), 3);
        Case { lengths: Some(vec![5, 2, 0, 4]), ..case }.check();
    }
}

#[test]
fn nothing_to_do_is_done() {
    for kind in ALL {
        Case::new(kind, SPEC, (0, 2), 4).check();
        Case::new(kind, SPEC, (3, 0), 4).check();
    }
}

#[test]
fn large_layers_are_shared_between_threads() {
    let forward = |input, hidden| RecurrentSpec { input, hidden, direction: Direction::Forward };
    for kind in [Kind::Lstm, Kind::Gru, Kind::GruLinearBeforeReset] {
        Case::new(kind, forward(32, 128), (20, 9), 5).check();
        Case::new(kind, forward(16, 400), (4, 8), 6).check();
        Case::new(kind, forward(16, 400), (4, 1), 7).check();
    }
    Case::new(Kind::Lstm, RecurrentSpec { direction: Direction::Bidirectional, ..forward(16, 300) }, (4, 2), 8).check();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_sizes_are_right(
        kind in prop::sample::select(ALL.to_vec()),
        (input, hidden) in (1_usize..20, 1_usize..50),
        (steps, batch) in (1_usize..5, 1_usize..16),
        direction in prop::sample::select(vec![Direction::Forward, Direction::Reverse, Direction::Bidirectional]),
        seed: u64,
    ) {
        Case::new(kind, RecurrentSpec { input, hidden, direction }, (steps, batch), seed).check();
    }
}
