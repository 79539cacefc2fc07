//! What the server says of its models.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::body::read;
use super::path::ModelPath;
use crate::protocol::wire::{IndexEntry, ModelMetadata, Properties};
use crate::refusal::Refusal;
use crate::repository::Serving;
use crate::shared::Shared;

pub(super) async fn metadata(
    State(shared): State<Arc<Shared>>,
    path: ModelPath,
) -> Result<Json<ModelMetadata>, Refusal> {
    let serving = path.slot(shared.repository())?.serving();
    path.check_version(&serving)?;
    Ok(Json(describe(&serving)))
}

fn describe(serving: &Serving) -> ModelMetadata {
    let model = &serving.model;
    let backend = model.engine.backend().to_owned();
    ModelMetadata {
        name: model.name.clone(),
        versions: vec![model.version.clone()],
        platform: format!("briq_{backend}"),
        inputs: model.engine.inputs().iter().map(Into::into).collect(),
        outputs: model.engine.outputs().iter().map(Into::into).collect(),
        properties: Properties { digest: model.digest.clone(), backend, labels: model.labels.clone() },
    }
}

#[derive(Serialize)]
pub(super) struct ModelReady {
    name: String,
    ready: bool,
}

pub(super) async fn ready(State(shared): State<Arc<Shared>>, path: ModelPath) -> Result<Json<ModelReady>, Refusal> {
    path.check_version(&path.slot(shared.repository())?.serving())?;
    Ok(Json(ModelReady { name: path.model, ready: true }))
}

/// The body of an index request, which may be left out.
#[derive(Default, Deserialize)]
struct IndexRequest {
    #[serde(default, rename = "ready")]
    #[expect(dead_code, reason = "every model of a server is ready: the answer is the same")]
    only_ready: bool,
}

pub(super) async fn index(State(shared): State<Arc<Shared>>, body: Body) -> Result<Json<Vec<IndexEntry>>, Refusal> {
    let body = read(body, shared.options.max_body, shared.options.deadline).await?;
    let request = if body.is_empty() { Ok(IndexRequest::default()) } else { serde_json::from_slice(&body) };
    request.map_err(|error| Refusal::bad_request(format!("the request is not valid: {error}")))?;
    let slots = shared.repository().into_iter().flatten();
    Ok(Json(slots.map(|(name, slot)| entry(name, &slot.serving())).collect()))
}

fn entry(name: &str, serving: &Serving) -> IndexEntry {
    IndexEntry { name: name.to_owned(), version: serving.model.version.clone(), state: "READY", reason: "" }
}

/// Which model serves is its owner's word, not that of whoever can send a request.
pub(super) async fn not_over_http() -> Refusal {
    let message = "models are loaded and unloaded through the control socket, not over HTTP";
    Refusal::new(StatusCode::FORBIDDEN, message)
}
