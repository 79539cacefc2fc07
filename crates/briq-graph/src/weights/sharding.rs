//! Which tensors share a shard, and which shard a tensor lies in.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Serialize;

use super::{Placed, Tensor};

/// The name under which loaders in the manner of Hugging Face look for the index of a network's shards.
pub const INDEX: &str = "model.safetensors.index.json";

/// The name of one shard of several, counted from 0: `weights-00001-of-00003.safetensors`.
pub fn shard_name(position: usize, count: usize) -> String {
    format!("weights-{:05}-of-{count:05}.safetensors", position + 1)
}

/// Cuts tensors into runs of at most `limit` bytes each, on module boundaries.
///
/// A module is what stands before the last dot of a tensor's name. One that is larger than the limit has a shard of its
/// own. Cutting on module boundaries keeps a shard's bytes unchanged while its modules are unchanged.
pub fn shards(tensors: &[Tensor<'_>], limit: u64) -> Vec<Range<usize>> {
    let mut shards: Vec<Range<usize>> = Vec::new();
    let mut filled = 0;
    for module in modules(tensors) {
        let bytes = tensors[module.clone()].iter().map(|tensor| tensor.data.len() as u64).sum::<u64>();
        match shards.last_mut() {
            Some(shard) if filled + bytes <= limit => {
                shard.end = module.end;
                filled += bytes;
            }
            _ => {
                shards.push(module);
                filled = bytes;
            }
        }
    }
    shards
}

/// The index of shards: a JSON object with `weight_map`, from each tensor's name to its shard's, and `metadata`, whose
/// `total_size` is the length of all tensors in bytes.
///
/// It is what `huggingface_hub`, `transformers` and `accelerate` find a tensor by, each of whose files they open; source:
/// [`huggingface_hub`'s serialisation](https://huggingface.co/docs/huggingface_hub/package_reference/serialization).
#[must_use]
pub fn index(shards: &[(String, Vec<Placed>)]) -> Vec<u8> {
    #[derive(Serialize)]
    struct Index<'a> {
        metadata: Metadata,
        weight_map: BTreeMap<&'a str, &'a str>,
    }
    #[derive(Serialize)]
    struct Metadata {
        total_size: u64,
    }
    let placed = || shards.iter().flat_map(|(shard, tensors)| tensors.iter().map(move |tensor| (tensor, shard)));
    let index = Index {
        metadata: Metadata { total_size: placed().map(|(tensor, _)| tensor.length).sum() },
        weight_map: placed().map(|(tensor, shard)| (tensor.name.as_str(), shard.as_str())).collect(),
    };
    let mut bytes = serde_json::to_vec_pretty(&index).expect("strings and integers always serialise");
    bytes.push(b'\n');
    bytes
}

fn modules(tensors: &[Tensor<'_>]) -> Vec<Range<usize>> {
    let module = |position: usize| tensors[position].name.rsplit_once('.').map(|(module, _)| module);
    let mut modules: Vec<Range<usize>> = Vec::new();
    for position in 0..tensors.len() {
        match modules.last_mut() {
            Some(last) if module(position).is_some() && module(last.start) == module(position) => {
                last.end = position + 1;
            }
            _ => modules.push(position..position + 1),
        }
    }
    modules
}
