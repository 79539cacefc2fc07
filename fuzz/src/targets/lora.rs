//! A LoRA adapter of `peft`: a configuration, a zero byte, a safetensors file.

use briq_graph::Graph;
use briq_import::lora;

/// The matrices of a module have its rank.
pub fn lora(bytes: &[u8]) {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    let (config, rest) = bytes.split_at(end);
    let Ok(adapter) = lora::read(config, rest.get(1..).unwrap_or_default()) else { return };
    assert!(
        adapter.modules.iter().all(|module| module.down.shape[0] == module.rank && module.up.shape[1] == module.rank)
    );
    assert!(adapter.fit(&Graph::default(), &[]).is_err(), "an empty graph has no parameter");
}
