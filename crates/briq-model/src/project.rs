//! A directory with a `briq.toml`: its recipe, its data, its network and what training left there.

mod data;
mod environment;
mod head;
mod network;
mod tuning;

use std::path::{Path, PathBuf};

use briq_graph::Graph;
use briq_graph::layers::{self, Network as Layers, Normalize};
use briq_package::Package;
use briq_spec::Blake3Digest;
use briq_spec::recipe::{Metric, Recipe, TrainSection};
use serde::{Deserialize, Serialize};

pub use data::Parts;
pub use environment::Environment;
pub use tuning::{Base, Tuning};

use crate::backend::Backend;
use crate::engine::BurnEngine;
use crate::error::{ModelError, ModelErrorKind};
use crate::evaluate::{Evaluation, evaluate};
use crate::train::{self, History, HostParameters, Observer, Task, Trained};

/// The file that makes a directory a project.
pub const RECIPE_FILE: &str = "briq.toml";

/// Where training keeps its state, below the project's directory.
const STATE: &str = ".briq";

/// A recipe with its data read and its network built.
pub struct Project {
    /// Where it lives.
    pub directory: PathBuf,
    /// What `briq.toml` says.
    pub recipe: Recipe,
    /// The text of `briq.toml`.
    pub text: String,
    /// The network that the layers declare, with the normalisation learnt from the training part; or that of the base.
    pub layers: Layers,
    /// The package that the network is fine-tuned from; none where it starts from nothing.
    pub base: Option<Base>,
    /// The parameters that stay as they are in the base, by name.
    pub frozen: Vec<String>,
    /// The data, split.
    pub parts: Parts,
    /// The classes in order; empty for a regression.
    pub classes: Vec<String>,
    /// Number of examples in the data.
    pub rows: usize,
    /// Digest of the data file.
    pub data_digest: Blake3Digest,
    normalization: Normalize,
    recipe_seed: u64,
}

/// What training gave, as it is kept beside the recipe until it is packed.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Parameters and history.
    pub trained: Trained,
    /// The figures on the test part.
    pub evaluation: Evaluation,
    /// Where and with what it was trained.
    pub environment: Environment,
    /// The seed that first parameters, order and dropout followed from.
    pub seed: u64,
}

/// The part of an outcome that is not tensors.
#[derive(Serialize, Deserialize)]
struct Report {
    fingerprint: String,
    /// Digest of the file of parameters that these figures belong to.
    parameters: String,
    /// The seed of the recipe, which another one may have been used in place of.
    recipe_seed: u64,
    history: History,
    evaluation: Evaluation,
    environment: Environment,
    seed: u64,
}

/// What a project learnt of its features, for the reference statistics of the package.
#[derive(Clone, Debug, Serialize)]
pub struct FeatureStatistics {
    /// Subtracted from each feature.
    pub offset: Vec<f32>,
    /// Divided by afterwards.
    pub scale: Vec<f32>,
    /// Smallest value of each feature in the training part.
    pub minimum: Vec<f32>,
    /// Largest value of each feature in the training part.
    pub maximum: Vec<f32>,
    /// Mean of each feature over the training part.
    pub mean: Vec<f32>,
}

impl Project {
    /// Reads recipe and data and builds the network.
    ///
    /// # Errors
    /// When there is no recipe, the recipe or the data has a mistake (with line and column), or the
    /// layers do not compose.
    pub fn open(directory: &Path) -> Result<Self, ModelError> {
        Self::with(directory, Base::kept(&directory.join(STATE))?)
    }

    /// As [`Project::open`], to train: declared layers start from nothing, whatever an earlier training started from.
    ///
    /// # Errors
    /// As [`Project::open`].
    pub fn begin(directory: &Path) -> Result<Self, ModelError> {
        let project = Self::open(directory)?;
        if project.base.is_none() || project.recipe.layers.is_empty() {
            return Ok(project);
        }
        let _lock = project.lock()?;
        Base::forget(&directory.join(STATE))?;
        Self::with(directory, None)
    }

