//! What differs between two graphs, whatever their names are.

use std::fmt::Write as _;

use briq_graph::comparison::{Comparison, compare};
use briq_graph::{Dim, ElementType, Graph, Initializer, Node, Value};
use expect_test::{Expect, expect};
use proptest::prelude::*;

fn value(name: &str) -> Value {
    Value::new(name, ElementType::F32, vec![Dim::Dynamic("batch".into()), Dim::Fixed(4)])
}

/// Two convolutions, an addition around the second, and a dense layer.
fn network() -> Graph {
    let kernel = |name: &str| Initializer::unset(name, ElementType::F32, vec![8, 8, 3, 3]);
    Graph {
        name: "network".into(),
        opset: 20,
        inputs: vec![value("image")],
        outputs: vec![value("scores")],
        nodes: vec![
            Node::new("conv_1", "Conv", &["image", "conv_1.weight"], &["c1"]).with("kernel_shape", vec![3, 3]),
            Node::new("relu_1", "Relu", &["c1"], &["r1"]),
            Node::new("conv_2", "Conv", &["r1", "conv_2.weight"], &["c2"]).with("kernel_shape", vec![3, 3]),
            Node::new("relu_2", "Relu", &["c2"], &["r2"]),
            Node::new("sum", "Add", &["r1", "r2"], &["s"]),
            Node::new("flat", "Reshape", &["s", "shape"], &["f"]),
            Node::new("dense", "Gemm", &["f", "dense.weight"], &["scores"]).with("transB", 1_i64),
        ],
        initializers: vec![
            kernel("conv_1.weight"),
            kernel("conv_2.weight"),
            Initializer::from_i64("shape", vec![2], &[0, -1]),
            Initializer::from_f32("dense.weight", vec![1, 2], &[0.5, 0.25]),
        ],
        ..Graph::default()
    }
}

fn show(before: &Graph, after: &Graph, found: &Comparison) -> String {
    let mut text = String::new();
    let mut line = |line: String| writeln!(text, "{line}").expect("a string takes it");
    found.removed.iter().for_each(|&node| line(format!("- {}", before.nodes[node].label())));
    found.added.iter().for_each(|&node| line(format!("+ {}", after.nodes[node].label())));
    for changed in &found.changed {
        line(format!("~ {}: {}", after.nodes[changed.after].label(), changed.what.join("; ")));
    }
    found.outputs.iter().for_each(|output| line(format!("~ {output}")));
    let name = |graph: &Graph, place: Option<usize>| place.map_or("-".into(), |at| graph.initializers[at].name.clone());
    for &(old, new) in &found.tensors {
        let (old, new) = (name(before, old), name(after, new));
        if old != new {
            line(format!("tensor {old} -> {new}"));
        }
    }
    text
}

fn check(change: impl FnOnce(&mut Graph), expected: Expect) {
    let (before, mut after) = (network(), network());
    change(&mut after);
    let found = compare(&before, &after).expect("both are graphs");
    expected.assert_eq(&show(&before, &after, &found));
}

/// The same graph with every name but those of its inputs and outputs changed, its nodes in the order given by keys.
fn renumbered(graph: &Graph, keys: &[u32]) -> Graph {
    let mut graph = graph.clone();
    let kept: Vec<String> = graph.inputs.iter().chain(&graph.outputs).map(|value| value.name.clone()).collect();
    let rename = |name: &mut String| {
        if !name.is_empty() && !kept.contains(name) {
            *name = format!("onnx::{}", name.bytes().map(u64::from).fold(7, |sum, byte| sum * 31 % 1_000_003 + byte));
        }
    };
    for node in &mut graph.nodes {
        rename(&mut node.name);
        node.inputs.iter_mut().chain(&mut node.outputs).for_each(rename);
    }
    graph.initializers.iter_mut().for_each(|constant| rename(&mut constant.name));
    let mut order: Vec<usize> = (0..graph.nodes.len()).collect();
    order.sort_by_key(|&place| keys.get(place).copied().unwrap_or_default());
    graph.nodes = order.iter().map(|&place| graph.nodes[place].clone()).collect();
    graph
}

