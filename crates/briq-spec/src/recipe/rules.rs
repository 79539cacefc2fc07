//! The rules of a recipe that its schema cannot express.

use std::collections::HashSet;

use super::position::{Broken, Step};
use super::{
    Adam, DataSection, Extent2d, GoldenSection, Layer, Loss, Metric, Monitor, Normalize, NormalizePer, Optimizer,
    Padding, Recipe, Schedule, Sgd, SplitSection, Task, TrainSection,
};

type Checked = Result<(), Broken>;

/// How far the fractions of a split may be from adding up to 1: what decimal fractions lose in binary.
const ROUNDING: f64 = 1e-9;

impl Recipe {
    pub(super) fn check(&self) -> Checked {
        self.data.iter().try_for_each(check_data)?;
        self.layers.iter().enumerate().try_for_each(|(index, layer)| {
            check_layer(layer).map_err(|broken| broken.under(Step::Index(index)).under(key("layer")))
        })?;
        self.train.iter().try_for_each(|train| check_train(train).map_err(|broken| broken.under(key("train"))))?;
        check_golden(&self.golden).map_err(|broken| broken.under(key("golden")))?;
        self.check_together()
    }

    /// Sections that contradict each other.
    fn check_together(&self) -> Checked {
        let (Some(data), Some(train)) = (&self.data, &self.train) else {
            return Ok(());
        };
        if data.label.is_none() {
            return Err(Broken::at("data.label", "training needs a label; the key `label` is missing"));
        }
        if data.task == Task::Regression && train.loss == Loss::CrossEntropy {
            return Err(Broken::at("train.loss", "cross-entropy is for classification, and `data.task` is regression"));
        }
        let for_classes = |metric: &&Metric| matches!(metric, Metric::Accuracy | Metric::MacroF1);
        if data.task == Task::Regression && train.metrics.iter().any(|metric| for_classes(&metric)) {
            return Err(Broken::at("train.metrics", "one is for classification, and `data.task` is regression"));
        }
        if data.task == Task::Classification && train.metrics.iter().any(|metric| is_for_numbers(*metric)) {
            return Err(Broken::at("train.metrics", "one is for regression, and `data.task` is classification"));
        }
        let monitor = train.early_stopping.as_ref().map(|stopping| stopping.monitor);
        if data.task == Task::Regression && monitor == Some(Monitor::ValidationAccuracy) {
            let reason = "accuracy is for classification, and `data.task` is regression";
            return Err(Broken::at("train.early-stopping.monitor", reason));
        }
        if train.early_stopping.is_some() && data.split.validation == 0.0 {
            return Err(Broken::at(
                "train.early-stopping",
                "nothing is left to validate on: `data.split.validation` is 0",
            ));
        }
        Ok(())
    }
}

fn is_for_numbers(metric: Metric) -> bool {
    matches!(metric, Metric::Rmse | Metric::R2)
}

impl Broken {
    /// A rule broken at a path of keys.
    fn at(path: &str, reason: impl Into<String>) -> Self {
        Self { path: path.split('.').map(key).collect(), reason: reason.into() }
    }

    fn under(mut self, step: Step) -> Self {
        self.path.insert(0, step);
        self
    }
}

fn key(name: &str) -> Step {
    Step::Key(name.to_owned())
}

fn must(holds: bool, path: &str, reason: &str) -> Checked {
    if holds { Ok(()) } else { Err(Broken::at(path, reason)) }
}

fn positive(value: f64, path: &str) -> Checked {
    must(value.is_finite() && value > 0.0, path, "it must be a number above 0")
}

fn not_negative(value: f64, path: &str) -> Checked {
    must(value.is_finite() && value >= 0.0, path, "it must be a number from 0 up")
}

fn fraction(value: f64, path: &str) -> Checked {
    must((0.0..1.0).contains(&value), path, "it must be a number from 0 up to, but not including, 1")
}

fn counted(value: usize, path: &str) -> Checked {
    must(value > 0, path, "it must be 1 or more")
}

fn extent(extent: Extent2d, path: &str) -> Checked {
    must(extent.height > 0 && extent.width > 0, path, "it must be 1 or more in both directions")
}

fn check_data(data: &DataSection) -> Checked {
    let checked = check_split(&data.split)
        .and_then(|()| check_classes(data))
        .and_then(|()| check_shape(data.shape.as_deref()))
        .and_then(|()| must(!data.path.as_os_str().is_empty(), "path", "it is empty"))
        .and_then(|()| {
            let idle = data.normalize == Normalize::None && data.normalize_per != NormalizePer::default();
            must(!idle, "normalize-per", "nothing is normalised: `normalize` is none")
        });
    checked.map_err(|broken| broken.under(key("data")))
}

