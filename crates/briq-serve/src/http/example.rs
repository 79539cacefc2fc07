//! `GET /status/{model}/example`: a request that the model answers, for the form on the page.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use briq_engine::{LoadedModel, Tensor};
use serde::Serialize;

use super::path::ModelPath;
use crate::protocol::elements::Elements;
use crate::refusal::Refusal;
use crate::shared::Shared;
use crate::swap::smallest;

#[derive(Serialize)]
struct Example<'a> {
    inputs: Vec<ExampleInput<'a>>,
}

#[derive(Serialize)]
struct ExampleInput<'a> {
    name: &'a str,
    datatype: &'static str,
    shape: &'a [usize],
    data: Elements<'a>,
}

/// The model's first golden example, or zeros when it has none.
pub(super) async fn example(State(shared): State<Arc<Shared>>, path: ModelPath) -> Result<Response, Refusal> {
    let serving = path.slot(shared.repository())?.serving();
    let tensors = tensors(&serving.model);
    let inputs = tensors.iter().map(input).collect();
    // Written here rather than as a value, which would sort what a person reads in this order.
    let example = serde_json::to_string(&Example { inputs });
    let example = example.map_err(|_| Refusal::not_found("the model's inputs cannot be written as JSON"))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], example).into_response())
}

fn tensors(model: &LoadedModel) -> Vec<Tensor> {
    match model.golden.first() {
        Some(example) => example.inputs.clone(),
        None => model.engine.inputs().iter().map(smallest).collect(),
    }
}

fn input(tensor: &Tensor) -> ExampleInput<'_> {
    let Tensor { name, datatype, shape, .. } = tensor;
    ExampleInput { name, datatype: datatype.name(), shape, data: Elements(tensor) }
}
