//! A chunk index; and an entry that is cut.

use briq_package::chunks::{Index, cut};

/// What is read is written as the same bytes; an entry can be cut whatever it is.
pub fn index(bytes: &[u8]) {
    if let Ok(index) = Index::from_bytes(bytes) {
        assert_eq!(index.to_bytes(), bytes, "an index has one form");
    }
    for path in ["model.onnx", "weights-00001-of-00001.safetensors"] {
        let chunks = cut(&path.parse().expect("the literal is a legal path"), bytes);
        let length: u64 = chunks.iter().map(|chunk| u64::from(chunk.length)).sum();
        assert_eq!(length, bytes.len() as u64, "chunks cover the entry");
    }
}
