//! `GET /status/{model}/example`: a request that the model answers, for the form on the page.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
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
pub(super) async fn example(
    State(shared): State<Arc<Shared>>,
    path: ModelPath,
) -> Result<Json<serde_json::Value>, Refusal> {
    let serving = path.slot(shared.repository())?.serving();
    let tensors = tensors(&serving.model);
    let inputs = tensors.iter().map(input).collect();
    let example = serde_json::to_value(Example { inputs });
    example.map(Json).map_err(|_| Refusal::not_found("the model's inputs cannot be written as JSON"))
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