    /// As [`Project::open`], with the network of a package and its parameters to start from, which the project keeps.
    ///
    /// # Errors
    /// As [`Project::open`]. When the recipe declares layers that are not those of the package, the network does not
    /// fit the data, or a pattern matches no parameter.
    pub fn fine_tune(directory: &Path, package: &Package, tuning: &Tuning) -> Result<Self, ModelError> {
        let (base, graph) = Base::take(package, tuning.clone())?;
        let mut project = Self::with(directory, Some((base, graph.clone())))?;
        let _lock = project.lock()?;
        if let Some(base) = &mut project.base {
            base.keep(&directory.join(STATE), &graph)?;
        }
        Ok(project)
    }

    /// The project of a recipe as it was trained before: its data lies at `data`, whatever the recipe says, and it starts
    /// from `base` where it was fine-tuned. The directory is one of its own.
    ///
    /// # Errors
    /// As [`Project::fine_tune`].
    pub(crate) fn again(
        directory: &Path,
        recipe: &str,
        data: &Path,
        base: Option<(&Package, Tuning)>,
    ) -> Result<Self, ModelError> {
        let path = directory.join(RECIPE_FILE);
        std::fs::write(&path, recipe).map_err(|error| ModelError::io("write", &path, error))?;
        let base = base.map(|(package, tuning)| Base::take(package, tuning)).transpose()?;
        Self::with_data(directory, Some(data), base)
    }

    fn with(directory: &Path, base: Option<(Base, Graph)>) -> Result<Self, ModelError> {
        Self::with_data(directory, None, base)
    }

    /// The data lies elsewhere than the recipe says, where a path is given.
    fn with_data(directory: &Path, place: Option<&Path>, base: Option<(Base, Graph)>) -> Result<Self, ModelError> {
        let path = directory.join(RECIPE_FILE);
        let text = std::fs::read_to_string(&path).map_err(|error| no_recipe(&path, error))?;
        let recipe = Recipe::parse(&text).map_err(|error| mistake(&path, error))?;
        let mut data = data::read(directory, &located(&recipe, place))?;
        let own = base.as_ref().and_then(|(_, graph)| network::own_normalization(graph));
        let (layers, base) = match base {
            None => (network::declared(&recipe, &data)?, None),
            Some((base, graph)) => (network::taken(&recipe, &data, &base, graph)?, Some(base)),
        };
        data.check_output(&layers, base.is_none())?;
        data.normalization = own.unwrap_or(data.normalization);
        let frozen = network::frozen(&layers, base.as_ref())?;
        Ok(Self {
            directory: directory.to_owned(),
            layers,
            base,
            frozen,
            parts: data.parts,
            classes: data.classes,
            rows: data.rows,
            data_digest: data.digest,
            normalization: data.normalization,
            recipe_seed: recipe.train.as_ref().map_or(0, |train| train.seed),
            recipe,
            text,
        })
    }

    /// How many numbers are trained, and how many are frozen.
    #[must_use]
    pub fn parameter_counts(&self) -> (usize, usize) {
        let frozen = |name: &String| self.frozen.contains(name);
        let count = |wanted: &dyn Fn(&layers::Parameter) -> bool| -> usize {
            let wanted = self.layers.parameters.iter().filter(|parameter| wanted(parameter));
            wanted.map(|parameter| parameter.shape.iter().product::<usize>()).sum()
        };
        (
            count(&|parameter| parameter.trainable && !frozen(&parameter.name)),
            count(&|parameter| frozen(&parameter.name)),
        )
    }

    /// Trains, or goes on with a training that was interrupted, then evaluates on the test part.
    ///
    /// # Errors
    /// When the recipe has no `[train]`, or training fails; see [`train::train`].
    pub fn train(&self, backend: Backend, observer: &mut dyn Observer) -> Result<Outcome, ModelError> {
        let _lock = self.lock()?;
        let task = Task {
            layers: &self.layers,
            section: self.section()?,
            train: &self.parts.train,
            validation: &self.parts.validation,
            start: None,
            frozen: &self.frozen,
            device: backend.device()?,
            checkpoint: Some(self.state("checkpoint.safetensors")),
            fingerprint: self.fingerprint(backend),
        };
        let trained = train::train(&task, observer)?;
        let engine = self.engine(&trained, backend)?;
        let (part, examples) = self.parts.held_out();
        let evaluation = Evaluation { part: part.into(), ..evaluate(&engine, examples, &self.classes)? };
        let outcome = Outcome { trained, evaluation, environment: Environment::here(backend), seed: task.section.seed };
        self.keep(&outcome)?;
        let evaluation = outcome.evaluation.keep(&self.metrics());
        Ok(Outcome { evaluation, ..outcome })
    }