fn check_split(split: &SplitSection) -> Checked {
    positive(split.train, "split.train")?;
    not_negative(split.validation, "split.validation")?;
    not_negative(split.test, "split.test")?;
    let sum = split.train + split.validation + split.test;
    must((sum - 1.0).abs() <= ROUNDING, "split", &format!("its fractions add up to {sum} instead of 1"))
}

fn check_classes(data: &DataSection) -> Checked {
    let Some(classes) = &data.classes else {
        return Ok(());
    };
    must(data.task == Task::Classification, "classes", "there are no classes: `task` is regression")?;
    must(classes.len() >= 2, "classes", "there must be 2 or more")?;
    let mut seen = HashSet::new();
    match classes.iter().find(|class| !seen.insert(class.as_str())) {
        Some(twice) => Err(Broken::at("classes", format!("{twice:?} is there twice"))),
        None => Ok(()),
    }
}

fn check_shape(shape: Option<&[usize]>) -> Checked {
    let legal = shape.is_none_or(|shape| !shape.is_empty() && shape.iter().all(|&dim| dim > 0));
    must(legal, "shape", "it must have a dimension, and each must be 1 or more")
}

fn check_layer(layer: &Layer) -> Checked {
    match layer {
        Layer::Dense(dense) => counted(dense.units, "units"),
        Layer::Conv2d(conv) => {
            counted(conv.filters, "filters")?;
            extent(conv.kernel, "kernel")?;
            extent(conv.stride, "stride")?;
            check_padding(conv.padding, conv.kernel)
        }
        Layer::MaxPool2d(pool) | Layer::AvgPool2d(pool) => {
            extent(pool.size, "size")?;
            pool.stride.map_or(Ok(()), |stride| extent(stride, "stride"))
        }
        Layer::Reshape(reshape) => check_shape(Some(&reshape.shape)),
        Layer::Dropout(dropout) => fraction(dropout.rate, "rate"),
        Layer::BatchNorm(norm) => fraction(norm.momentum, "momentum").and_then(|()| positive(norm.epsilon, "epsilon")),
        Layer::LayerNorm(norm) => positive(norm.epsilon, "epsilon"),
        Layer::GlobalAvgPool2d(_) | Layer::Flatten(_) | Layer::Activation(_) => Ok(()),
    }
}

/// A window that lies wholly in the padding sees nothing.
fn check_padding(padding: Padding, kernel: Extent2d) -> Checked {
    let Padding::Explicit(side) = padding else {
        return Ok(());
    };
    must(side < kernel.height.max(2) && side < kernel.width.max(2), "padding", "it must be less than the kernel")
}

fn check_train(train: &TrainSection) -> Checked {
    counted(train.epochs, "epochs")?;
    counted(train.batch_size, "batch-size")?;
    counted(train.checkpoint_every, "checkpoint-every")?;
    check_optimizer(&train.optimizer).map_err(|broken| broken.under(key("optimizer")))?;
    check_schedule(&train.schedule)?;
    let Some(stopping) = &train.early_stopping else {
        return Ok(());
    };
    counted(stopping.patience, "early-stopping.patience")?;
    not_negative(stopping.min_delta, "early-stopping.min-delta")
}

fn check_optimizer(optimizer: &Optimizer) -> Checked {
    positive(optimizer.learning_rate(), "learning-rate")?;
    match optimizer {
        Optimizer::Adam(Adam { beta1, beta2, epsilon, weight_decay, .. }) => {
            fraction(*beta1, "beta1")?;
            fraction(*beta2, "beta2")?;
            positive(*epsilon, "epsilon")?;
            not_negative(*weight_decay, "weight-decay")
        }
        Optimizer::Sgd(Sgd { momentum, nesterov, weight_decay, .. }) => {
            fraction(*momentum, "momentum")?;
            must(!nesterov || *momentum > 0.0, "nesterov", "it needs a `momentum` above 0")?;
            not_negative(*weight_decay, "weight-decay")
        }
    }
}

fn check_schedule(schedule: &Schedule) -> Checked {
    match schedule {
        Schedule::Constant => Ok(()),
        Schedule::Cosine(cosine) => not_negative(cosine.minimum, "schedule.minimum"),
        Schedule::Step(step) => {
            counted(step.every, "schedule.every")?;
            positive(step.gamma, "schedule.gamma")
        }
    }
}

fn check_golden(golden: &GoldenSection) -> Checked {
    must(golden.examples > 0, "examples", "it must be 1 or more: a package without examples proves nothing")?;
    golden.tolerances.iter().try_for_each(|(class, tolerance)| {
        not_negative(tolerance.absolute, &format!("tolerances.{class}.absolute"))?;
        not_negative(tolerance.relative, &format!("tolerances.{class}.relative"))
    })
}
