//! From the body of a request to tensors.

use briq_engine::{DataType, Tensor, TensorSpec};

use super::{elements, wire};
use crate::refusal::Refusal;

/// A request in the engine's terms.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) id: Option<String>,
    pub(crate) inputs: Vec<Tensor>,
    /// The outputs asked for; none means all.
    pub(crate) outputs: Vec<Requested>,
    /// Whether outputs that say nothing themselves are sent as binary data.
    pub(crate) binary: bool,
}

/// An output that was asked for.
#[derive(Debug)]
pub(crate) struct Requested {
    pub(crate) name: String,
    pub(crate) binary: Option<bool>,
    /// How many of the best classes to send in place of the values.
    pub(crate) classes: Option<usize>,
}

/// Reads a request. `json` is the length of the JSON part where the client gave one, all of the body otherwise; 0
/// says that the body is the model's only input.
///
/// # Errors
/// 400, naming the tensor and what is wrong with it.
pub(crate) fn decode(body: &[u8], json: Option<usize>, specs: &[TensorSpec]) -> Result<Decoded, Refusal> {
    if json == Some(0) {
        return decode_raw(body, specs);
    }
    let split = body.split_at_checked(json.unwrap_or(body.len()));
    let (text, mut binary) = split.ok_or_else(|| Refusal::bad_request(BEYOND_THE_END))?;
    let request: wire::Request<'_> = serde_json::from_slice(text)
        .map_err(|error| Refusal::bad_request(format!("the request is not valid: {error}")))?;
    let inputs = request.inputs.into_iter().map(|input| tensor(input, &mut binary));
    let inputs = inputs.collect::<Result<_, _>>()?;
    if !binary.is_empty() {
        let message = format!("{} bytes of binary data belong to no input", binary.len());
        return Err(Refusal::bad_request(message));
    }
    let outputs = request.outputs.unwrap_or_default().into_iter().map(requested).collect();
    let binary = request.parameters.unwrap_or_default().binary_data_output;
    Ok(Decoded { id: request.id, inputs, outputs, binary })
}

const BEYOND_THE_END: &str = "Inference-Header-Content-Length is greater than the body";

fn requested(output: wire::Output) -> Requested {
    let parameters = output.parameters.unwrap_or_default();
    let (binary, classes) = (parameters.binary_data, parameters.classification);
    Requested { name: output.name, binary, classes: classes.filter(|count| *count > 0) }
}

/// One input; what it has as binary data is taken from the front of `binary`.
fn tensor(input: wire::Input<'_>, binary: &mut &[u8]) -> Result<Tensor, Refusal> {
    let name = input.name;
    let refuse = |what: String| Refusal::bad_request(format!("input `{name}`: {what}"));
    let datatype = input.datatype.parse::<DataType>().map_err(|error| refuse(error.to_string()))?;
    if input.shape.contains(&0) {
        return Err(refuse(format!("shape {:?} has no elements", input.shape)));
    }
    let size = input.parameters.unwrap_or_default().binary_data_size;
    let data = match (input.data, size) {
        (Some(text), None) => {
            elements::read(text.get(), datatype, &input.shape).map_err(|error| refuse(without_place(&error)))?
        }
        (None, Some(size)) => {
            take(binary, size).ok_or_else(|| refuse("its binary data is beyond the body".to_owned()))?
        }
        (Some(_), Some(_)) => {
            return Err(refuse("it has both data and binary_data_size".to_owned()));
        }
        (None, None) => {
            return Err(refuse("it has neither data nor binary_data_size".to_owned()));
        }
    };
    let tensor = Tensor::new(&name, datatype, &input.shape, data);
    tensor.map_err(|error| Refusal::bad_request(error.to_string()))
}

/// The message without "at line 1 column 9", which counts within the data and would mislead.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => format!("data: {}", &text[..end]),
        None => format!("data: {text}"),
    }
}

fn take(binary: &mut &[u8], size: usize) -> Option<Vec<u8>> {
    let (data, rest) = binary.split_at_checked(size)?;
    *binary = rest;
    Some(data.to_vec())
}

/// The body is the model's only input. Its shape is the model's, with the free dimension, if there is one, as large
/// as the data makes it; a BYTES input is one string.
fn decode_raw(body: &[u8], specs: &[TensorSpec]) -> Result<Decoded, Refusal> {
    let [spec] = specs else {
        return Err(Refusal::bad_request("a raw body needs a model with exactly one input"));
    };
    let tensor = match spec.datatype.size() {
        Some(size) => raw_numbers(body, spec, size),
        None => raw_string(body, spec),
    };
    Ok(Decoded { id: None, inputs: vec![tensor?], outputs: Vec::new(), binary: true })
}

fn raw_numbers(body: &[u8], spec: &TensorSpec, size: usize) -> Result<Tensor, Refusal> {
    if spec.shape.iter().filter(|dimension| **dimension < 0).count() > 1 {
        return Err(Refusal::bad_request("a raw body needs a model with at most one free dimension"));
    }
    let fixed = spec.shape.iter().filter_map(|dimension| usize::try_from(*dimension).ok());
    let row = fixed.fold(size, usize::saturating_mul);
    let free = body.len().checked_div(row).filter(|count| *count > 0).unwrap_or(1);
    let shape: Vec<_> = spec.shape.iter().map(|dimension| usize::try_from(*dimension).unwrap_or(free)).collect();
    Tensor::new(&spec.name, spec.datatype, &shape, body.to_vec()).map_err(Refusal::from)
}

fn raw_string(body: &[u8], spec: &TensorSpec) -> Result<Tensor, Refusal> {
    let length = u32::try_from(body.len()).map_err(|_| Refusal::bad_request("a string of 4 GiB or more"))?;
    let data = [&length.to_le_bytes()[..], body].concat();
    Tensor::new(&spec.name, spec.datatype, &vec![1; spec.shape.len()], data).map_err(Refusal::from)
}
