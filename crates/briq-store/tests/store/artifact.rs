//! Packages as ModelPack artifacts.

use briq_store::artifact::{Artifact, Description, FILE_PATH, MAX_LAYERS};
use briq_store::oci::Manifest;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::samples::package;

fn artifact() -> (Artifact, Value) {
    let folder = tempfile::tempdir().unwrap();
    let artifact = Artifact::of(&package(folder.path(), "1.0.0", b"weights")).unwrap();
    let json = serde_json::from_slice(&artifact.manifest).unwrap();
    (artifact, json)
}

#[test]
fn has_the_form_of_modelpack() {
    let (artifact, manifest) = artifact();
    assert_eq!(manifest["mediaType"], "application/vnd.oci.image.manifest.v1+json");
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.cncf.model.config.v1+json");
    let layers = manifest["layers"].as_array().unwrap();
    let seen: Vec<_> = layers
        .iter()
        .map(|l| (l["annotations"][FILE_PATH].as_str().unwrap(), l["mediaType"].as_str().unwrap()))
        .collect();
    let expected = [
        ("briq.json", "application/vnd.cncf.model.doc.v1.raw"),
        ("README.md", "application/vnd.cncf.model.doc.v1.raw"),
        ("model.onnx", "application/vnd.cncf.model.weight.config.v1.raw"),
        ("weights-00001-of-00001.safetensors", "application/vnd.cncf.model.weight.v1.raw"),
    ];
    assert_eq!(seen, expected);

    let config: Value = serde_json::from_slice(&artifact.config).unwrap();
    assert_eq!(config["modelfs"]["type"], "layers");
    let diff_ids = config["modelfs"]["diffIds"].as_array().unwrap();
    assert!(layers.iter().map(|layer| &layer["digest"]).eq(diff_ids));
    assert_eq!(config["config"], json!({"format": "onnx", "paramSize": "0.2k", "precision": "fp32"}));
}

#[test]
fn reads_what_it_writes() {
    let (artifact, _) = artifact();
    let read = Description::parse(&artifact.manifest).unwrap();
    assert_eq!(read.digest, artifact.description.digest);
    assert_eq!(read.entries.len(), 3);
    assert_eq!(read.size(), artifact.layers.iter().map(|(layer, _)| layer.size).sum::<u64>());
}

#[test]
fn rejects_manifests_that_contradict_themselves() {
    type Damage = fn(&mut Value);
    let cases: [(&str, Damage); 10] = [
        ("it is not a Briq package", |m| m["artifactType"] = json!("application/x")),
        ("it is not a Briq package", |m| {
            drop(m["annotations"].as_object_mut().unwrap().remove("dev.briq.package.digest"))
        }),
        ("dev.briq.package.name is missing", |m| {
            drop(m["annotations"].as_object_mut().unwrap().remove("dev.briq.package.name"))
        }),
        ("version is \"one\"", |m| m["annotations"]["org.opencontainers.image.version"] = json!("one")),
        ("digest is \"blake3:00\"", |m| m["annotations"]["dev.briq.package.digest"] = json!("blake3:00")),
        ("it has no configuration", |m| drop(m.as_object_mut().unwrap().remove("config"))),
        ("it has no layer for briq.json", |m| drop(m["layers"].as_array_mut().unwrap().remove(0))),
        ("a layer names no file", |m| drop(m["layers"][1].as_object_mut().unwrap().remove("annotations"))),
        ("two layers hold \"README.md\"", |m| m["layers"][2]["annotations"][FILE_PATH] = json!("README.md")),
        ("\"../escape\"", |m| m["layers"][1]["annotations"][FILE_PATH] = json!("../escape")),
    ];
    for (expected, damage) in cases {
        let (_, mut manifest) = artifact();
        damage(&mut manifest);
        let error = Description::parse(&serde_json::to_vec(&manifest).unwrap()).unwrap_err();
        assert!(error.is_corrupt() && error.to_string().contains(expected), "{expected}: {error}");
    }
}

#[test]
fn rejects_too_many_layers_and_too_many_bytes() {
    let (_, mut manifest) = artifact();
    let layer = manifest["layers"][1].clone();
    manifest["layers"].as_array_mut().unwrap().extend(std::iter::repeat_n(layer, MAX_LAYERS));
    let error = Description::parse(&serde_json::to_vec(&manifest).unwrap()).unwrap_err();
    assert!(error.to_string().contains("at most 400 are read"), "{error}");
    let error = Description::parse(&vec![b' '; (4 << 20) + 1]).unwrap_err();
    assert!(error.to_string().contains("larger than 4194304 bytes"), "{error}");
}

#[test]
fn keeps_fields_of_other_tools() {
    let text = r#"{"schemaVersion":2,"manifests":[{"mediaType":"m","digest":"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","size":1,"platform":{"os":"linux"}}]}"#;
    let manifest: Manifest = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&manifest).unwrap(), text);
}

proptest! {
    #[test]
    fn rejects_noise_without_panicking(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Description::parse(&bytes).is_err());
    }
}
