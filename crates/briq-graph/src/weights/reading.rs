//! From a shard to its tensors.

use safetensors::SafeTensors;

use super::Placed;
use crate::{ElementType, GraphError, GraphErrorKind};

/// Where each tensor lies in a shard, in the order of the file. The bytes stay where they are.
///
/// # Errors
/// A header that is too long, is not JSON, or describes tensors that overlap, leave holes, or do not fill the file; an
/// element type that Briq does not know.
pub fn read(bytes: &[u8]) -> Result<Vec<Placed>, GraphError> {
    let malformed = |error| failure(GraphErrorKind::Malformed, "shard").because(error);
    let (header, metadata) = SafeTensors::read_metadata(bytes).map_err(malformed)?;
    SafeTensors::deserialize(bytes).map_err(malformed)?;
    let start = 8 + header as u64;
    let names = metadata.offset_keys();
    let infos = names.into_iter().filter_map(|name| metadata.info(&name).map(|info| (name, info)));
    infos.map(|(name, info)| placed(name, info, start)).collect()
}

fn placed(name: String, info: &safetensors::tensor::TensorInfo, start: u64) -> Result<Placed, GraphError> {
    let Some(element) = ElementType::from_name(&info.dtype.to_string()) else {
        let object = format!("tensor `{name}` of type {}", info.dtype);
        return Err(failure(GraphErrorKind::Unsupported, object));
    };
    let (first, last) = info.data_offsets;
    let (offset, length) = (start + first as u64, (last - first) as u64);
    Ok(Placed { name, element, shape: info.shape.clone(), offset, length })
}

fn failure(kind: GraphErrorKind, object: impl Into<String>) -> GraphError {
    GraphError::new(kind, "read", object, "")
}
