//! From an engine's outputs to the body of an answer.

use briq_engine::{LoadedModel, Tensor};

use super::decode::{Decoded, Requested};
use super::elements::Elements;
use super::{classify, wire};
use crate::refusal::Refusal;

/// The body of an answer.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) body: Vec<u8>,
    /// The length of the JSON part, where binary data follows it.
    pub(crate) json: Option<usize>,
}

/// An output as it is to be sent.
struct Sent {
    tensor: Tensor,
    binary: bool,
}

/// Writes an answer.
///
/// # Errors
/// 400 for an output that the model does not have or that cannot be sent as asked.
pub(crate) fn encode(model: &LoadedModel, request: &Decoded, outputs: Vec<Tensor>) -> Result<Encoded, Refusal> {
    let sent = select(model, request, outputs)?;
    let outputs = sent.iter().map(header).collect();
    let id = request.id.as_deref();
    let response = wire::Response { model_name: &model.name, model_version: &model.version, id, outputs };
    let body = serde_json::to_vec(&response);
    let mut body = body.map_err(|error| Refusal::bad_request(error.to_string()))?;
    let binary = sent.iter().filter(|output| output.binary).map(|output| output.tensor.data.as_slice());
    let json = sent.iter().any(|output| output.binary).then_some(body.len());
    binary.for_each(|data| body.extend_from_slice(data));
    Ok(Encoded { body, json })
}

/// The outputs that were asked for, in that order; all of them when none was.
fn select(model: &LoadedModel, request: &Decoded, mut outputs: Vec<Tensor>) -> Result<Vec<Sent>, Refusal> {
    if request.outputs.is_empty() {
        let sent = |tensor| Sent { tensor, binary: request.binary };
        return Ok(outputs.into_iter().map(sent).collect());
    }
    let select = |requested: &Requested| {
        let found = outputs.iter().position(|output| output.name == requested.name);
        let unknown = || Refusal::bad_request(format!("output `{}` is unknown or asked for twice", requested.name));
        let tensor = outputs.swap_remove(found.ok_or_else(unknown)?);
        let tensor = match requested.classes {
            Some(count) => classify::best(&tensor, count, model.labels.as_deref())?,
            None => tensor,
        };
        Ok(Sent { tensor, binary: requested.binary.unwrap_or(request.binary) })
    };
    request.outputs.iter().map(select).collect()
}

fn header(sent: &Sent) -> wire::ResponseOutput<'_> {
    let Sent { tensor, binary } = sent;
    let size = wire::BinarySize { binary_data_size: tensor.data.len() };
    wire::ResponseOutput {
        name: &tensor.name,
        datatype: tensor.datatype.name(),
        shape: &tensor.shape,
        parameters: binary.then_some(size),
        data: (!binary).then_some(Elements(tensor)),
    }
}