    /// Keeps other processes from training the same project; given back when the file is closed, also by a kill.
    fn lock(&self) -> Result<std::fs::File, ModelError> {
        let path = self.state("lock");
        let failed = |error| ModelError::io("lock", &path, error);
        std::fs::create_dir_all(self.directory.join(STATE)).map_err(failed)?;
        let file = std::fs::File::create(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(std::fs::TryLockError::Error(error)) => Err(failed(error)),
            Err(std::fs::TryLockError::WouldBlock) => {
                let message = format!("the project {} is being trained by another process", self.directory.display());
                Err(ModelError::new(ModelErrorKind::Busy, message).advise("wait for it, or end it"))
            }
        }
    }

    /// What the last complete training of this very recipe and data gave.
    ///
    /// # Errors
    /// When there is none: the project has not been trained, or recipe or data changed since.
    pub fn outcome(&self) -> Result<Outcome, ModelError> {
        let path = self.state("report.json");
        let text = std::fs::read(&path).map_err(|_| self.untrained("has not been trained"))?;
        let report: Report = serde_json::from_slice(&text).map_err(|_| self.untrained("has a damaged report"))?;
        if report.fingerprint != self.stable_fingerprint() || report.recipe_seed != self.recipe_seed {
            return Err(self.untrained("has a recipe or data that changed since it was trained"));
        }
        let path = self.state("trained.safetensors");
        let (parameters, digest) = train::read_parameters(&path)?;
        if digest != report.parameters {
            return Err(self.untrained("was interrupted while its training was kept"));
        }
        Ok(Outcome {
            trained: Trained { parameters: self.ordered(parameters), history: report.history },
            evaluation: report.evaluation.keep(&self.metrics()),
            environment: report.environment,
            seed: report.seed,
        })
    }

    /// Puts trained parameters on a backend.
    ///
    /// # Errors
    /// When the backend is not available.
    pub fn engine(&self, trained: &Trained, backend: Backend) -> Result<BurnEngine, ModelError> {
        let mut graph = self.layers.graph.clone();
        for (name, shape, values) in &trained.parameters {
            let slot = graph.initializer_mut(name).ok_or_else(|| ModelError::no_such_value(name))?;
            *slot = briq_graph::Initializer::from_f32(name, shape.clone(), values);
        }
        BurnEngine::new(&graph, backend, |unset| Err(ModelError::no_such_value(&unset.name)))
    }

    /// Uses another seed than the recipe's.
    ///
    /// # Errors
    /// When the recipe has no `[train]`.
    pub fn reseed(&mut self, seed: u64) -> Result<(), ModelError> {
        self.section()?;
        self.recipe.train.iter_mut().for_each(|train| train.seed = seed);
        Ok(())
    }

