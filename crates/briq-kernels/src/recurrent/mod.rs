//! Recurrent layers with the gates, orders and shapes of ONNX: LSTM, GRU and the plain cell.
//!
//! The inputs of all steps are multiplied by their weights in one product. A step then multiplies the last hidden state by
//! weights that are packed so that all gates of one register's worth of hidden units lie together: the gates are still in
//! registers when the cell computes the new state from them.
//!
//! Shapes, for `directions` of 1 or 2: the input is `[steps, batch, input]`, the result `[steps, directions, batch, hidden]`, each
//! state `[directions, batch, hidden]`.

mod gru;
mod layer;
mod lstm;
mod plain;
mod steps;

pub use gru::{Gru, GruSpec};
pub use lstm::{Lstm, LstmStates};
pub use plain::{Rnn, RnnActivation};

/// In which order the steps are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// From the first to the last.
    #[default]
    Forward,
    /// From the last to the first.
    Reverse,
    /// Both, each with weights of its own.
    Bidirectional,
}

impl Direction {
    /// How many sets of weights, and of states, there are.
    #[must_use]
    pub const fn count(self) -> usize {
        match self {
            Self::Forward | Self::Reverse => 1,
            Self::Bidirectional => 2,
        }
    }

    /// Whether the set of weights with this index goes backwards.
    const fn is_reverse(self, index: usize) -> bool {
        match self {
            Self::Forward => false,
            Self::Reverse => true,
            Self::Bidirectional => index == 1,
        }
    }
}

/// The sizes of a recurrent layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecurrentSpec {
    /// Numbers in the input of one step.
    pub input: usize,
    /// Numbers in the hidden state.
    pub hidden: usize,
    /// In which order the steps are taken.
    pub direction: Direction,
}

/// The parameters of a recurrent layer, as ONNX lays them out.
#[derive(Clone, Copy, Debug)]
pub struct Weights<'a> {
    /// `[directions, gates · hidden, input]`.
    pub input: &'a [f32],
    /// `[directions, gates · hidden, hidden]`.
    pub recurrent: &'a [f32],
    /// `[directions, 2 · gates · hidden]`: those of the input, then those of the hidden state.
    pub bias: Option<&'a [f32]>,
}

/// What a recurrent layer is applied to.
#[derive(Clone, Copy, Debug)]
pub struct Sequences<'a> {
    /// `[steps, batch, input]`.
    pub values: &'a [f32],
    /// The longest sequence's steps.
    pub steps: usize,
    /// Sequences.
    pub batch: usize,
    /// How many steps each sequence has; all of them where this is absent. The results past the end are zero.
    pub lengths: Option<&'a [usize]>,
    /// The hidden state before the first step; zero where this is absent.
    pub initial: Option<&'a [f32]>,
}

impl Sequences<'_> {
    /// Steps of one sequence.
    fn length(&self, sequence: usize) -> usize {
        self.lengths.map_or(self.steps, |lengths| lengths[sequence])
    }

    fn check(&self, spec: &RecurrentSpec) {
        let states = spec.direction.count() * self.batch * spec.hidden;
        assert_eq!(self.values.len(), self.steps * self.batch * spec.input, "an input of steps × batch × input");
        assert!(
            self.initial.is_none_or(|initial| initial.len() == states),
            "an initial state of directions × batch × hidden"
        );
        if let Some(lengths) = self.lengths {
            assert_eq!(lengths.len(), self.batch, "a length for each sequence");
            assert!(lengths.iter().all(|&length| length <= self.steps), "lengths of at most {} steps", self.steps);
        }
    }
}
