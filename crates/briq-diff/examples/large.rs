//! How long it takes to compare two packages with so many MiB of weights:
//! `cargo run --release -p briq-diff --example large -- 1024`.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::time::Instant;

use briq_graph::{Dim, ElementType, Graph, Initializer, Node, Value, onnx, weights};
use briq_package::{Draft, Package};

/// Bytes of one tensor.
const TENSOR: usize = 4 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let mebibytes: usize = std::env::args().nth(1).map_or(Ok(1024), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    let before = package(folder.path(), mebibytes, "1.0.0", 1.0)?;
    let after = package(folder.path(), mebibytes, "1.1.0", 1.001)?;
    for round in ["first, digests checked", "second, digests known"] {
        let begun = Instant::now();
        let difference = briq_diff::compare(&before, &after)?;
        let changed = difference.changed_tensors().count();
        println!("{mebibytes} MiB, {changed} tensors differ, {round}: {:.3} s", begun.elapsed().as_secs_f64());
    }
    Ok(())
}

/// A package whose tensors are so many times the same numbers.
fn package(folder: &Path, mebibytes: usize, version: &str, factor: f32) -> Result<Package, Box<dyn Error>> {
    let count = mebibytes * (1 << 20) / TENSOR;
    let numbers: Vec<u8> = (0..TENSOR / 4).flat_map(|at| ((at as f32 * 0.37).sin() * factor).to_le_bytes()).collect();
    let names: Vec<String> = (0..count).map(|number| format!("layer_{number}.weight")).collect();
    let shape = [1024, TENSOR / 4096];
    let tensors: Vec<_> = names.iter().map(|name| weights::Tensor::f32(name, &shape, &numbers)).collect();
    let mut graph = chain(&names, &shape);
    let mut manifest = briq_package::example::manifest();
    manifest.version = version.parse()?;
    let shard = weights::shard_name(0, 1);
    let mut bytes = Vec::with_capacity(mebibytes << 20);
    let placed = weights::write(&tensors, &BTreeMap::new(), &mut bytes)?;
    weights::externalize(&mut graph, &shard, &placed)?;
    let mut draft = Draft::new(manifest);
    draft.add_bytes("model.onnx".parse()?, onnx::encode(&graph)?)?;
    draft.add_bytes(shard.parse()?, bytes)?;
    let path = folder.join(format!("{version}.briq"));
    draft.write(&path)?;
    Ok(Package::open(&path)?)
}

fn chain(names: &[String], shape: &[usize]) -> Graph {
    let value = |name: &str| Value::new(name, ElementType::F32, vec![Dim::Dynamic("batch".into()), Dim::Fixed(1024)]);
    let node = |(number, name): (usize, &String)| {
        let from = if number == 0 { "input".to_owned() } else { format!("value_{number}") };
        let to = if number + 1 == names.len() { "output".to_owned() } else { format!("value_{}", number + 1) };
        Node::new(format!("layer_{number}"), "MatMul", &[&from, name], &[&to])
    };
    Graph {
        name: "chain".into(),
        opset: 20,
        inputs: vec![value("input")],
        outputs: vec![value("output")],
        nodes: names.iter().enumerate().map(node).collect(),
        initializers: names.iter().map(|name| Initializer::unset(name, ElementType::F32, shape.to_vec())).collect(),
        ..Graph::default()
    }
}
