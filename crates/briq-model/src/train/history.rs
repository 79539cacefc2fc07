//! What happened in each epoch.

use serde::{Deserialize, Serialize};

/// The figures of a training, epoch by epoch. It holds no times, so that the same training gives the same bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// One record for each epoch, in order.
    pub epochs: Vec<EpochRecord>,
    /// The epoch, counted from one, whose parameters were kept.
    pub best_epoch: usize,
    /// Why training ended.
    pub ended: Ended,
}

/// The figures of one epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Counted from one.
    pub epoch: usize,
    /// The learning rate that all its steps used.
    pub learning_rate: f64,
    /// Mean loss over the training part, as the steps met it.
    pub train_loss: f64,
    /// Fraction of right answers over the training part; none for a regression.
    pub train_accuracy: Option<f64>,
    /// Mean loss over the validation part; none without one.
    pub validation_loss: Option<f64>,
    /// Fraction of right answers over the validation part.
    pub validation_accuracy: Option<f64>,
}

/// Why a training ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// It has not: a checkpoint of a training under way.
    #[default]
    Running,
    /// All epochs were done.
    Complete,
    /// The monitored figure had not improved for as long as the recipe allows.
    EarlyStopping,
}
