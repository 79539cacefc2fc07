//! The training loop: forward, backward, step, validate, keep the best.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use briq_graph::Graph;
use briq_graph::layers::{Network as Layers, Parameter};
use briq_spec::recipe::{Loss, Monitor, TrainSection};
use burn::backend::{AutodiffBackend as _, Dispatch};
use burn::tensor::Device;

use super::backward::{backward, leaves};
use super::checkpoint::{Checkpoint, HostParameters, Progress};
use super::examples::{Examples, shuffled};
use super::history::{Ended, EpochRecord, History};
use super::loss::loss;
use super::optimizer::{self, Optimizer};
use super::schedule::learning_rate;
use super::tally::{Tally, right_answers};
use crate::error::ModelError;
use crate::initialize;
use crate::network::{Network, Parameters, upload_all};
use crate::operator::{Run, Training};
use crate::value::{DeviceTensor, Value, detached, dimensions, download, upload};

/// What is trained, on what, and how.
pub struct Task<'a> {
    /// The network: as the recipe's layers declare it, or from elsewhere with its values in place.
    pub layers: &'a Layers,
    /// The recipe's `[train]`.
    pub section: &'a TrainSection,
    /// The training part.
    pub train: &'a Examples,
    /// The validation part; may be empty.
    pub validation: &'a Examples,
    /// Parameters to begin with, by name; those that neither it nor the graph holds are drawn from the seed.
    pub start: Option<&'a HostParameters>,
    /// Parameters that stay as they are, by name; frozen running statistics are used instead of the batch's.
    pub frozen: &'a [String],
    /// Where it runs.
    pub device: Device,
    /// Where progress is kept; none to keep nothing.
    pub checkpoint: Option<PathBuf>,
    /// Digest of recipe and data, so that a checkpoint of another training is not resumed.
    pub fingerprint: String,
}

/// Told what happens while a network trains; every method may be left out.
pub trait Observer {
    /// Training begins, or goes on after `epochs_done` epochs.
    fn begin(&mut self, epochs: usize, epochs_done: usize, batches: usize) {
        let _ = (epochs, epochs_done, batches);
    }

    /// A checkpoint of another recipe, seed, backend or of other data was found, and moved out of the way to `path`.
    fn set_aside(&mut self, path: &Path) {
        let _ = path;
    }

    /// A batch was learnt from; `loss` and `accuracy` are means over the epoch so far.
    fn batch(&mut self, epoch: usize, batch: usize, loss: f64, accuracy: Option<f64>) {
        let _ = (epoch, batch, loss, accuracy);
    }

    /// An epoch ended, and its checkpoint is on disk.
    fn epoch(&mut self, record: &EpochRecord, best: bool) {
        let _ = (record, best);
    }
}

/// An observer that looks away.
pub struct Silent;

impl Observer for Silent {}

/// What training gives: the parameters of the best epoch, and how it went.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    /// `(name, shape, row-major values)` of every parameter, in the order of the layers.
    pub parameters: HostParameters,
    /// The figures of each epoch.
    pub history: History,
}

/// Trains a network.
///
/// The outcome is a function of task and backend: the order of the examples, the first parameters and
/// the dropped units follow from the seed alone, and a training that was killed goes on to the same result.
///
/// # Errors
/// When the recipe does not fit the network or the data, the device fails, the loss is no longer a
/// number, or a checkpoint cannot be written.
pub fn train(task: &Task<'_>, observer: &mut dyn Observer) -> Result<Trained, ModelError> {
    if task.train.is_empty() {
        return Err(ModelError::invalid("there is nothing to learn from: the training part is empty"));
    }
    let mut trainer = Trainer::new(task)?;
    trainer.resume(observer)?;
    observer.begin(task.section.epochs, trainer.epoch, trainer.batches());
    while trainer.history.ended == Ended::Running {
        let record = trainer.epoch(observer)?;
        let best = trainer.conclude(&record)?;
        trainer.save()?;
        observer.epoch(&record, best);
    }
    Ok(Trained { parameters: trainer.best, history: trainer.history })
}

