//! Triton's statistics extension: what was counted, by model version.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::path::ModelPath;
use crate::metrics::{Counters, Timer};
use crate::refusal::Refusal;
use crate::repository::{Slot, VersionCounters};
use crate::shared::Shared;

#[derive(Serialize)]
pub(super) struct Statistics {
    model_stats: Vec<ModelStatistics>,
}

#[derive(Serialize)]
struct ModelStatistics {
    name: String,
    version: String,
    last_inference: u64,
    inference_count: u64,
    execution_count: u64,
    inference_stats: InferenceStatistics,
    /// Requests are computed one by one.
    batch_stats: [u8; 0],
}

#[derive(Serialize)]
struct InferenceStatistics {
    success: Duration,
    fail: Duration,
    queue: Duration,
    compute_input: Duration,
    compute_infer: Duration,
    compute_output: Duration,
}

#[derive(Serialize)]
struct Duration {
    count: u64,
    ns: u64,
}

pub(super) async fn all(State(shared): State<Arc<Shared>>) -> Json<Statistics> {
    let slots = shared.repository().into_iter().flatten();
    Json(Statistics { model_stats: slots.flat_map(|(name, slot)| rows(name, slot)).collect() })
}

pub(super) async fn of_model(State(shared): State<Arc<Shared>>, path: ModelPath) -> Result<Json<Statistics>, Refusal> {
    let slot = path.slot(shared.repository())?;
    path.check_version(&slot.serving())?;
    Ok(Json(Statistics { model_stats: rows(&path.model, slot) }))
}

/// One row for each version that served, the present one last.
fn rows(name: &str, slot: &Slot) -> Vec<ModelStatistics> {
    slot.all_counters().iter().map(|version| row(name, version)).collect()
}

fn row(name: &str, version: &VersionCounters) -> ModelStatistics {
    let counters = &version.counters;
    ModelStatistics {
        name: name.to_owned(),
        version: version.version.clone(),
        last_inference: counters.last_inference_ms(),
        inference_count: counters.inferences(),
        execution_count: counters.executions(),
        inference_stats: durations(counters),
        batch_stats: [],
    }
}

fn durations(counters: &Counters) -> InferenceStatistics {
    let of = |timer: &Timer| Duration { count: timer.count(), ns: timer.nanoseconds() };
    InferenceStatistics {
        success: of(&counters.request.timer),
        fail: Duration { count: counters.all_failures(), ns: 0 },
        queue: of(&counters.queue),
        compute_input: of(&counters.input),
        compute_infer: of(&counters.infer),
        compute_output: of(&counters.output),
    }
}
