//! Networks of other frameworks: made by the framework itself, imported, and asked the same.
//!
//! A script in `import/` makes models of one framework, each with a request and the answers that the framework gave; the
//! test imports every file and compares. One script makes all models of its framework, because frameworks are slow to
//! start.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use briq_tests::{Briq, Outcome, peers};
use serde_json::Value;

/// How far an answer may be from the framework's, in proportion to it and beside it.
const RELATIVE: f64 = 1e-5;
const ABSOLUTE: f64 = 2e-6;

/// A case that a script wrote.
struct Case {
    described: Value,
}

impl Case {
    fn text(&self, key: &str) -> Option<&str> {
        self.described[key].as_str()
    }

    fn name(&self) -> &str {
        self.text("name").expect("a case has a name")
    }

    fn files(&self) -> Vec<&str> {
        self.described["files"].as_array().expect("a list of files").iter().filter_map(Value::as_str).collect()
    }
}

/// The cases of a script; none where its framework is missing.
fn cases(briq: &Briq, script: &str, peer: &str, modules: &str) -> Option<Vec<Case>> {
    let python = peers::python_of(peer, modules)?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("whole/import");
    let mut command = Command::new(python);
    command.arg(folder.join(script)).arg(briq.folder()).env("PYTHONDONTWRITEBYTECODE", "1");
    Outcome::of(&mut command).succeeds();
    let lines = fs::read_to_string(briq.folder().join("cases.jsonl")).expect("the script wrote its cases");
    let case = |line: &str| Case { described: serde_json::from_str(line).expect("a line is JSON") };
    Some(lines.lines().map(case).collect())
}

/// The importer of a file, by how its name ends.
fn importer(file: &str) -> &'static str {
    match file.rsplit('.').next() {
        Some("h5" | "keras") => "keras",
        Some("onnx") => "onnx",
        Some("safetensors") => "safetensors",
        _ => "pytorch",
    }
}

/// Imports a file of a case.
fn import(briq: &Briq, case: &Case, file: &str) -> PathBuf {
    let package = briq.folder().join(format!("{file}.briq"));
    let mut command = briq.command(["import", importer(file), file, "--name", "imported", "--version", "1.0.0", "-o"]);
    command.arg(&package);
    if let Some(architecture) = case.text("architecture") {
        command.args(["--architecture", architecture]);
    }
    if let Some(shape) = case.text("input_shape") {
        command.args(["--input-shape", shape]);
    }
    Outcome::of(&mut command).succeeds();
    package
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list of numbers").iter().filter_map(Value::as_f64).collect()
}

/// The largest difference of an answer from what was expected, in proportion to what is allowed.
fn worst(answer: &Value, case: &Case) -> f64 {
    let outputs = answer["outputs"].as_array().expect("a list of outputs");
    let expected = case.described["outputs"].as_array().expect("a list of outputs");
    assert_eq!(outputs.len(), expected.len(), "{}", case.name());
    let differences = outputs.iter().zip(expected).map(|(output, expected)| {
        assert_eq!(output["shape"], expected["shape"], "{}", case.name());
        let (got, wanted) = (numbers(&output["data"]), numbers(&expected["data"]));
        assert_eq!(got.len(), wanted.len(), "{}", case.name());
        let pairs = got.iter().zip(&wanted);
        pairs.map(|(got, wanted)| (got - wanted).abs() / (ABSOLUTE + RELATIVE * wanted.abs())).fold(0.0, f64::max)
    });
    differences.fold(0.0, f64::max)
}

fn predict(briq: &Briq, package: &Path, case: &Case) -> Value {
    let request = format!("{}.request.json", case.name());
    let mut command = briq.command(["predict"]);
    command.arg(package).args(["--input", &request, "--backend", "flex"]);
    Outcome::of(&mut command).succeeds().json()
}

/// Every file of every case answers as its framework did.
fn check(briq: &Briq, cases: &[Case]) {
    for case in cases {
        for file in case.files() {
            let package = import(briq, case, file);
            let worst = worst(&predict(briq, &package, case), case);
            assert!(worst <= 1.0, "{file}: {worst} times what is allowed");
            println!("{file}: {worst:.3} of what is allowed");
        }
    }
}

#[test]
fn networks_of_keras_answer_as_keras_does() {
    let briq = Briq::new();
    let Some(cases) = cases(&briq, "keras_cases.py", "BRIQ_KERAS_PYTHON", "keras, h5py") else { return };
    check(&briq, &cases);
    let inspected = briq.run(["inspect", "neural_network.h5.briq", "--json"]).succeeds().stdout;
    assert!(inspected.contains("neural_network.h5"), "the lineage names the file: {inspected}");
    briq.run(["verify", "neural_network.h5.briq"]).succeeds();
    let wrong = ["import", "pytorch", "cnn.h5", "--name", "n", "--version", "1.0.0", "-o", "n", "--architecture", "a"];
    briq.run(wrong).exits(4).says("briq import keras");
}

