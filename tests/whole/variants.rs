//! Variants of one version: made, published, chosen, locked, and run by ONNX Runtime.

use std::path::Path;

use briq_tests::{Briq, Outcome, peers};
use serde_json::Value;

use crate::adapters::sample;

/// A network, and variants of it: in half precision, and for GPUs with much memory.
fn cast(briq: &Briq) {
    briq.run(["import", "onnx", &sample("base.onnx"), "--name", "base", "--version", "1.2.0", "-o", "base.briq"])
        .succeeds();
    let half = briq.run(["variant", "base.briq", "--datatype", "f16", "--json"]).succeeds().json();
    assert!(half["largest_difference"].as_f64().is_some_and(|off| 0.0 < off && off < 5e-3), "{half}");
    briq.run(["variant", "base.briq", "--datatype", "bf16"]).succeeds();
    briq.run(["variant", "base.briq", "--name", "gpu", "--for", "wgpu", "--memory", "900TiB"]).succeeds();
}

fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().expect("a list").iter().filter_map(Value::as_f64).collect()
}

fn answer(briq: &Briq, reference: &str, backend: &str) -> Vec<f64> {
    let request = sample("request.json");
    let answer = briq.run(["predict", reference, "--input", &request, "--backend", backend]).succeeds().json();
    numbers(&answer["outputs"][0]["data"])
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

fn version(briq: &Briq, arguments: &[&str]) -> String {
    let resolved = briq.run(["resolve", "--json"].iter().chain(arguments)).succeeds().json();
    resolved["version"].as_str().expect("it has one").to_owned()
}

#[test]
fn half_precision_halves_the_weights_and_answers_nearly_alike() {
    let briq = Briq::new();
    cast(&briq);
    let single = answer(&briq, "base.briq", "flex");
    let size = |file: &str| {
        let inspected = briq.run(["inspect", file, "--json"]).succeeds().json();
        let entries = inspected["manifest"]["entries"].as_array().cloned().expect("a list");
        let shards = entries.iter().filter(|entry| entry["path"].as_str().is_some_and(|p| p.ends_with(".safetensors")));
        let weights = shards.filter(|entry| entry["path"].as_str().is_some_and(|p| p.starts_with("weights")));
        (weights.filter_map(|entry| entry["size"].as_f64()).sum::<f64>(), inspected)
    };
    let (whole, _) = size("base.briq");
    for (file, datatype, tolerance) in [("base-1.2.0+f16.briq", "FP16", 5e-3), ("base-1.2.0+bf16.briq", "BF16", 5e-2)] {
        briq.run(["verify", file]).succeeds();
        let (half, inspected) = size(file);
        assert!(half / whole < 0.6, "{half} of {whole} bytes");
        let manifest = &inspected["manifest"];
        assert_eq!((&manifest["model"]["datatype"], &manifest["format"]), (&datatype.into(), &3.into()));
        assert!(manifest["variant"]["of"].as_str().is_some_and(|of| of.starts_with("base@blake3:")));
        for backend in ["flex", "ndarray"] {
            let off = distance(&answer(&briq, file, backend), &single);
            assert!(0.0 < off && off < tolerance, "{file} on {backend}: {off:e}");
        }
    }
    let lineage = briq.run(["inspect", "base-1.2.0+f16.briq", "--lineage"]).succeeds().stdout;
    assert!(lineage.contains("variant of base@blake3:"), "{lineage}");
    briq.run(["reproduce", "base-1.2.0+f16.briq"]).exits(4).says("is a variant of base@blake3:");
}

/// The very numbers of the unpacked variant, run by another runtime.
#[test]
fn onnx_runtime_runs_a_variant_alike() {
    let Some(python) = peers::python(&["numpy", "onnxruntime"]) else { return };
    let briq = Briq::new();
    cast(&briq);
    briq.run(["unpack", "base-1.2.0+f16.briq", "-o", "half"]).succeeds();
    let mut run = std::process::Command::new(python);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("whole/import/run.py");
    run.arg(script).arg(briq.folder().join("half/model.onnx")).arg(sample("request.json"));
    let theirs = numbers(&Outcome::of(&mut run).succeeds().json());
    let off = distance(&answer(&briq, "base-1.2.0+f16.briq", "flex"), &theirs);
    assert!(off <= 1e-5, "{off:e}");
}

#[test]
fn the_machine_chooses_and_a_person_can() {
    let briq = Briq::new();
    cast(&briq);
    for file in ["base-1.2.0+f16.briq", "base-1.2.0+gpu.briq"] {
        briq.run(["publish", file]).succeeds();
    }
    assert_eq!(version(&briq, &["base@^1", "--backend", "flex"]), "1.2.0+f16", "the other is for wgpu");
    briq.run(["publish", "base.briq"]).succeeds();
    assert_eq!(version(&briq, &["base@^1", "--backend", "flex"]), "1.2.0", "it is more precise");
    assert_eq!(version(&briq, &["base@1+f16", "--backend", "flex"]), "1.2.0+f16");
    briq.run(["alias", "base@1.2.0+f16", "production"]).succeeds();
    assert_eq!(version(&briq, &["base:production", "--backend", "flex"]), "1.2.0");
    briq.run(["yank", "base@1.2.0+f16"]).succeeds();
    let yanked = briq.run(["yank", "base@1.2.0"]).succeeds().stdout;
    assert!(yanked.contains("base@1.2.0+gpu is yanked"), "{yanked}");
    briq.run(["resolve", "base@^1"]).exits(3);
    briq.run(["variant", "base.briq"]).exits(2);
    briq.run(["variant", "base.briq", "--name", "x", "--for", "auto"]).exits(4);
    briq.run(["variant", "base-1.2.0+f16.briq", "--datatype", "bf16"]).exits(4).says("no weights of single precision");
}

#[test]
fn what_fits_nothing_is_not_taken() {
    let briq = Briq::new();
    cast(&briq);
    let huge = ["variant", "base.briq", "--name", "huge", "--memory", "900TiB"];
    briq.run(huge).succeeds();
    for file in ["base-1.2.0+huge.briq", "base-1.2.0+gpu.briq"] {
        briq.run(["publish", file]).succeeds();
    }
    briq.run(["predict", "base@^1", "--input", &sample("request.json"), "--backend", "flex"])
        .exits(7)
        .says("1.2.0+gpu is for wgpu; 1.2.0+huge needs 989560464998400 bytes of memory");
}

#[test]
fn a_lock_serves_machines_of_several_kinds() {
    let briq = Briq::new();
    cast(&briq);
    for file in ["base.briq", "base-1.2.0+f16.briq", "base-1.2.0+bf16.briq"] {
        briq.run(["publish", file]).succeeds();
    }
    briq.run(["lock", "base@^1", "--backend", "flex"]).succeeds();
    let lock = std::fs::read_to_string(briq.folder().join("briq.lock")).expect("it was written");
    assert_eq!(lock.matches("[[package.variant]]").count(), 3, "{lock}");
    let pull = ["pull", "base@^1", "--locked", "briq.lock", "-o", "pulled.briq", "--backend", "flex"];
    let pulled = briq.run(pull).succeeds().stdout;
    assert!(pulled.starts_with("base@1.2.0 "), "{pulled}");
    let damaged = lock.replace("1.2.0+f16", "1.3.0+f16");
    std::fs::write(briq.folder().join("briq.lock"), damaged).expect("it can be written");
    briq.run(["pull", "base@^1", "--locked", "briq.lock"]).exits(4).says("for a variant of base 1.2.0");
}
