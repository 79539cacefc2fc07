//! `[train]`: how a network learns.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[train]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TrainSection {
    /// How often all training examples are seen, at most.
    pub epochs: usize,
    /// How many examples make one step.
    #[serde(default = "batch_size")]
    pub batch_size: usize,
    /// How a gradient becomes a step.
    #[serde(default)]
    pub optimizer: Optimizer,
    /// How the learning rate changes.
    #[serde(default)]
    pub schedule: Schedule,
    /// What is made small.
    pub loss: Loss,
    /// What is measured besides the loss.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metric>,
    /// When to stop before the last epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<EarlyStopping>,
    /// Epochs from checkpoint to checkpoint.
    #[serde(default = "every_epoch")]
    pub checkpoint_every: usize,
    /// The seed of the first parameters, the order of examples and dropout.
    #[serde(default)]
    pub seed: u64,
}

fn batch_size() -> usize {
    32
}

fn every_epoch() -> usize {
    1
}

/// How a gradient becomes a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Optimizer {
    /// Adam (Kingma and Ba, 2015); with `weight-decay`, AdamW (Loshchilov and Hutter, 2019).
    Adam(Adam),
    /// Stochastic gradient descent.
    Sgd(Sgd),
}

impl Default for Optimizer {
    fn default() -> Self {
        Self::Adam(Adam::default())
    }
}

impl Optimizer {
    /// The learning rate before any schedule.
    pub fn learning_rate(&self) -> f64 {
        match self {
            Self::Adam(adam) => adam.learning_rate,
            Self::Sgd(sgd) => sgd.learning_rate,
        }
    }
}

/// `type = "adam"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Adam {
    /// The step.
    pub learning_rate: f64,
    /// How much of the mean gradient is kept.
    pub beta1: f64,
    /// How much of the mean squared gradient is kept.
    pub beta2: f64,
    /// What is added to the divisor.
    pub epsilon: f64,
    /// How much each parameter shrinks at each step, times the learning rate.
    pub weight_decay: f64,
}

impl Default for Adam {
    fn default() -> Self {
        Self { learning_rate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 }
    }
}

/// `type = "sgd"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Sgd {
    /// The step.
    pub learning_rate: f64,
    /// How much of the last step is kept.
    pub momentum: f64,
    /// Whether the gradient is taken after the kept part (Nesterov).
    pub nesterov: bool,
    /// How much each parameter shrinks at each step, times the learning rate.
    pub weight_decay: f64,
}

impl Default for Sgd {
    fn default() -> Self {
        Self { learning_rate: 0.01, momentum: 0.0, nesterov: false, weight_decay: 0.0 }
    }
}

/// How the learning rate changes from epoch to epoch: `"constant"`, or a table with a `type`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(from = "WrittenSchedule", into = "WrittenSchedule")]
pub enum Schedule {
    /// Not at all.
    #[default]
    Constant,
    /// Down along half a cosine over all epochs.
    Cosine(Cosine),
    /// Down by a factor after every so many epochs.
    Step(Step),
}

/// `type = "cosine"`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Cosine {
    /// The learning rate at the end.
    pub minimum: f64,
}

/// `type = "step"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Step {
    /// How many epochs lie between.
    pub every: usize,
    /// The factor.
    pub gamma: f64,
}

/// A [`Schedule`] as it is written.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum WrittenSchedule {
    Named(NamedSchedule),
    Table(ScheduleTable),
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum NamedSchedule {
    Constant,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum ScheduleTable {
    Cosine(Cosine),
    Step(Step),
}

impl From<WrittenSchedule> for Schedule {
    fn from(written: WrittenSchedule) -> Self {
        match written {
            WrittenSchedule::Named(NamedSchedule::Constant) => Self::Constant,
            WrittenSchedule::Table(ScheduleTable::Cosine(cosine)) => Self::Cosine(cosine),
            WrittenSchedule::Table(ScheduleTable::Step(step)) => Self::Step(step),
        }
    }
}

impl From<Schedule> for WrittenSchedule {
    fn from(schedule: Schedule) -> Self {
        match schedule {
            Schedule::Constant => Self::Named(NamedSchedule::Constant),
            Schedule::Cosine(cosine) => Self::Table(ScheduleTable::Cosine(cosine)),
            Schedule::Step(step) => Self::Table(ScheduleTable::Step(step)),
        }
    }
}

/// What training makes small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// The negative logarithm of the right class's probability.
    CrossEntropy,
    /// The mean of the squared differences.
    Mse,
    /// The mean of the absolute differences.
    Mae,
}

/// What is measured besides the loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// The part of examples whose class is right.
    Accuracy,
    /// The mean over the classes of the harmonic mean of precision and recall.
    MacroF1,
    /// The mean of the absolute differences.
    Mae,
    /// The root of the mean of the squared differences.
    Rmse,
    /// The part of the variance that is explained.
    R2,
}

/// When to stop before the last epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EarlyStopping {
    /// The figure that must get better.
    #[serde(default)]
    pub monitor: Monitor,
    /// How many epochs it may fail to.
    pub patience: usize,
    /// How much better it must get.
    #[serde(default)]
    pub min_delta: f64,
}

/// The figure that early stopping watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Monitor {
    /// The loss on the validation part; smaller is better.
    #[default]
    ValidationLoss,
    /// The accuracy on the validation part; larger is better.
    ValidationAccuracy,
    /// The loss on the training part; smaller is better.
    TrainLoss,
}