#[test]
fn the_same_graph_differs_in_nothing() {
    check(|_| {}, expect![""]);
    let found = compare(&network(), &network()).expect("both are graphs");
    assert!(found.is_same());
    assert_eq!(found.pairs.len(), 7);
    assert_eq!(found.tensors.len(), 4);
}

#[test]
fn what_a_node_does_otherwise_is_named() {
    check(
        |graph| graph.nodes[2].attributes = Node::default().with("kernel_shape", vec![5, 5]).attributes,
        expect![[r#"
            ~ node `conv_2` (Conv): kernel_shape was [3, 3] and is [5, 5]
        "#]],
    );
    check(
        |graph| graph.initializers[1].shape = vec![16, 8, 3, 3],
        expect![[r#"
            ~ node `conv_2` (Conv): input 1 was F32[8, 8, 3, 3] and is F32[16, 8, 3, 3]
        "#]],
    );
    check(
        |graph| graph.initializers[2] = Initializer::from_i64("shape", vec![2], &[1, -1]),
        expect![[r#"
            ~ node `flat` (Reshape): input 1 was [0, -1] and is [1, -1]
        "#]],
    );
    check(
        |graph| {
            graph.nodes[3].operator = "Gelu".into();
            graph.nodes[3].attributes = Node::default().with("approximate", "tanh").attributes;
        },
        expect![[r#"
            ~ node `relu_2` (Gelu): operator was Relu and is Gelu; approximate is new: "tanh"
        "#]],
    );
}

#[test]
fn added_and_removed_nodes_change_their_readers() {
    check(
        |graph| {
            graph.nodes.insert(3, Node::new("norm", "LayerNormalization", &["c2"], &["n"]));
            graph.nodes[4].inputs[0] = "n".into();
        },
        expect![[r#"
            + node `norm` (LayerNormalization)
            ~ node `relu_2` (Relu): input 0 was node `conv_2` (Conv) and is node `norm` (LayerNormalization)
        "#]],
    );
    check(
        |graph| {
            graph.nodes.remove(4);
            graph.nodes[4].inputs[0] = "r2".into();
        },
        expect![[r#"
            - node `sum` (Add)
            ~ node `flat` (Reshape): input 0 was node `sum` (Add) and is node `relu_2` (Relu)
        "#]],
    );
    check(
        |graph| {
            graph.nodes[6].outputs[0] = "logits".into();
            graph.nodes.push(Node::new("softmax", "Softmax", &["logits"], &["scores"]));
        },
        expect![[r#"
            + node `softmax` (Softmax)
            ~ output `scores` was node `dense` (Gemm) and is node `softmax` (Softmax)
        "#]],
    );
}

/// Exporters number everything anew when one node is added: then nothing but the structure tells which node is which.
#[test]
fn a_change_is_found_among_other_names() {
    let mut after = network();
    after.nodes.insert(3, Node::new("norm", "LayerNormalization", &["c2"], &["n"]));
    after.nodes[4].inputs[0] = "n".into();
    after.initializers[3].shape = vec![1, 3];
    let after = renumbered(&after, &[]);
    let (before, found) = (network(), compare(&network(), &after).expect("both are graphs"));
    assert_eq!((found.added.len(), found.removed.len(), found.changed.len()), (1, 0, 2));
    assert_eq!(after.nodes[found.added[0]].operator, "LayerNormalization");
    let changed: Vec<&str> = found.changed.iter().map(|one| before.nodes[one.before].name.as_str()).collect();
    assert_eq!(changed, ["relu_2", "dense"]);
    let paired = found.tensors.iter().filter(|(old, new)| old.is_some() && old == new).count();
    assert_eq!(paired, 4, "the tensors keep their places");
}

/// Names that moved on by one, as exporters do, mislead nobody.
#[test]
fn names_are_a_hint_and_no_more() {
    check(
        |graph| {
            let first = graph.nodes.remove(0);
            graph.nodes.insert(
                0,
                Node::new("conv_1", "Conv", &["image", "new.weight"], &["c0"]).with("kernel_shape", vec![1, 1]),
            );
            graph
                .nodes
                .insert(1, Node { name: "conv_2".into(), inputs: vec!["c0".into(), "conv_1.weight".into()], ..first });
            graph.nodes[3].name = "conv_3".into();
            graph.initializers.push(Initializer::unset("new.weight", ElementType::F32, vec![8, 8, 1, 1]));
        },
        expect![[r#"
            + node `conv_1` (Conv)
            ~ node `conv_2` (Conv): input 0 was `image` and is node `conv_1` (Conv)
            tensor - -> new.weight
        "#]],
    );
}

/// A loop whose body adds one, its values under some prefix.
fn looped(prefix: &str, operator: &str) -> Graph {
    let named = |name: &str| format!("{prefix}{name}");
    let body = Graph {
        inputs: vec![value(&named("x"))],
        outputs: vec![value(&named("y"))],
        nodes: vec![Node::new(named("step"), operator, &[&named("x"), &named("x")], &[&named("y")])],
        ..Graph::default()
    };
    let attribute = briq_graph::Attribute::Graph(Box::new(body));
    Graph {
        inputs: vec![value("a")],
        outputs: vec![value("b")],
        nodes: vec![Node::new("loop", "Scan", &["a"], &["b"]).with("body", attribute)],
        ..Graph::default()
    }
}

#[test]
fn bodies_are_compared_too() {
    let (before, after) = (looped("", "Add"), looped("", "Mul"));
    let found = compare(&before, &after).expect("both are graphs");
    let expected = expect![[r#"
        ~ node `loop` (Scan): body differs
    "#]];
    expected.assert_eq(&show(&before, &after, &found));
    assert!(compare(&before, &before).expect("it is a graph").is_same());
}

proptest! {
    #[test]
    fn renumbering_is_no_change(keys in prop::collection::vec(any::<u32>(), 7)) {
        let (before, after) = (network(), renumbered(&network(), &keys));
        let found = compare(&before, &after).expect("both are graphs");
        prop_assert!(found.is_same(), "{}", show(&before, &after, &found));
        prop_assert!(found.tensors.iter().all(|(old, new)| old == new));
    }

    #[test]
    fn every_node_is_accounted_for_once(gone in 0_usize..7, other in 0_usize..7) {
        let mut after = network();
        let dropped = after.nodes.remove(gone);
        let replacement = dropped.inputs[0].clone();
        for node in &mut after.nodes {
            node.inputs.iter_mut().filter(|input| dropped.outputs.contains(input)).for_each(|input| input.clone_from(&replacement));
        }
        after.outputs.iter_mut().filter(|output| dropped.outputs.contains(&output.name)).for_each(|output| output.name.clone_from(&replacement));
        if let Some(node) = after.nodes.get_mut(other) {
            node.operator = "Identity".into();
        }
        let found = compare(&network(), &after).expect("both are graphs");
        prop_assert_eq!(found.pairs.len() + found.added.len(), after.nodes.len());
        prop_assert_eq!(found.pairs.len() + found.removed.len(), 7);
        prop_assert!(!found.is_same());
    }
}

/// Twins are told apart by nothing, so it does not matter which of them is taken for which.
#[test]
fn twins_in_another_order_are_no_change() {
    let twins = |order: [usize; 4]| {
        let nodes = [
            Node::new("", "Relu", &["image"], &["a"]),
            Node::new("", "Relu", &["image"], &["b"]),
            Node::new("", "Neg", &["a"], &["c"]),
            Node::new("", "Neg", &["b"], &["d"]),
        ];
        let nodes = order.map(|place| nodes[place].clone()).to_vec();
        Graph { inputs: vec![value("image")], nodes, ..Graph::default() }
    };
    let (before, after) = (twins([0, 1, 2, 3]), twins([1, 0, 2, 3]));
    let found = compare(&before, &after).expect("both are graphs");
    assert!(found.is_same(), "{}", show(&before, &after, &found));
}