    /// Forgets a training under way, so that the next one begins anew.
    ///
    /// # Errors
    /// When the checkpoint cannot be removed.
    pub fn restart(&self) -> Result<(), ModelError> {
        let path = self.state("checkpoint.safetensors");
        let _lock = self.lock()?;
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(ModelError::io("remove", &path, error)),
            _ => Ok(()),
        }
    }

    /// What the training part says of each feature.
    #[must_use]
    pub fn statistics(&self) -> FeatureStatistics {
        let rows = || self.parts.train.features.chunks(self.parts.train.width.max(1));
        let fold = |start: f32, merge: fn(f32, f32) -> f32| {
            let mut folded = vec![start; self.parts.train.width];
            for row in rows() {
                folded.iter_mut().zip(row).for_each(|(folded, value)| *folded = merge(*folded, *value));
            }
            folded
        };
        FeatureStatistics {
            offset: self.normalization.offset.clone(),
            scale: self.normalization.scale.clone(),
            minimum: fold(f32::INFINITY, f32::min),
            maximum: fold(f32::NEG_INFINITY, f32::max),
            mean: self.means(),
        }
    }

    fn means(&self) -> Vec<f32> {
        let mut sums = vec![0.0_f64; self.parts.train.width];
        for row in self.parts.train.features.chunks(self.parts.train.width.max(1)) {
            sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
        }
        let count = self.parts.train.len().max(1) as f64;
        sums.into_iter().map(|sum| (sum / count) as f32).collect()
    }

    /// The file name of the data.
    #[must_use]
    pub fn data_name(&self) -> String {
        let path = self.recipe.data.as_ref().map(|data| data.path.as_path());
        path.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// The metrics that the recipe asks for.
    fn metrics(&self) -> Vec<Metric> {
        self.recipe.train.as_ref().map(|train| train.metrics.clone()).unwrap_or_default()
    }

    fn section(&self) -> Result<&TrainSection, ModelError> {
        let missing =
            || ModelError::invalid(format!("{} has no [train] section", self.directory.join(RECIPE_FILE).display()));
        self.recipe.train.as_ref().ok_or_else(missing)
    }

    fn state(&self, file: &str) -> PathBuf {
        self.directory.join(STATE).join(file)
    }

    fn keep(&self, outcome: &Outcome) -> Result<(), ModelError> {
        let parameters = train::write_parameters(&self.state("trained.safetensors"), &outcome.trained.parameters)?;
        let report = Report {
            fingerprint: self.stable_fingerprint(),
            parameters,
            recipe_seed: self.recipe_seed,
            history: outcome.trained.history.clone(),
            evaluation: outcome.evaluation.clone(),
            environment: outcome.environment.clone(),
            seed: outcome.seed,
        };
        let path = self.state("report.json");
        let text = serde_json::to_vec_pretty(&report)
            .map_err(|error| ModelError::invalid("cannot write the report").because(error))?;
        train::replace(&path, &text).map_err(|error| ModelError::io("write", &path, error))
    }

    /// Name, version, metrics and seed may change without training anew; what shapes the network may not.
    fn stable_fingerprint(&self) -> String {
        let mut train = self.recipe.train.clone();
        if let Some(train) = &mut train {
            train.seed = 0;
            train.metrics.clear();
            train.checkpoint_every = 1;
        }
        let shaping = (&self.recipe.data, &self.recipe.layers, train, self.data_digest);
        let mut text = serde_json::to_string(&shaping).expect("a recipe is plain data");
        if let Some(base) = &self.base {
            text += &format!("{} {:?}", base.digest, base.tuning);
        }
        blake3::hash(text.as_bytes()).to_hex().to_string()
    }

    fn fingerprint(&self, backend: Backend) -> String {
        let seed = self.recipe.train.as_ref().map_or(0, |train| train.seed);
        format!("{} {} {seed}", self.stable_fingerprint(), backend.resolved())
    }

    /// Parameters in the order of the layers, whatever order a file has them in.
    fn ordered(&self, mut parameters: HostParameters) -> HostParameters {
        let place = |name: &str| self.layers.parameters.iter().position(|parameter| parameter.name == name);
        parameters.sort_by_key(|(name, ..)| place(name));
        parameters
    }

    fn untrained(&self, state: &str) -> ModelError {
        let directory = self.directory.display();
        ModelError::not_found(format!("the project {directory} {state}"))
            .advise(format!("run `briq train {directory}`"))
    }
}

/// The recipe with its data somewhere else.
fn located(recipe: &Recipe, place: Option<&Path>) -> Recipe {
    let mut recipe = recipe.clone();
    if let (Some(data), Some(place)) = (&mut recipe.data, place) {
        data.path = place.to_owned();
    }
    recipe
}

/// A file of a project's state that does not hold what was put there.
fn damaged(path: &Path) -> ModelError {
    ModelError::invalid(format!("{} is damaged", path.display())).advise("give `briq train --from` again")
}

fn no_recipe(path: &Path, error: std::io::Error) -> ModelError {
    if error.kind() == std::io::ErrorKind::NotFound {
        let hint = "run `briq new DIR` to begin a project, or name the directory that holds briq.toml";
        return ModelError::not_found(format!("there is no {}", path.display())).advise(hint);
    }
    ModelError::io("read", path, error)
}

fn mistake(path: &Path, error: briq_spec::recipe::RecipeError) -> ModelError {
    let hint = error.hint();
    let wrapped = ModelError::invalid(format!("{} has a mistake", path.display())).because(error);
    match hint {
        Some(hint) => wrapped.advise(hint),
        None => wrapped,
    }
}
