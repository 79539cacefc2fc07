//! `GET /status`: what the page for people shows, as JSON.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use briq_spec::control::Phase;
use serde::Serialize;

use crate::metrics::BOUNDS;
use crate::protocol::wire::TensorMetadata;
use crate::repository::{Slot, VersionCounters};
use crate::shared::{Event, Shared};

#[derive(Serialize)]
pub(super) struct Status {
    version: &'static str,
    phase: Phase,
    uptime_seconds: f64,
    /// Upper bounds of the latency buckets, in seconds; the last bucket has none.
    bounds: &'static [f64],
    models: Vec<ModelStatus>,
    events: Vec<Event>,
}

#[derive(Serialize)]
struct ModelStatus {
    name: String,
    version: String,
    digest: String,
    backend: String,
    revision: u64,
    load_seconds: f64,
    golden_seconds: f64,
    golden_examples: usize,
    golden_max_abs_error: f64,
    inputs: Vec<TensorMetadata>,
    outputs: Vec<TensorMetadata>,
    labels: Option<Vec<String>>,
    pending: usize,
    versions: Vec<VersionStatus>,
}

#[derive(Serialize)]
struct VersionStatus {
    version: String,
    success: u64,
    failures: u64,
    /// How many took at most each bound, and last of all how many there were.
    cumulative: Vec<u64>,
}

pub(super) async fn status(State(shared): State<Arc<Shared>>) -> Json<Status> {
    let slots = shared.repository().into_iter().flatten();
    Json(Status {
        version: env!("CARGO_PKG_VERSION"),
        phase: shared.phase(),
        uptime_seconds: shared.started.elapsed().as_secs_f64(),
        bounds: &BOUNDS,
        models: slots.map(|(name, slot)| model(name, slot)).collect(),
        events: shared.events(),
    })
}

fn model(name: &str, slot: &Slot) -> ModelStatus {
    let serving = slot.serving();
    let (model, proof) = (&serving.model, serving.proof);
    ModelStatus {
        name: name.to_owned(),
        version: model.version.clone(),
        digest: model.digest.clone(),
        backend: model.engine.backend().to_owned(),
        revision: serving.revision,
        load_seconds: proof.load.as_secs_f64(),
        golden_seconds: proof.golden.as_secs_f64(),
        golden_examples: proof.report.examples,
        golden_max_abs_error: proof.report.max_abs_error,
        inputs: model.engine.inputs().iter().map(Into::into).collect(),
        outputs: model.engine.outputs().iter().map(Into::into).collect(),
        labels: model.labels.clone(),
        pending: slot.pool.pending(),
        versions: slot.all_counters().iter().map(version).collect(),
    }
}

fn version(counted: &VersionCounters) -> VersionStatus {
    VersionStatus {
        version: counted.version.clone(),
        success: counted.counters.success(),
        failures: counted.counters.all_failures(),
        cumulative: counted.counters.request.cumulative().to_vec(),
    }
}
