//! A Keras file, `.h5` or `.keras`.

#![no_main]

use briq_graph::{onnx, shape};
use briq_import::{keras, sniff};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = sniff(bytes);
    if let Ok(graph) = keras::read(bytes) {
        let _ = shape::infer(&graph);
        let _ = onnx::encode(&graph);
    }
});
