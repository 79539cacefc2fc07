//! A chunk index: what is read is written as the same bytes. And an entry, which can be cut whatever it is.

#![no_main]

use briq_package::chunks::{Index, cut};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(index) = Index::from_bytes(bytes) {
        assert_eq!(index.to_bytes(), bytes, "an index has one form");
    }
    for path in ["model.onnx", "weights-00001-of-00001.safetensors"] {
        let chunks = cut(&path.parse().expect("the literal is a legal path"), bytes);
        let length: u64 = chunks.iter().map(|chunk| u64::from(chunk.length)).sum();
        assert_eq!(length, bytes.len() as u64, "chunks cover the entry");
    }
});
