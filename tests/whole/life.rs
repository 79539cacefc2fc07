//! The life of a model, where it meets kills, other backends and other people's programs.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use briq_tests::{Briq, peers};
use serde_json::{Value, json};

/// Starts `briq train iris` and kills it with SIGKILL once it has told of this many epochs.
fn killed_after(briq: &Briq, epochs: usize) {
    let mut training =
        briq.command(["train", "iris"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
    let lines = BufReader::new(training.stderr.take().expect("it is piped")).lines();
    let told = lines.map_while(Result::ok).filter(|line| line.starts_with("epoch")).take(epochs).count();
    assert_eq!(told, epochs, "the training ended before it could be killed");
    training.kill().expect("it runs");
    assert!(!training.wait().expect("it was started").success());
}

fn packed(briq: &Briq) -> Vec<u8> {
    briq.run(["train", "iris", "--backend", "flex"]).succeeds();
    briq.run(["pack", "iris", "-o", "iris.briq"]).succeeds();
    std::fs::read(briq.folder().join("iris.briq")).expect("it was packed")
}

#[test]
fn a_training_killed_again_and_again_gives_the_same_package() {
    let whole = Briq::new();
    whole.run(["new", "iris", "--template", "iris"]).succeeds();
    let expected = packed(&whole);
    let killed = Briq::new();
    killed.run(["new", "iris", "--template", "iris"]).succeeds();
    for epochs in [1, 3, 2] {
        killed_after(&killed, epochs);
    }
    assert_eq!(packed(&killed), expected);
}

#[test]
fn a_package_names_the_burn_that_trained_it() {
    let briq = Briq::new();
    briq.run(["new", "iris", "--template", "iris"]).succeeds();
    packed(&briq);
    briq.run(["unpack", "iris.briq", "-o", "unpacked"]).succeeds();
    let text = std::fs::read_to_string(briq.folder().join("unpacked/train/environment.json")).expect("it is unpacked");
    let environment: Value = serde_json::from_str(&text).expect("it is JSON");
    let lock = include_str!("../../Cargo.lock");
    let version = lock.split("name = \"burn\"\nversion = \"").nth(1).and_then(|rest| rest.split('"').next());
    assert_eq!(environment["burn"].as_str(), version);
}

/// The first rows of the iris data: features only.
fn rows() -> Vec<[f64; 4]> {
    vec![[5.1, 3.5, 1.4, 0.2], [7.0, 3.2, 4.7, 1.4], [6.3, 3.3, 6.0, 2.5]]
}

fn request(folder: &Path) -> String {
    let data: Vec<f64> = rows().into_iter().flatten().collect();
    let request = json!({"inputs": [{"name": "input", "shape": [3, 4], "datatype": "FP32", "data": data}]});
    std::fs::write(folder.join("request.json"), request.to_string()).expect("the folder is ours");
    "request.json".to_owned()
}

fn scores(answer: &Value) -> Vec<f64> {
    let data = answer["outputs"][0]["data"].as_array().expect("the answer has an output");
    data.iter().map(|number| number.as_f64().expect("scores are numbers")).collect()
}

fn assert_close(left: &[f64], right: &[f64], tolerance: f64, who: &str) {
    assert_eq!(left.len(), right.len(), "{who}");
    for (index, (left, right)) in left.iter().zip(right).enumerate() {
        assert!((left - right).abs() <= tolerance, "{who}: score {index} is {right}, not {left}");
    }
}

#[test]
fn every_backend_and_onnx_runtime_give_the_same_answer() {
    let briq = Briq::new();
    briq.run(["new", "iris", "--template", "iris"]).succeeds();
    packed(&briq);
    let request = request(briq.folder());
    let ask = |backend: &str| {
        let answer = briq.run(["predict", "iris.briq", "--input", &request, "--backend", backend]).succeeds().json();
        assert_eq!(answer["parameters"]["labels"], json!(["setosa", "versicolor", "virginica"]));
        scores(&answer)
    };
    let reference = ask("flex");
    assert_close(&reference, &ask("ndarray"), 1e-5, "ndarray");
    if wgpu_is_here(&briq) {
        assert_close(&reference, &ask("wgpu"), 1e-4, "wgpu");
    }
    if let Some(python) = peers::python(&["numpy", "onnxruntime"]) {
        assert_close(&reference, &onnx_runtime(&briq, &python), 1e-5, "ONNX Runtime");
    }
}

pub(crate) fn wgpu_is_here(briq: &Briq) -> bool {
    let report = briq.run(["backends", "--json"]).succeeds().json();
    let backends = report["backends"].as_array().expect("a list").iter();
    let here = backends.filter(|backend| backend["backend"] == "wgpu").all(|backend| backend["available"] == true);
    if !here {
        peers::skip("no Vulkan driver is installed");
    }
    here
}

/// What ONNX Runtime answers with the unpacked package: plain ONNX whose weights are the shards beside it.
fn onnx_runtime(briq: &Briq, python: &Path) -> Vec<f64> {
    briq.run(["unpack", "iris.briq", "-o", "unpacked"]).succeeds();
    let script = "import json, sys, numpy, onnxruntime\n\
        session = onnxruntime.InferenceSession(sys.argv[1])\n\
        rows = numpy.array(json.loads(sys.argv[2]), dtype=numpy.float32)\n\
        print(json.dumps(session.run(None, {'input': rows})[0].flatten().tolist()))\n";
    let mut command = Command::new(python);
    command.args(["-c", script, "unpacked/model.onnx", &json!(rows()).to_string()]).current_dir(briq.folder());
    let output = command.output().expect("the interpreter starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("the script prints JSON")
}

#[test]
fn an_unpacked_network_comes_back_by_import_and_proves_itself() {
    let briq = Briq::new();
    briq.run(["new", "iris", "--template", "iris"]).succeeds();
    packed(&briq);
    briq.run(["unpack", "iris.briq", "-o", "unpacked"]).succeeds();
    let import =
        ["import", "onnx", "unpacked/model.onnx", "--name", "flowers", "--version", "2.0.0", "-o", "flowers.briq"];
    assert_eq!(briq.run(import).succeeds().stdout.lines().count(), 1);
    let manifest = briq.run(["inspect", "flowers.briq", "--json"]).succeeds().json();
    assert_eq!(manifest["manifest"]["golden"]["examples"], 4);
    let request = request(briq.folder());
    let ask = |package: &str| scores(&briq.run(["predict", package, "--input", &request]).succeeds().json());
    assert_eq!(ask("iris.briq"), ask("flowers.briq"));
    briq.run(["import", "onnx", "iris.briq", "--name", "x", "--version", "1.0.0", "-o", "x.briq"])
        .exits(4)
        .says("the file is a package of Briq, not an ONNX model");
}
