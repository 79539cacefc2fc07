//! Training, validation and test parts.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::{DataError, DataErrorKind, Dataset, Labels};

/// Which rows belong to which part. Each row is in exactly one; each part is in ascending order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Split {
    /// Rows to learn from.
    pub train: Vec<usize>,
    /// Rows to choose by.
    pub validation: Vec<usize>,
    /// Rows to judge by.
    pub test: Vec<usize>,
}

/// How much goes into each part. They sum to 1; any may be 0 except `train`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fractions {
    /// To learn from.
    pub train: f64,
    /// To choose by.
    pub validation: f64,
    /// To judge by.
    pub test: f64,
}

impl Split {
    /// Splits a dataset: stratified by class where it has classes, else at random.
    ///
    /// # Errors
    /// As [`stratified`](Self::stratified) and [`random`](Self::random).
    pub fn of(data: &Dataset, fractions: Fractions, seed: u64) -> Result<Self, DataError> {
        match &data.labels {
            Some(Labels::Classes { names, indices }) => Self::stratified(names, indices, fractions, seed),
            _ => Self::random(data.rows, fractions, seed),
        }
    }

    /// Gives each part the same share of each class, as nearly as whole rows allow, and at least one row of each class
    /// to each part that is not empty.
    ///
    /// # Errors
    /// Fractions that do not sum to 1, and a class with fewer rows than there are parts.
    pub fn stratified(names: &[String], classes: &[u32], fractions: Fractions, seed: u64) -> Result<Self, DataError> {
        let parts = fractions.parts()?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut split = Self::default();
        for (class, name) in names.iter().enumerate() {
            let of_class = classes.iter().enumerate().filter(|(_, index)| **index as usize == class);
            let rows: Vec<usize> = of_class.map(|(row, _)| row).collect();
            if rows.len() < parts {
                return Err(too_few(name, rows.len(), parts));
            }
            split.deal(rows, fractions, &mut rng);
        }
        split.sort();
        Ok(split)
    }

    /// Splits rows regardless of labels.
    ///
    /// # Errors
    /// Fractions that do not sum to 1, and fewer rows than there are parts.
    pub fn random(rows: usize, fractions: Fractions, seed: u64) -> Result<Self, DataError> {
        let parts = fractions.parts()?;
        if rows < parts {
            let reason = format!("{rows} rows cannot be split into {parts} parts");
            return Err(DataError::new(DataErrorKind::Empty, reason));
        }
        let mut split = Self::default();
        split.deal((0..rows).collect(), fractions, &mut ChaCha8Rng::seed_from_u64(seed));
        split.sort();
        Ok(split)
    }

    /// Deals at least as many rows as there are parts: each part gets one before another takes its share.
    fn deal(&mut self, mut rows: Vec<usize>, fractions: Fractions, rng: &mut ChaCha8Rng) {
        shuffle(&mut rows, rng);
        let kept = 1 + usize::from(fractions.validation > 0.0);
        let test = share(rows.len(), fractions.test).min(rows.len() - kept);
        let validation = share(rows.len(), fractions.validation).min(rows.len() - test - 1);
        let rest = rows.split_off(test);
        self.test.extend(rows);
        self.validation.extend(&rest[..validation]);
        self.train.extend(&rest[validation..]);
    }

    fn sort(&mut self) {
        for part in [&mut self.train, &mut self.validation, &mut self.test] {
            part.sort_unstable();
        }
    }
}

impl Fractions {
    /// How many parts are not empty.
    fn parts(self) -> Result<usize, DataError> {
        let all = [self.train, self.validation, self.test];
        let sums = (all.iter().sum::<f64>() - 1.0).abs() < 1e-6;
        if !sums || self.train <= 0.0 || all.iter().any(|part| !(0.0..=1.0).contains(part)) {
            let reason = format!("the parts {} + {} + {} are not shares of 1", all[0], all[1], all[2]);
            let hint = "give train, validation and test shares that sum to 1, train more than 0";
            return Err(DataError::new(DataErrorKind::Options, reason).advise(hint));
        }
        Ok(all.iter().filter(|part| **part > 0.0).count())
    }
}

fn too_few(name: &str, rows: usize, parts: usize) -> DataError {
    let reason = format!("class `{name}` has {rows} rows, each of {parts} parts needs one");
    DataError::new(DataErrorKind::EmptyClass, reason).advise("add examples of the class, or drop a part of the split")
}

/// The nearest whole number of rows, at least 1 where the part is wanted.
fn share(count: usize, fraction: f64) -> usize {
    if fraction == 0.0 { 0 } else { ((count as f64 * fraction).round() as usize).max(1) }
}

/// Fisher and Yates, from the end. Written out, because a library's shuffle may change between its releases and the
/// split with it.
fn shuffle(rows: &mut [usize], rng: &mut ChaCha8Rng) {
    for last in (1..rows.len()).rev() {
        rows.swap(last, below(last as u64 + 1, rng) as usize);
    }
}

/// A number below `bound`, each equally likely (Lemire 2019, with rejection).
fn below(bound: u64, rng: &mut ChaCha8Rng) -> u64 {
    let threshold = bound.wrapping_neg() % bound;
    loop {
        let product = u128::from(rng.next_u64()) * u128::from(bound);
        if product as u64 >= threshold {
            return (product >> 64) as u64;
        }
    }
}