struct Trainer<'a> {
    task: &'a Task<'a>,
    graph: Arc<Graph>,
    network: Network,
    /// Positions of the parameters among the graph's initializers.
    positions: Vec<usize>,
    /// Those of them that a gradient changes.
    learnt: BTreeSet<usize>,
    frozen: Arc<BTreeSet<String>>,
    parameters: Parameters,
    optimizer: Box<dyn Optimizer>,
    epoch: usize,
    best_value: Option<f64>,
    best: HostParameters,
    history: History,
}

impl<'a> Trainer<'a> {
    fn new(task: &'a Task<'a>) -> Result<Self, ModelError> {
        let graph = Arc::new(filled(task)?);
        let target = match task.section.loss {
            Loss::CrossEntropy => task.layers.logits.as_str(),
            Loss::Mse | Loss::Mae => output_name(&graph)?,
        };
        let network = Network::new(graph.clone(), &[target], task.device.as_dispatch().clone())?;
        let parameters = upload_all(&graph, task.device.as_dispatch(), |unset| {
            Err(ModelError::invalid(format!("parameter `{}` has no value", unset.name)))
        })?;
        let positions = self::positions(&graph, task.layers, |_| true);
        let trained = |parameter: &Parameter| parameter.trainable && !task.frozen.contains(&parameter.name);
        let learnt: BTreeSet<usize> = self::positions(&graph, task.layers, trained).into_iter().collect();
        if learnt.is_empty() {
            return Err(ModelError::invalid("there is nothing to train: every parameter is frozen"));
        }
        let frozen = Arc::new(task.frozen.iter().cloned().collect());
        let optimizer = optimizer::build(&task.section.optimizer);
        let (best, history) = (HostParameters::new(), History::default());
        Ok(Self {
            task,
            graph,
            network,
            positions,
            learnt,
            frozen,
            parameters,
            optimizer,
            epoch: 0,
            best_value: None,
            best,
            history,
        })
    }

    fn batches(&self) -> usize {
        self.task.train.len().div_ceil(self.task.section.batch_size)
    }

    fn resume(&mut self, observer: &mut dyn Observer) -> Result<(), ModelError> {
        let Some(path) = &self.task.checkpoint else { return Ok(()) };
        let Some(saved) = Checkpoint::load(path)? else { return Ok(()) };
        if saved.progress.fingerprint != self.task.fingerprint {
            let aside = path.with_extension("old.safetensors");
            std::fs::rename(path, &aside).map_err(|error| ModelError::io("set aside", path, error))?;
            observer.set_aside(&aside);
            return Ok(());
        }
        self.take_parameters(saved.parameters)?;
        let restored = self.optimizer.restore(saved.optimizer, &self.task.device);
        restored.map_err(|error| ModelError::invalid("the checkpoint's optimiser state is damaged").because(error))?;
        self.best = saved.best;
        self.best_value = saved.progress.best_value;
        self.epoch = saved.progress.epoch;
        self.history = saved.progress.history;
        Ok(())
    }

    /// Puts a checkpoint's parameters in place: all of them, and of the shapes that the layers want.
    fn take_parameters(&mut self, mut saved: HostParameters) -> Result<(), ModelError> {
        for &position in &self.positions {
            let initializer = &self.graph.initializers[position];
            let found = saved.iter().position(|(name, ..)| *name == initializer.name);
            let (name, shape, values) =
                saved.swap_remove(found.ok_or_else(|| ModelError::no_such_value(&initializer.name))?);
            if shape != initializer.shape {
                return Err(misfit(&name, &shape, &initializer.shape));
            }
            self.parameters[position] = Value::Device(upload(values, &shape, self.task.device.as_dispatch()));
        }
        Ok(())
    }

    fn epoch(&mut self, observer: &mut dyn Observer) -> Result<EpochRecord, ModelError> {
        let rate = learning_rate(self.task.section, self.epoch);
        let order = shuffled(self.task.train.len(), self.task.section.seed, self.epoch);
        let mut tally = Tally::default();
        for (batch, rows) in order.chunks(self.task.section.batch_size).enumerate() {
            let examples = self.task.train.select(rows);
            let step = (self.epoch * self.batches() + batch) as u64;
            let (loss, right) = self.learn(&examples, rate, step)?;
            tally.add(rows.len(), loss, right);
            observer.batch(self.epoch + 1, batch + 1, tally.loss(), tally.accuracy(&examples));
        }
        let validation = self.validate()?;
        Ok(EpochRecord {
            epoch: self.epoch + 1,
            learning_rate: rate,
            train_loss: tally.loss(),
            train_accuracy: tally.accuracy(self.task.train),
            validation_loss: validation.as_ref().map(Tally::loss),
            validation_accuracy: validation.and_then(|tally| tally.accuracy(self.task.validation)),
        })
    }

