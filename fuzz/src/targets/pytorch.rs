//! A PyTorch file in either form of `torch.save`.

use briq_import::{pytorch, sniff};

/// Reads its tensors.
pub fn pytorch(bytes: &[u8]) {
    let _ = sniff(bytes);
    for tensor in pytorch::read(bytes).map(|state| state.tensors).unwrap_or_default() {
        let _ = tensor.to_f32();
    }
}
