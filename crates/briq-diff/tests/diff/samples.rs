//! Packages with a small network, and what may be changed of them.

use std::collections::BTreeMap;
use std::path::Path;

use briq_graph::{Dim, ElementType, Graph, Initializer, Node, Value, onnx, weights};
use briq_package::{Draft, Package};
use briq_spec::Manifest;

/// A dense layer, a rectifier, another dense layer.
pub(crate) fn network() -> Graph {
    let value =
        |name: &str, length| Value::new(name, ElementType::F32, vec![Dim::Dynamic("batch".into()), Dim::Fixed(length)]);
    let numbers = |count: u8| (0..count).map(|number| f32::from(number) / 8.0).collect::<Vec<_>>();
    Graph {
        name: "network".into(),
        opset: 20,
        inputs: vec![value("input", 64)],
        outputs: vec![value("output", 10)],
        nodes: vec![
            Node::new("dense_1", "Gemm", &["input", "dense_1.weight", "dense_1.bias"], &["hidden"]),
            Node::new("relu", "Relu", &["hidden"], &["positive"]),
            Node::new("dense_2", "Gemm", &["positive", "dense_2.weight"], &["output"]),
        ],
        initializers: vec![
            Initializer::from_f32("dense_1.weight", vec![4, 4], &numbers(16)),
            Initializer::from_f32("dense_1.bias", vec![4], &numbers(4)),
            Initializer::from_f32("dense_2.weight", vec![4, 2], &numbers(8)),
        ],
        ..Graph::default()
    }
}

/// The package of a graph, its tensors in one shard.
pub(crate) fn package(folder: &Path, graph: &Graph, change: impl FnOnce(&mut Manifest)) -> Package {
    let mut manifest = briq_package::example::manifest();
    manifest.metrics.insert("test.accuracy".into(), 0.9);
    change(&mut manifest);
    let mut graph = graph.clone();
    let shard = weights::shard_name(0, 1);
    let mut bytes = Vec::new();
    let tensors: Vec<_> = graph
        .initializers
        .iter()
        .map(|one| weights::Tensor {
            name: &one.name,
            element: one.element,
            shape: &one.shape,
            data: one.inline().unwrap(),
        })
        .collect();
    let placed = weights::write(&tensors, &BTreeMap::new(), &mut bytes).unwrap();
    weights::externalize(&mut graph, &shard, &placed).unwrap();
    let path = folder.join(format!("{}-{}.briq", manifest.name.short(), manifest.version));
    let mut draft = Draft::new(manifest);
    draft.add_bytes("model.onnx".parse().unwrap(), onnx::encode(&graph).unwrap()).unwrap();
    draft.add_bytes(shard.parse().unwrap(), bytes).unwrap();
    draft.write(&path).unwrap();
    Package::open(&path).unwrap()
}
