//! What is summed up over an epoch.

use super::examples::Examples;

/// Sums over an epoch.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) examples: usize,
    loss: f64,
    right: usize,
}

impl Tally {
    pub(super) fn add(&mut self, examples: usize, loss: f64, right: usize) {
        self.examples += examples;
        self.loss += loss * examples as f64;
        self.right += right;
    }

    pub(super) fn loss(&self) -> f64 {
        self.loss / self.examples.max(1) as f64
    }

    pub(super) fn accuracy(&self, examples: &Examples) -> Option<f64> {
        let classes = !examples.classes.is_empty();
        classes.then(|| self.right as f64 / self.examples.max(1) as f64)
    }
}

/// How many rows of `[batch, classes]` scores have their largest one at the right class.
pub(super) fn right_answers(scores: Vec<f32>, batch: &Examples) -> usize {
    let rows = scores.chunks(batch.outputs.max(1));
    rows.zip(&batch.classes).filter(|(scores, class)| crate::evaluate::largest(scores) == **class).count()
}