    /// One step on one batch: its loss and how many answers were right.
    fn learn(&mut self, batch: &Examples, rate: f64, step: u64) -> Result<(f64, usize), ModelError> {
        let tracked = leaves(&self.parameters, &self.learnt);
        let seed = self.task.section.seed ^ step.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let training = Training { seed, statistics: Vec::new(), frozen: self.frozen.clone() };
        let mut run = Run { training: Some(training), ..Run::default() };
        let output = self.forward(&tracked, batch, &mut run)?;
        let loss = loss(self.task.section.loss, output.clone(), self.targets(batch));
        let value = self.finite(detached(loss.clone()))?;
        let gradients = backward(loss)?;
        for position in self.learnt.clone() {
            let Value::Device(parameter) = &tracked[position] else { continue };
            if let Some(gradient) = Dispatch::grad(parameter, &gradients) {
                self.step(position, rate, gradient);
            }
        }
        self.keep_statistics(run);
        Ok((value, right_answers(download(detached(output)).map_err(ModelError::device)?, batch)))
    }

    fn step(&mut self, position: usize, rate: f64, gradient: DeviceTensor) {
        let name = &self.graph.initializers[position].name;
        if let Value::Device(parameter) = self.parameters[position].clone() {
            self.parameters[position] = Value::Device(self.optimizer.step(name, rate, parameter, gradient));
        }
    }

    fn forward(&self, parameters: &[Value], batch: &Examples, run: &mut Run) -> Result<DeviceTensor, ModelError> {
        let input = self.graph.inputs.first().ok_or_else(|| ModelError::invalid("the network has no input"))?;
        let mut shape = vec![batch.len()];
        shape.extend(input.shape.iter().skip(1).filter_map(briq_graph::Dim::fixed));
        let features = upload(batch.features.clone(), &shape, self.task.device.as_dispatch());
        let mut outputs = self.network.run(parameters, vec![Value::Device(features)], run)?;
        match outputs.pop() {
            Some(Value::Device(output)) => Ok(output),
            _ => Err(ModelError::invalid("the network's output is not a floating-point tensor")),
        }
    }

    fn targets(&self, batch: &Examples) -> DeviceTensor {
        upload(batch.targets.clone(), &[batch.len(), batch.outputs], self.task.device.as_dispatch())
    }

    fn keep_statistics(&mut self, run: Run) {
        for (name, tensor) in run.training.into_iter().flat_map(|training| training.statistics) {
            if let Some(position) = self.graph.initializers.iter().position(|known| known.name == name) {
                self.parameters[position] = Value::Device(tensor);
            }
        }
    }

    fn validate(&self) -> Result<Option<Tally>, ModelError> {
        let rows: Vec<usize> = (0..self.task.validation.len()).collect();
        let mut tally = Tally::default();
        for rows in rows.chunks(256) {
            let batch = self.task.validation.select(rows);
            let output = self.forward(&self.parameters, &batch, &mut Run::default())?;
            let value = self.finite(loss(self.task.section.loss, output.clone(), self.targets(&batch)))?;
            tally.add(rows.len(), value, right_answers(download(output).map_err(ModelError::device)?, &batch));
        }
        Ok((tally.examples > 0).then_some(tally))
    }

    fn finite(&self, loss: DeviceTensor) -> Result<f64, ModelError> {
        let value = download(loss).map_err(ModelError::device)?.first().copied().unwrap_or(f32::NAN);
        if value.is_finite() {
            return Ok(f64::from(value));
        }
        let message = format!("the loss became {value} in epoch {}", self.epoch + 1);
        Err(ModelError::invalid(message).advise("lower `learning-rate` in [train], or normalise the data"))
    }

