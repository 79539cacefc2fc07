//! Centring and scaling of features, learnt from some of the rows.

use std::ops::Range;

use crate::Dataset;

/// Statistics that turn raw features into normalised ones: `x' = (x - offset) / scale`.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalization {
    /// One number for each feature, or a single one for all.
    pub offset: Vec<f32>,
    /// As many as `offset`. Never 0: where the rows show no spread, 1.
    pub scale: Vec<f32>,
}

/// What normalised features look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// Mean 0 and standard deviation 1 (of the population, not the sample).
    #[default]
    Standard,
    /// From 0 to 1.
    MinMax,
    /// As they were: offset 0, scale 1.
    None,
}

/// Whether each feature has statistics of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Per {
    /// Each feature its own: columns of different kinds.
    #[default]
    Feature,
    /// One pair for all: pixels.
    All,
}

impl Normalization {
    /// Learns statistics from the given rows only. Sums are taken in double precision, in the order of the rows.
    ///
    /// # Panics
    /// If a row is not below [`Dataset::rows`].
    pub fn fit(kind: Kind, per: Per, data: &Dataset, rows: &[usize]) -> Self {
        let groups: Vec<Range<usize>> = match per {
            Per::Feature => (0..data.columns).map(|column| column..column + 1).collect(),
            Per::All => std::iter::once(0..data.columns).collect(),
        };
        let fitted = groups.into_iter().map(|group| {
            let numbers = rows.iter().flat_map(|&row| &data.row(row)[group.clone()]);
            let (offset, scale) = statistics(kind, numbers.map(|&number| f64::from(number)));
            (offset as f32, usable(scale))
        });
        let (offset, scale) = fitted.unzip();
        Self { offset, scale }
    }

    /// Normalises whole rows in place.
    ///
    /// # Panics
    /// If the length is not a multiple of the number of statistics.
    pub fn apply(&self, features: &mut [f32]) {
        assert_eq!(features.len() % self.offset.len(), 0, "whole rows are normalised");
        let statistics = self.offset.iter().zip(&self.scale).cycle();
        for (feature, (offset, scale)) in features.iter_mut().zip(statistics) {
            *feature = (*feature - offset) / scale;
        }
    }
}

/// A scale that can be divided by: 1 where there is no spread that single precision can express.
fn usable(scale: f64) -> f32 {
    let scale = scale as f32;
    if scale.is_normal() { scale } else { 1.0 }
}

fn statistics(kind: Kind, numbers: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let count = numbers.clone().count() as f64;
    match kind {
        _ if count == 0.0 => (0.0, 1.0),
        Kind::None => (0.0, 1.0),
        Kind::Standard => {
            let mean = numbers.clone().sum::<f64>() / count;
            let variance = numbers.map(|number| (number - mean).powi(2)).sum::<f64>() / count;
            (mean, variance.sqrt())
        }
        Kind::MinMax => {
            let least = numbers.clone().fold(f64::INFINITY, f64::min);
            let most = numbers.fold(f64::NEG_INFINITY, f64::max);
            (least, most - least)
        }
    }
}
