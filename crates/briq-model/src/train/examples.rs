//! What a network learns from: features and targets in host memory, cut into batches.

use briq_data::{Dataset, Labels};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Rows of features with what the network should answer to each.
#[derive(Clone, Debug, Default)]
pub struct Examples {
    /// Row-major features, as they stand in the data.
    pub features: Vec<f32>,
    /// Numbers in a row of features.
    pub width: usize,
    /// Row-major targets: one-hot for a class, the value itself for a regression.
    pub targets: Vec<f32>,
    /// Numbers in a row of targets.
    pub outputs: usize,
    /// The class of each row; empty for a regression.
    pub classes: Vec<usize>,
}

impl Examples {
    /// A whole table as examples; none when it has no labels.
    #[must_use]
    pub fn of(data: &Dataset) -> Option<Self> {
        let (targets, outputs, classes) = match data.labels.as_ref()? {
            Labels::Classes { names, indices } => one_hot(names.len(), indices),
            Labels::Values(values) => (values.clone(), 1, Vec::new()),
        };
        Some(Self { features: data.features.clone(), width: data.columns, targets, outputs, classes })
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.targets.len().checked_div(self.outputs).unwrap_or(0)
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The given rows, in the given order.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        let classes =
            if self.classes.is_empty() { Vec::new() } else { rows.iter().map(|&row| self.classes[row]).collect() };
        Self {
            features: gather(&self.features, self.width, rows),
            width: self.width,
            targets: gather(&self.targets, self.outputs, rows),
            outputs: self.outputs,
            classes,
        }
    }
}

fn one_hot(count: usize, indices: &[u32]) -> (Vec<f32>, usize, Vec<usize>) {
    let classes: Vec<usize> = indices.iter().map(|&index| index as usize).collect();
    let mut targets = vec![0.0; count * classes.len()];
    for (row, class) in classes.iter().enumerate() {
        targets[row * count + class] = 1.0;
    }
    (targets, count, classes)
}

fn gather(values: &[f32], width: usize, rows: &[usize]) -> Vec<f32> {
    rows.iter().flat_map(|row| &values[row * width..(row + 1) * width]).copied().collect()
}

/// The order in which `rows` examples are visited in an epoch: a function of seed and epoch alone.
pub(crate) fn shuffled(rows: usize, seed: u64, epoch: usize) -> Vec<usize> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(epoch as u64 + (1 << 32));
    let mut order: Vec<usize> = (0..rows).collect();
    order.shuffle(&mut random);
    order
}
