//! The paths that the server answers.

mod body;
mod example;
mod exposition;
mod health;
mod infer;
mod models;
mod page;
mod path;
mod statistics;
mod status;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::routing::{get, post};

use crate::refusal::Refusal;
use crate::shared::Shared;

/// Every path, and an error in JSON for all others.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    let for_people = Router::new()
        .route("/", get(page::page))
        .route("/status", get(status::status))
        .route("/status/{model}/example", get(example::example))
        .route("/metrics", get(exposition::metrics));
    let protocol = Router::new()
        .route("/v2", get(health::metadata))
        .route("/v2/", get(health::metadata))
        .route("/v2/health/live", get(health::live))
        .route("/v2/health/ready", get(health::ready))
        .route("/v2/models/stats", get(statistics::all))
        .route("/v2/repository/index", post(models::index))
        .route("/v2/repository/models/{model}/load", post(models::not_over_http))
        .route("/v2/repository/models/{model}/unload", post(models::not_over_http));
    let models = ["/v2/models/{model}", "/v2/models/{model}/versions/{version}"];
    models
        .into_iter()
        .fold(for_people.merge(protocol), of_model)
        .fallback(unknown_path)
        .method_not_allowed_fallback(other_method)
        .with_state(shared)
}

fn of_model(router: Router<Arc<Shared>>, prefix: &str) -> Router<Arc<Shared>> {
    router
        .route(prefix, get(models::metadata))
        .route(&format!("{prefix}/ready"), get(models::ready))
        .route(&format!("{prefix}/stats"), get(statistics::of_model))
        .route(&format!("{prefix}/infer"), post(infer::infer))
}

async fn unknown_path(request: Request) -> Refusal {
    Refusal::not_found(format!("there is nothing at {}", request.uri().path()))
}

async fn other_method(request: Request) -> Refusal {
    let message = format!("{} does not take {}", request.uri().path(), request.method());
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, message)
}
