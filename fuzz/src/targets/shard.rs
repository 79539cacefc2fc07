//! A safetensors file.

use briq_graph::weights;
use briq_import::read_safetensors;

/// Reads where its tensors lie, and the tensors.
pub fn shard(bytes: &[u8]) {
    for placed in weights::read(bytes).unwrap_or_default() {
        assert!(placed.offset + placed.length <= bytes.len() as u64, "`{}` lies outside of the file", placed.name);
    }
    for tensor in read_safetensors(bytes).map(|state| state.tensors).unwrap_or_default() {
        let _ = tensor.to_f32();
    }
}
