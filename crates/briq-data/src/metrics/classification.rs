//! Classes.

/// The part of the predictions that are right; 0 where there are none.
///
/// # Panics
/// If the lengths differ.
pub fn accuracy(actual: &[u32], predicted: &[u32]) -> f64 {
    assert_eq!(actual.len(), predicted.len(), "one prediction for each example");
    let right = actual.iter().zip(predicted).filter(|(a, p)| a == p).count();
    ratio(right as u64, actual.len() as u64)
}

/// A confusion matrix: how often each class was taken for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confusion {
    classes: usize,
    counts: Vec<u64>,
}

/// How well one class is found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassReport {
    /// Of what was taken for the class, the part that is of it; 0 where nothing was.
    pub precision: f64,
    /// Of what is of the class, the part that was found; 0 where nothing is.
    pub recall: f64,
    /// Their harmonic mean; 0 where both are.
    pub f1: f64,
    /// How many examples are of the class.
    pub support: u64,
}

impl Confusion {
    /// Counts.
    ///
    /// # Panics
    /// If the lengths differ, or an index is not below `classes`.
    pub fn new(classes: usize, actual: &[u32], predicted: &[u32]) -> Self {
        assert_eq!(actual.len(), predicted.len(), "one prediction for each example");
        let mut counts = vec![0; classes * classes];
        for (&actual, &predicted) in actual.iter().zip(predicted) {
            let (row, column) = (actual as usize, predicted as usize);
            assert!(row < classes && column < classes, "class {row} or {column} is not below {classes}");
            counts[row * classes + column] += 1;
        }
        Self { classes, counts }
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// How many examples of class `actual` were taken for `predicted`.
    ///
    /// # Panics
    /// If a class is not below [`classes`](Self::classes).
    pub fn count(&self, actual: usize, predicted: usize) -> u64 {
        self.row(actual)[predicted]
    }

    /// What the examples of one class were taken for.
    ///
    /// # Panics
    /// If the class is not below [`classes`](Self::classes).
    pub fn row(&self, actual: usize) -> &[u64] {
        &self.counts[actual * self.classes..][..self.classes]
    }

    /// Number of examples.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The part on the diagonal.
    pub fn accuracy(&self) -> f64 {
        let right = (0..self.classes).map(|class| self.count(class, class)).sum();
        ratio(right, self.total())
    }

    /// Precision, recall and F1 of one class.
    ///
    /// # Panics
    /// If the class is not below [`classes`](Self::classes).
    pub fn class(&self, class: usize) -> ClassReport {
        let right = self.count(class, class);
        let support = self.row(class).iter().sum();
        let taken = (0..self.classes).map(|actual| self.count(actual, class)).sum();
        let (precision, recall) = (ratio(right, taken), ratio(right, support));
        ClassReport { precision, recall, f1: ratio(2 * right, support + taken), support }
    }

    /// The mean F1 of the classes, each weighing the same.
    pub fn macro_f1(&self) -> f64 {
        let sum: f64 = (0..self.classes).map(|class| self.class(class).f1).sum();
        if self.classes == 0 { 0.0 } else { sum / self.classes as f64 }
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
