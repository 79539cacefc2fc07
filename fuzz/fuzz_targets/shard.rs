//! A safetensors file: where its tensors lie, and the tensors.

#![no_main]

use briq_graph::weights;
use briq_import::read_safetensors;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for placed in weights::read(bytes).unwrap_or_default() {
        assert!(placed.offset + placed.length <= bytes.len() as u64, "`{}` lies outside of the file", placed.name);
    }
    for tensor in read_safetensors(bytes).map(|state| state.tensors).unwrap_or_default() {
        let _ = tensor.to_f32();
    }
});