    /// Files an epoch away: keeps its parameters when they are the best, ends training when it is time.
    fn conclude(&mut self, record: &EpochRecord) -> Result<bool, ModelError> {
        self.epoch += 1;
        let value = monitored(self.task.section, record);
        let least = self.task.section.early_stopping.as_ref().map_or(0.0, |stopping| stopping.min_delta);
        let best = self.best_value.is_none_or(|best| value < best - least);
        if best {
            self.best_value = Some(value);
            self.history.best_epoch = record.epoch;
            self.best = self.host_parameters()?;
        }
        self.history.epochs.push(record.clone());
        self.history.ended = self.ended();
        Ok(best)
    }

    fn ended(&self) -> Ended {
        let patience = self.task.section.early_stopping.as_ref().map(|stopping| stopping.patience);
        let waited = self.epoch - self.history.best_epoch;
        if patience.is_some_and(|patience| waited >= patience.max(1)) {
            Ended::EarlyStopping
        } else if self.epoch >= self.task.section.epochs {
            Ended::Complete
        } else {
            Ended::Running
        }
    }

    fn host_parameters(&self) -> Result<HostParameters, ModelError> {
        let named = |&position: &usize| match &self.parameters[position] {
            Value::Device(tensor) => {
                let values = download(tensor.clone()).map_err(ModelError::device)?;
                Ok((self.graph.initializers[position].name.clone(), dimensions(tensor), values))
            }
            _ => Err(ModelError::invalid("a parameter holds integers")),
        };
        self.positions.iter().map(named).collect()
    }

    fn save(&self) -> Result<(), ModelError> {
        let Some(path) = &self.task.checkpoint else { return Ok(()) };
        let due = self.epoch.is_multiple_of(self.task.section.checkpoint_every.max(1));
        if !due && self.history.ended == Ended::Running {
            return Ok(());
        }
        let optimizer = self.optimizer.save();
        let optimizer =
            optimizer.map_err(|error| ModelError::invalid("the optimiser state is not writable").because(error))?;
        let fingerprint = self.task.fingerprint.clone();
        let progress = Progress::new(fingerprint, self.epoch, self.best_value, self.history.clone());
        Checkpoint { progress, parameters: self.host_parameters()?, best: self.best.clone(), optimizer }.save(path)
    }
}

/// The figure that decides which epoch is best; smaller is better.
fn monitored(section: &TrainSection, record: &EpochRecord) -> f64 {
    let monitor = section.early_stopping.as_ref().map_or(Monitor::ValidationLoss, |stopping| stopping.monitor);
    match monitor {
        Monitor::ValidationAccuracy => -record.validation_accuracy.unwrap_or(0.0),
        Monitor::ValidationLoss => record.validation_loss.unwrap_or(record.train_loss),
        Monitor::TrainLoss => record.train_loss,
    }
}

/// The graph with first values in place of the declared parameters.
fn filled(task: &Task<'_>) -> Result<Graph, ModelError> {
    let mut graph = task.layers.graph.clone();
    for (stream, parameter) in (0..).zip(&task.layers.parameters) {
        let given = task.start.into_iter().flatten().find(|(name, ..)| *name == parameter.name);
        let values = match given {
            Some((name, shape, _)) if *shape != parameter.shape => return Err(misfit(name, shape, &parameter.shape)),
            Some((_, _, values)) => values.clone(),
            None if graph.initializer(&parameter.name).is_some_and(|own| own.inline().is_some()) => continue,
            None => initialize::values(parameter, task.section.seed, stream),
        };
        if let Some(initializer) = graph.initializer_mut(&parameter.name) {
            *initializer = briq_graph::Initializer::from_f32(&parameter.name, parameter.shape.clone(), &values);
        }
    }
    Ok(graph)
}

fn misfit(name: &str, given: &[usize], wanted: &[usize]) -> ModelError {
    ModelError::invalid(format!("parameter `{name}` is given as {given:?}, and the layers want {wanted:?}"))
}

/// The positions, among the graph's initializers, of some parameters.
fn positions(graph: &Graph, layers: &Layers, wanted: impl Fn(&Parameter) -> bool) -> Vec<usize> {
    let find = |name: &str| graph.initializers.iter().position(|initializer| initializer.name == name);
    layers.parameters.iter().filter(|parameter| wanted(parameter)).filter_map(|one| find(&one.name)).collect()
}

fn output_name(graph: &Graph) -> Result<&str, ModelError> {
    let output = graph.outputs.first().ok_or_else(|| ModelError::invalid("the network has no output"))?;
    Ok(&output.name)
}
