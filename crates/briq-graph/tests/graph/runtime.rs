//! What another's runtime makes of our files.
//!
//! `BRIQ_PYTHON` names the interpreter; without `onnxruntime` and `onnx` in it the tests say that they were skipped.

use std::path::Path;
use std::process::Command;

use briq_graph::onnx;
use expect_test::expect;

use crate::samples::{digits, filled, network, toml};

const SHARD: &str = "weights-00001-of-00001.safetensors";

/// Checks and runs `model.onnx` on three examples of ascending numbers; prints the outputs' shapes and sums.
const SCRIPT: &str = r#"
import numpy, onnx, onnxruntime, os, sys
path = os.path.join(sys.argv[1], "model.onnx")
onnx.checker.check_model(path, full_check=True)
session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
name, shape = session.get_inputs()[0].name, session.get_inputs()[0].shape
assert shape[0] == "batch", shape
size = int(numpy.prod(shape[1:]))
x = (numpy.arange(3 * size, dtype=numpy.float32) % 17).reshape(3, *shape[1:])
for output, y in zip(session.get_outputs(), session.run(None, {name: x})):
    assert y.shape[0] == 3 and numpy.isfinite(y).all()
    print(output.name, list(y.shape), [round(float(s), 4) for s in y.reshape(3, -1).sum(axis=1)])
"#;

/// A Python that has what is needed, if there is one.
pub(crate) fn python() -> Option<String> {
    let python = std::env::var("BRIQ_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let import = Command::new(&python).args(["-c", "import numpy, onnx, onnxruntime"]).output();
    let found = import.is_ok_and(|output| output.status.success());
    if !found {
        println!("skipped: onnxruntime is not installed");
    }
    found.then_some(python)
}

fn run(python: &str, directory: &Path) -> String {
    let output = Command::new(python).arg("-c").arg(SCRIPT).arg(directory).output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{err}");
    out
}

fn outcome(network: briq_graph::layers::Network) -> Option<String> {
    let python = python()?;
    let directory = tempfile::tempdir().unwrap();
    let (graph, shard) = filled(network, SHARD);
    std::fs::write(directory.path().join(SHARD), shard).unwrap();
    std::fs::write(directory.path().join("model.onnx"), onnx::encode(&graph).unwrap()).unwrap();
    Some(run(&python, directory.path()))
}

#[test]
fn onnx_runtime_runs_a_network_with_external_data() {
    if let Some(outcome) = outcome(digits()) {
        assert_eq!(outcome, "output [3, 10] [1.0, 1.0, 1.0]\n");
    }
}

#[test]
fn onnx_runtime_runs_the_remaining_layers() {
    let layers = toml(&[
        ("activation", "function = \"sigmoid\""),
        ("activation", "function = \"tanh\""),
        ("dense", "units = 6\nactivation = \"elu\""),
        ("dense", "units = 9\nbias = false\nactivation = \"leaky-relu\""),
        ("reshape", "shape = [4, 3, 3]"),
        ("conv2d", "filters = 2\nkernel = 3\npadding = 2"),
        ("global-avg-pool2d", ""),
        ("activation", "function = \"linear\""),
    ]);
    if let Some(outcome) = outcome(network(&layers, &[4, 5], None).unwrap()) {
        expect![[r#"
            output [3, 2] [84.0874, 85.6411, 85.9611]
        "#]]
        .assert_eq(&outcome);
    }
}

/// The worked example: tanh(0.5 × 0.1 + 0.7 × 0.3 + 0.2 × 0.2 + 0.5) = tanh(0.8).
#[test]
fn onnx_runtime_computes_one_neuron() {
    let Some(python) = python() else { return };
    let network = network(&toml(&[("dense", "units = 1\nactivation = \"tanh\"")]), &[3], None).unwrap();
    let mut graph = network.graph;
    for (name, numbers) in [("dense_1.weight", [0.1, 0.3, 0.2].as_slice()), ("dense_1.bias", &[0.5])] {
        let tensor = graph.initializer_mut(name).unwrap();
        *tensor = briq_graph::Initializer::from_f32(name, tensor.shape.clone(), numbers);
    }
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("model.onnx"), onnx::encode(&graph).unwrap()).unwrap();
    let script = "import onnxruntime, sys, numpy\n\
        s = onnxruntime.InferenceSession(sys.argv[1] + '/model.onnx')\n\
        print('%.4f' % s.run(None, {'input': numpy.array([[0.5, 0.7, 0.2]], numpy.float32)})[0].item())";
    let output = Command::new(python).arg("-c").arg(script).arg(directory.path()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "0.6640\n", "{}", String::from_utf8_lossy(&output.stderr));
}
