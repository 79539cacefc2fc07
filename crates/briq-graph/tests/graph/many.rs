//! A network of very many tensors. What would take quadratic time would not end here.

use std::collections::BTreeMap;

use briq_graph::onnx::{OPSET, decode, encode};
use briq_graph::plan::Plan;
use briq_graph::weights::{self, Tensor};
use briq_graph::{Data, Dim, ElementType, Graph, Initializer, Node, Value, shape};

const TENSORS: usize = 100_000;
const SHARD: &str = "weights-00001-of-00001.safetensors";

fn name(number: usize) -> String {
    format!("layer{}.block{number}.weight", number / 100)
}

/// A chain of additions, each of a tensor of its own.
fn chain() -> Graph {
    let value = |number: usize| Value::new(format!("v{number}"), ElementType::F32, vec![Dim::Fixed(1), Dim::Fixed(4)]);
    let node = |number: usize| {
        let inputs = [format!("v{number}"), name(number)];
        let output = format!("v{}", number + 1);
        Node::new(format!("layer{}.add{number}", number / 100), "Add", &[&inputs[0], &inputs[1]], &[&output])
    };
    let tensor =
        |number| Initializer { name: name(number), element: ElementType::F32, shape: vec![4], data: Data::Unset };
    Graph {
        name: "chain".into(),
        opset: OPSET,
        inputs: vec![value(0)],
        outputs: vec![value(TENSORS)],
        nodes: (0..TENSORS).map(node).collect(),
        initializers: (0..TENSORS).map(tensor).collect(),
        ..Graph::default()
    }
}

#[test]
fn a_hundred_thousand_tensors_are_written_read_and_planned() {
    let names: Vec<String> = (0..TENSORS).map(name).collect();
    let data: Vec<[u8; 16]> =
        (0..TENSORS as u32).map(|number| std::array::from_fn(|at| (number >> at) as u8)).collect();
    let tensors: Vec<_> = names.iter().zip(&data).map(|(name, data)| Tensor::f32(name, &[4], data)).collect();
    let mut shard = Vec::new();
    let placed = weights::write(&tensors, &BTreeMap::new(), &mut shard).unwrap();
    let mut graph = chain();
    weights::externalize(&mut graph, SHARD, &placed).unwrap();

    let read = decode(&encode(&graph).unwrap()).unwrap();
    assert_eq!(read, graph);
    assert_eq!(read.parameter_count(), 4 * TENSORS);
    assert!(read.summary().unwrap().ends_with(&format!("{}\n", 4 * TENSORS)));
    assert_eq!(Plan::new(&read).unwrap().slots(), 2 * TENSORS + 1);
    let mut annotated = read.clone();
    shape::annotate(&mut annotated).unwrap();
    assert_eq!(decode(&encode(&annotated).unwrap()).unwrap().values.len(), annotated.values.len());

    let found = weights::read(&shard).unwrap();
    let by_name: BTreeMap<&str, _> = found.iter().map(|placed| (placed.name.as_str(), placed)).collect();
    for initializer in &read.initializers {
        let placed = by_name[initializer.name.as_str()];
        assert_eq!(initializer.data, Data::External { location: SHARD.into(), offset: placed.offset, length: 16 });
    }
    assert_eq!(found.len(), TENSORS);
}
