//! Which tensors share a shard.

use std::ops::Range;

use super::Tensor;

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
