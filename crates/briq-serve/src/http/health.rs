//! What the server says of itself.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use briq_spec::control::Phase;
use serde::Serialize;

use crate::protocol::wire::ServerMetadata;
use crate::shared::Shared;

#[derive(Serialize)]
struct Live {
    live: bool,
}

#[derive(Serialize)]
struct Ready {
    ready: bool,
}

pub(super) async fn metadata() -> Json<ServerMetadata> {
    Json(ServerMetadata {
        name: "briq",
        version: env!("CARGO_PKG_VERSION"),
        extensions: &["binary_tensor_data", "classification", "statistics"],
    })
}

pub(super) async fn live() -> Response {
    Json(Live { live: true }).into_response()
}

/// 200 while requests are answered; 503 while models come up, and again while the server drains.
pub(super) async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    let ready = shared.phase() == Phase::Ready;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Ready { ready })).into_response()
}
