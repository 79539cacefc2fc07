//! Networks that PyTorch 2 exported, asked what PyTorch itself was asked.
//!
//! `exports/make.py` made the files: each network, as the exporters of PyTorch write it, and some calls with PyTorch's
//! answers. The calls differ in the sizes that the export leaves open.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use briq_engine::{DataType, Engine as _, Tensor, infer_checked};
use briq_graph::{ElementType, weights};
use briq_model::{Backend, BurnEngine, engine, import_onnx};
use briq_package::Package;
use briq_spec::recipe::Recipe;

use crate::recipes::RECIPE;

/// How far from PyTorch's an answer may be, against its largest number.
const TOLERANCE: f64 = 1e-5;

/// The inputs and the outputs of one call.
type Call = Vec<Tensor>;

fn recorded(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/model/exports").join(file)
}

/// The calls of a network, in order.
fn calls(network: &str) -> Vec<Call> {
    let bytes = fs::read(recorded(&format!("{network}.safetensors"))).unwrap();
    let mut calls: BTreeMap<String, Call> = BTreeMap::new();
    for placed in weights::read(&bytes).unwrap() {
        let (call, name) = placed.name.split_once('.').unwrap();
        let data = &bytes[placed.offset as usize..][..placed.length as usize];
        let tensor = Tensor::new(name, datatype(placed.element), &placed.shape, data.to_vec()).unwrap();
        calls.entry(call.to_owned()).or_default().push(tensor);
    }
    calls.into_values().collect()
}

fn datatype(element: ElementType) -> DataType {
    match element {
        ElementType::Bool => DataType::Bool,
        ElementType::U8 => DataType::Uint8,
        ElementType::I64 => DataType::Int64,
        ElementType::F32 => DataType::Fp32,
        other => panic!("no call has tensors of {other}"),
    }
}

fn of<'c>(call: &'c [Tensor], name: &str) -> &'c Tensor {
    call.iter().find(|tensor| tensor.name == name).unwrap_or_else(|| panic!("no tensor is called {name}"))
}

/// The network of a file, as a package that was written and opened again.
fn imported(file: &str) -> BurnEngine {
    println!("{file}");
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("network.briq");
    let package = Recipe::parse(RECIPE).unwrap().package;
    import_onnx(&recorded(file), &package, &[]).unwrap().draft.write(&target).unwrap();
    engine(&Package::open(&target).unwrap(), Backend::Flex).unwrap()
}

fn inputs(engine: &BurnEngine, call: &[Tensor]) -> Vec<Tensor> {
    engine.inputs().iter().map(|spec| of(call, &spec.name).clone()).collect()
}

/// Asks as PyTorch was asked, and compares with what it answered.
fn answers(engine: &BurnEngine, call: &[Tensor]) {
    let outputs = infer_checked(engine, inputs(engine, call)).unwrap();
    assert_eq!(engine.inputs().len() + outputs.len(), call.len(), "every tensor of the call has its part");
    for output in outputs {
        let expected = of(call, &output.name);
        assert_eq!((output.datatype, &output.shape), (expected.datatype, &expected.shape), "{}", output.name);
        let distance = distance(&output.to_f64().unwrap(), &expected.to_f64().unwrap());
        println!("  {} {:?}: {distance:.1e}", output.name, output.shape);
        assert!(distance <= TOLERANCE, "{output:?} instead of {expected:?}");
    }
}

/// The largest difference, against the largest number that is expected; NaN where that is zero, or anything is NaN.
fn distance(found: &[f64], expected: &[f64]) -> f64 {
    let difference = found.iter().zip(expected).map(|(found, expected)| (found - expected).abs());
    let largest = expected.iter().map(|number| number.abs()).max_by(f64::total_cmp).unwrap();
    difference.max_by(f64::total_cmp).unwrap() / largest
}

/// Every export of a network answers every call.
fn check(network: &str, exports: &[&str]) {
    let calls = calls(network);
    assert!(calls.len() > 1, "more than one size is asked");
    for export in exports {
        let engine = imported(&format!("{network}.{export}.onnx"));
        calls.iter().for_each(|call| answers(&engine, call));
    }
}

/// The export answers the calls that it takes, and refuses so many others.
fn check_closed(file: &str, others: usize) {
    let engine = imported(file);
    let (taken, refused): (Vec<Call>, Vec<Call>) = calls(file.split('.').next().unwrap())
        .into_iter()
        .partition(|call| engine.inputs().iter().all(|spec| spec.admits(&of(call, &spec.name).shape)));
    assert!(taken.len() > 1 && refused.len() == others, "{} calls are taken", taken.len());
    taken.iter().for_each(|call| answers(&engine, call));
    for call in refused {
        assert!(infer_checked(&engine, inputs(&engine, &call)).unwrap_err().is_invalid_input());
    }
}

#[test]
fn a_multilayer_perceptron() {
    check("mlp", &["dynamo", "torchscript"]);
}

#[test]
fn convolutions_and_pooling() {
    check("convolutional", &["dynamo", "torchscript"]);
}

#[test]
fn a_residual_block_over_bytes() {
    check("residual", &["dynamo", "torchscript"]);
}

#[test]
fn an_inverted_residual_block() {
    check("inverted", &["dynamo", "torchscript"]);
}

#[test]
fn transposed_convolution_and_interpolation() {
    check("enlarging", &["dynamo", "torchscript"]);
}

#[test]
fn normalizations() {
    check("normalized", &["dynamo", "torchscript", "opset23"]);
}

#[test]
fn a_signal_along_one_axis() {
    check("signal", &["dynamo", "torchscript"]);
}

#[test]
fn a_transformer_encoder() {
    check("encoder", &["dynamo", "opset23"]);
}

#[test]
fn attention_with_masks() {
    check("attention", &["dynamo", "opset23"]);
}

#[test]
fn the_mean_of_embeddings() {
    check("embedded", &["dynamo", "torchscript"]);
}

#[test]
fn a_language_model() {
    check("language", &["dynamo", "opset23"]);
}

#[test]
fn an_lstm() {
    check("lstm", &["dynamo", "torchscript"]);
}

#[test]
fn a_gru() {
    check("gru", &["dynamo", "torchscript"]);
}

#[test]
fn indexing_and_choosing() {
    check("indexing", &["dynamo", "torchscript"]);
}

#[test]
fn products_and_reductions() {
    check("products", &["dynamo", "torchscript"]);
}

#[test]
fn a_branch() {
    check("branching", &["dynamo"]);
}

#[test]
fn weights_beside_the_file() {
    check("external", &["dynamo"]);
}

/// The exporter of TorchScript writes the number of steps of its example into `nn.MultiheadAttention`.
#[test]
fn attention_that_was_traced_takes_no_other_number_of_steps() {
    check_closed("encoder.torchscript.onnx", 1);
    check_closed("attention.torchscript.onnx", 1);
}
