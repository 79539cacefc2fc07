//! The JSON of the protocol, as it is on the wire.

use briq_engine::TensorSpec;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::elements::Elements;

/// The JSON part of an inference request. Parameters that are not known are left alone, as the protocol asks.
#[derive(Deserialize)]
pub(crate) struct Request<'a> {
    pub(crate) id: Option<String>,
    pub(crate) parameters: Option<RequestParameters>,
    #[serde(borrow)]
    pub(crate) inputs: Vec<Input<'a>>,
    pub(crate) outputs: Option<Vec<Output>>,
}

#[derive(Default, Deserialize)]
pub(crate) struct RequestParameters {
    #[serde(default)]
    pub(crate) binary_data_output: bool,
}

#[derive(Deserialize)]
pub(crate) struct Input<'a> {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) datatype: String,
    pub(crate) parameters: Option<InputParameters>,
    /// Parsed once the datatype is known.
    #[serde(borrow)]
    pub(crate) data: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
pub(crate) struct InputParameters {
    pub(crate) binary_data_size: Option<usize>,
}

#[derive(Deserialize)]
pub(crate) struct Output {
    pub(crate) name: String,
    pub(crate) parameters: Option<OutputParameters>,
}

#[derive(Default, Deserialize)]
pub(crate) struct OutputParameters {
    pub(crate) binary_data: Option<bool>,
    pub(crate) classification: Option<usize>,
}

/// The JSON part of an inference answer.
#[derive(Serialize)]
pub(crate) struct Response<'a> {
    pub(crate) model_name: &'a str,
    pub(crate) model_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<&'a str>,
    pub(crate) outputs: Vec<ResponseOutput<'a>>,
}

#[derive(Serialize)]
pub(crate) struct ResponseOutput<'a> {
    pub(crate) name: &'a str,
    pub(crate) datatype: &'static str,
    pub(crate) shape: &'a [usize],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parameters: Option<BinarySize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) data: Option<Elements<'a>>,
}

#[derive(Serialize)]
pub(crate) struct BinarySize {
    pub(crate) binary_data_size: usize,
}

/// `GET /v2`.
#[derive(Serialize)]
pub(crate) struct ServerMetadata {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) extensions: &'static [&'static str],
}

/// `GET /v2/models/{m}`.
#[derive(Serialize)]
pub(crate) struct ModelMetadata {
    pub(crate) name: String,
    pub(crate) versions: Vec<String>,
    pub(crate) platform: String,
    pub(crate) inputs: Vec<TensorMetadata>,
    pub(crate) outputs: Vec<TensorMetadata>,
    pub(crate) properties: Properties,
}

#[derive(Clone, Serialize)]
pub(crate) struct TensorMetadata {
    pub(crate) name: String,
    pub(crate) datatype: &'static str,
    pub(crate) shape: Vec<i64>,
}

/// What Briq knows of a model beyond the protocol.
#[derive(Serialize)]
pub(crate) struct Properties {
    pub(crate) digest: String,
    pub(crate) backend: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) labels: Option<Vec<String>>,
}

/// One row of `POST /v2/repository/index`.
#[derive(Serialize)]
pub(crate) struct IndexEntry {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) state: &'static str,
    pub(crate) reason: &'static str,
}

impl From<&TensorSpec> for TensorMetadata {
    fn from(spec: &TensorSpec) -> Self {
        Self { name: spec.name.clone(), datatype: spec.datatype.name(), shape: spec.shape.clone() }
    }
}
