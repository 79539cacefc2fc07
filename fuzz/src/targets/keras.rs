//! A Keras file, `.h5` or `.keras`.

use briq_graph::{onnx, shape};
use briq_import::{keras, sniff};

/// Reads it, infers its shapes and encodes it.
pub fn keras(bytes: &[u8]) {
    let _ = sniff(bytes);
    if let Ok(graph) = keras::read(bytes) {
        let _ = shape::infer(&graph);
        let _ = onnx::encode(&graph);
    }
}
