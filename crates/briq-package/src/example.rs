//! A manifest and a key for examples and tests: the least that is valid.

use briq_spec::manifest::{FORMAT, Lineage, ModelInfo};
use briq_spec::semver::Version;
use briq_spec::{DataType, Manifest, Signature, TensorSpec};

/// A private key on P-256 that everybody has: a seal by it vouches for nothing.
pub const PRIVATE_KEY: &str = "\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg9qpSl66j6yUG0FKa
2EDvMZ4Xl893/ZhmnSxx1Q1GqXOhRANCAASTlwFc7zsQxDt3J5vByNgWDHsT3w7L
/t0B4UsEWMUuE5Iv6lzYI4tGlWP3GJb/qgAr8vNtfmS5WyMmBpMvsTv2
-----END PRIVATE KEY-----
";

/// The manifest, yet without entries, of a package with `model.onnx` and one shard of weights.
pub fn manifest() -> Manifest {
    let path = |text: &str| text.parse().expect("the literal is a legal path");
    Manifest {
        format: FORMAT,
        name: "digits".parse().expect("the literal is a legal name"),
        version: Version::new(1, 0, 0),
        description: None,
        license: None,
        authors: Vec::new(),
        signature: Signature { inputs: vec![tensor("input", 64)], outputs: vec![tensor("output", 10)] },
        model: ModelInfo {
            structure: path("model.onnx"),
            weights: vec![path("weights-00001-of-00001.safetensors")],
            parameters: 250,
            datatype: DataType::Fp32,
            opset: 17,
        },
        adapter: None,
        variant: None,
        labels: None,
        golden: None,
        metrics: Default::default(),
        lineage: Lineage::default(),
        entries: Vec::new(),
    }
}

fn tensor(name: &str, columns: i64) -> TensorSpec {
    TensorSpec { name: name.to_owned(), datatype: DataType::Fp32, shape: vec![-1, columns] }
}
