//! A PyTorch file in either form of `torch.save`.

#![no_main]

use briq_import::{pytorch, sniff};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = sniff(bytes);
    for tensor in pytorch::read(bytes).map(|state| state.tensors).unwrap_or_default() {
        let _ = tensor.to_f32();
    }
});