/// Keras 2 writes its configuration in another form, and names its weights otherwise.
#[test]
fn networks_of_keras_2_answer_as_keras_2_does() {
    let briq = Briq::new();
    let Some(cases) = cases(&briq, "keras2_cases.py", "BRIQ_KERAS_PYTHON", "tf_keras, h5py") else { return };
    check(&briq, &cases);
}

#[test]
fn networks_of_pytorch_answer_as_pytorch_does() {
    let briq = Briq::new();
    let Some(cases) = cases(&briq, "torch_cases.py", "BRIQ_TORCH_PYTHON", "torch, numpy") else { return };
    check(&briq, &cases);
    let import = |file: &str, architecture: &str| {
        let rest = ["--name", "n", "--version", "1.0.0", "-o", "n.briq", "--architecture", architecture];
        briq.run(["import", "pytorch", file].into_iter().chain(rest))
    };
    import("whole_model.pt", "views.toml").exits(4).says("torch.nn.modules.linear.Linear").says("state_dict");
    import("script.pt", "views.toml").exits(4).says("TorchScript");
    import("torch_mlp.pt", "views.toml").exits(4).says("`fc3` (weight [3, 16], bias [3]) has no layer");
}

#[test]
fn networks_by_way_of_onnx_answer_as_their_frameworks_do() {
    let briq = Briq::new();
    let modules = "tf2onnx, skl2onnx, sklearn, keras";
    let Some(cases) = cases(&briq, "onnx_cases.py", "BRIQ_KERAS_PYTHON", modules) else { return };
    check(&briq, &cases);
}

/// A package's shards have the index by which Hugging Face's loader finds a tensor.
#[test]
fn hugging_faces_loader_goes_by_the_index_of_the_shards() {
    let modules = "torch, huggingface_hub, safetensors";
    let Some(python) = peers::python_of("BRIQ_TORCH_PYTHON", modules) else { return };
    let briq = Briq::new();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("whole/import/hub.py");
    let hub = |what: &str| Outcome::of(Command::new(&python).arg(&script).arg(what).arg(briq.folder())).succeeds();
    hub("make");
    briq.run(["import", "onnx", "network.onnx", "--name", "wide", "--version", "1.0.0", "-o", "wide.briq"]).succeeds();
    briq.run(["unpack", "wide.briq", "-o", "unpacked"]).succeeds();
    let index = fs::read(briq.folder().join("unpacked/model.safetensors.index.json")).expect("the index is there");
    let index: Value = serde_json::from_slice(&index).expect("the index is JSON");
    assert_eq!(index["weight_map"]["0.weight"], "weights-00001-of-00002.safetensors");
    assert_eq!(index["weight_map"]["2.bias"], "weights-00002-of-00002.safetensors");
    hub("check");
}

/// What is exported is read by ONNX Runtime and by safetensors for Python, and answers the same.
#[test]
fn an_export_answers_in_onnx_runtime_as_the_package_does() {
    let Some(python) = peers::python(&["onnxruntime", "safetensors", "numpy"]) else { return };
    let briq = Briq::new();
    briq.run(["new", "iris", "--template", "iris"]).succeeds();
    briq.run(["train", "iris"]).succeeds();
    briq.run(["pack", "iris", "-o", "iris.briq"]).succeeds();
    let request =
        r#"{"inputs":[{"name":"input","shape":[2,4],"datatype":"FP32","data":[5.1,3.5,1.4,0.2,6.2,2.9,4.3,1.3]}]}"#;
    fs::write(briq.folder().join("request.json"), request).expect("the folder is ours");
    let answer = briq.run(["predict", "iris.briq", "--input", "request.json"]).succeeds().json();
    fs::write(briq.folder().join("answer.json"), answer.to_string()).expect("the folder is ours");
    briq.run(["export", "onnx", "iris.briq", "-o", "one.onnx"]).succeeds();
    briq.run(["export", "onnx", "iris.briq", "-o", "two.onnx", "--external"]).succeeds();
    briq.run(["export", "safetensors", "iris.briq", "-o", "iris.safetensors"]).succeeds();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("whole/import/check_export.py");
    Outcome::of(Command::new(python).arg(script).arg(briq.folder())).succeeds();
    briq.run(["export", "onnx", "iris.briq", "-o", "one.onnx"]).exits(6).says("--force");
    briq.run(["export", "onnx", "iris.briq", "-o", "one.onnx", "--force"]).succeeds();
    briq.run(["import", "onnx", "one.onnx", "--name", "again", "--version", "1.0.0", "-o", "again.briq"]).succeeds();
    let again = briq.run(["predict", "again.briq", "--input", "request.json"]).succeeds().json();
    assert_eq!(again["outputs"], answer["outputs"], "what was exported and imported is the same network");
}
