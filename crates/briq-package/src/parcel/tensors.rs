//! Where the tensors of a shard lie, to a writer that is free not to know: what is no shard is coded as bytes.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value;

/// A tensor in a shard.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tensor {
    pub(super) name: String,
    /// The type, as the shard calls it.
    pub(super) datatype: String,
    /// Where its bytes are in the shard.
    pub(super) range: Range<usize>,
}

impl Tensor {
    /// The length of one of its numbers in bytes.
    pub(super) fn width(&self) -> usize {
        let width = match self.datatype.as_str() {
            "F64" | "I64" | "U64" => 8,
            "F32" | "I32" | "U32" | "C64" => 4,
            "F16" | "BF16" | "I16" | "U16" => 2,
            _ => 1,
        };
        if self.range.len().is_multiple_of(width) { width } else { 1 }
    }
}

/// The tensors of a safetensors file in the order in which they lie, one right behind the other from the end of its header
/// to the end of the file; nothing of any other bytes.
pub(super) fn of(shard: &[u8]) -> Vec<Tensor> {
    read(shard).unwrap_or_default()
}

fn read(shard: &[u8]) -> Option<Vec<Tensor>> {
    let (length, rest) = shard.split_first_chunk()?;
    let header = rest.get(..usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let data_at = 8 + header.len();
    let mut listed: BTreeMap<String, Value> = serde_json::from_slice(header).ok()?;
    listed.remove("__metadata__");
    let tensor = |(name, value): (String, Value)| {
        let datatype = value.get("dtype")?.as_str()?.to_owned();
        let end = |number: usize| {
            let end = usize::try_from(value.get("data_offsets")?.get(number)?.as_u64()?).ok()?;
            end.checked_add(data_at)
        };
        Some(Tensor { name, datatype, range: end(0)?..end(1)? })
    };
    let mut tensors = listed.into_iter().map(tensor).collect::<Option<Vec<_>>>()?;
    tensors.sort_by_key(|tensor| (tensor.range.start, tensor.range.end));
    let mut at = data_at;
    for tensor in &tensors {
        if tensor.range.start != at || tensor.range.end < at {
            return None;
        }
        at = tensor.range.end;
    }
    (at == shard.len()).then_some(tensors)
}
