//! Bringing a model up: load it, warm it, let it prove its golden examples on this host.
//!
//! Nothing here touches what serves. Only a model that came through all three steps is put in its place.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use briq_engine::{Engine, EngineError, GoldenError, GoldenReport, LoadedModel, Loader, Tensor, TensorSpec, golden};

use crate::error::panic_text;
use crate::options::Source;

/// A model that proved itself and is ready to serve.
pub(crate) struct Proven {
    pub(crate) model: LoadedModel,
    pub(crate) revision: u64,
    pub(crate) proof: Proof,
}

/// What it took to bring a model up.
#[derive(Clone, Copy, Debug)]
pub struct Proof {
    /// Time to load and warm it.
    pub load: Duration,
    /// Time to replay its golden examples.
    pub golden: Duration,
    /// What the replay saw.
    pub report: GoldenReport,
}

/// A version that now serves.
#[derive(Clone, Debug)]
pub struct Swapped {
    /// The model's name.
    pub name: String,
    /// The version that serves now.
    pub version: String,
    /// The version that served before.
    pub previous: String,
    /// The revision that serves now.
    pub revision: u64,
    /// What it took.
    pub proof: Proof,
}

/// A version was refused; what served before goes on serving.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SwapError {
    /// The loader could not bring it into memory.
    #[error("the model could not be loaded")]
    Load(#[source] EngineError),
    /// It failed when it was warmed.
    #[error("the model failed on its first inference")]
    WarmUp(#[source] EngineError),
    /// It does not compute on this host what its author saw.
    #[error("the model failed its golden proof")]
    Golden(#[source] GoldenError),
    /// Loader or engine panicked.
    #[error("the model panicked while it was brought up: {0}")]
    Panicked(String),
    /// It is another model than those that this server has.
    #[error("the model is `{0}`, which this server does not serve")]
    OtherModel(String),
    /// The server is not ready yet, or is draining.
    #[error("the server is {0}")]
    NotReady(&'static str),
    /// The thread for it could not be started.
    #[error("no thread to load on")]
    Thread(#[source] std::io::Error),
}

impl SwapError {
    /// Whether the golden examples disagreed.
    pub fn is_golden(&self) -> bool {
        matches!(self, Self::Golden(_))
    }

    /// Advice for a person, where there is some.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Load(error) | Self::WarmUp(error) => error.hint().map(str::to_owned),
            _ => None,
        }
    }
}

/// Loads, warms and proves a model on this thread.
pub(crate) fn bring_up(loader: &dyn Loader, source: &Source) -> Result<Proven, SwapError> {
    let work = AssertUnwindSafe(|| bring_up_here(loader, source));
    let panicked = |payload: Box<dyn std::any::Any + Send>| SwapError::Panicked(panic_text(&*payload));
    catch_unwind(work).map_err(panicked)?
}

fn bring_up_here(loader: &dyn Loader, source: &Source) -> Result<Proven, SwapError> {
    let start = Instant::now();
    let model = loader.load(&source.locator).map_err(SwapError::Load)?;
    warm_up(&model).map_err(SwapError::WarmUp)?;
    let load = start.elapsed();
    let start = Instant::now();
    let report = golden::replay(&model).map_err(SwapError::Golden)?;
    let proof = Proof { load, golden: start.elapsed(), report };
    Ok(Proven { model, revision: source.revision, proof })
}

/// One inference, so that the first request meets compiled kernels and paged-in weights: over a golden example, or,
/// without one, over zeros, which a model may rightly refuse.
fn warm_up(model: &LoadedModel) -> Result<(), EngineError> {
    if let Some(example) = model.golden.first() {
        // What is wrong with a golden example is the replay's to tell.
        let _ = briq_engine::infer_checked(model.engine.as_ref(), example.inputs.clone());
        return Ok(());
    }
    match model.engine.infer(&zeros(model.engine.as_ref())) {
        Err(error) if !error.is_invalid_input() => Err(error),
        _ => Ok(()),
    }
}

fn zeros(engine: &dyn Engine) -> Vec<Tensor> {
    engine.inputs().iter().map(smallest).collect()
}

/// The smallest tensor that fits: zeros, one wherever the size is free.
pub(crate) fn smallest(spec: &TensorSpec) -> Tensor {
    let size = |&dimension: &i64| usize::try_from(dimension).unwrap_or(1);
    let shape: Vec<_> = spec.shape.iter().map(size).collect();
    Tensor::zeros(&spec.name, spec.datatype, &shape)
}
