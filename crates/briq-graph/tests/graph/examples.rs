//! Which networks compute the examples of a batch apart.

use briq_graph::examples::apart;
use briq_graph::{Attribute, Dim, ElementType, Graph, Initializer, Node, Value};

fn batch(of: &[usize]) -> Vec<Dim> {
    std::iter::once(Dim::Dynamic("batch".into())).chain(of.iter().map(|&length| Dim::Fixed(length))).collect()
}

/// A network from `x` to `y` with these nodes, and constants by name and shape.
fn network(example: &[usize], nodes: Vec<Node>, constants: &[(&str, &[usize])]) -> Graph {
    let constant = |(name, shape): &(&str, &[usize])| {
        Initializer::from_f32(*name, shape.to_vec(), &vec![0.5; shape.iter().product()])
    };
    let mut graph = Graph {
        opset: 17,
        inputs: vec![Value::new("x", ElementType::F32, batch(example))],
        nodes,
        initializers: constants.iter().map(constant).collect(),
        ..Graph::default()
    };
    graph.outputs.push(Value::new("y", ElementType::F32, Vec::new()));
    let shapes = briq_graph::shape::infer(&graph).expect("the shapes fit");
    graph.outputs = vec![shapes["y"].clone()];
    graph
}

fn node(operator: &str, inputs: &[&str], output: &str) -> Node {
    Node::new(output, operator, inputs, &[output])
}

fn are_apart(graph: &Graph) -> bool {
    apart(graph).is_some()
}

/// A single node of `x`, and of constants.
fn alone(example: &[usize], node: Node, constants: &[(&str, &[usize])]) -> bool {
    are_apart(&network(example, vec![node], constants))
}

#[test]
fn a_convolutional_network_computes_images_apart() {
    let nodes = vec![
        node("Conv", &["x", "w"], "a"),
        node("Relu", &["a"], "b"),
        node("GlobalAveragePool", &["b"], "c"),
        node("HardSigmoid", &["c"], "d"),
        node("Mul", &["b", "d"], "e"),
        node("Flatten", &["e"], "f"),
        node("Gemm", &["f", "v", "bias"], "g"),
        node("Softmax", &["g"], "y").with("axis", Attribute::Int(1)),
    ];
    let constants: [(&str, &[usize]); 3] = [("w", &[4, 3, 3, 3]), ("v", &[4 * 6 * 6, 5]), ("bias", &[5])];
    let graph = network(&[3, 8, 8], nodes, &constants);
    let names = apart(&graph).expect("it does");
    assert_eq!(names, ["x", "a", "b", "c", "d", "e", "f", "g", "y"].map(str::to_owned).into());
}

#[test]
fn what_mixes_examples_is_noticed() {
    let axis = |node: Node, axis: i64| node.with("axis", Attribute::Int(axis));
    let ints = |node: Node, name: &str, values: Vec<i64>| node.with(name, values);
    let x = [4, 6];
    assert!(alone(&x, axis(node("Softmax", &["x"], "y"), -1), &[]));
    assert!(!alone(&x, axis(node("Softmax", &["x"], "y"), 0), &[]), "over the examples");
    assert!(!alone(&x, axis(node("Softmax", &["x"], "y"), -3), &[]), "over the examples");
    assert!(alone(&x, ints(node("ReduceMean", &["x"], "y"), "axes", vec![-1, 1]), &[]));
    assert!(!alone(&x, ints(node("ReduceMean", &["x"], "y"), "axes", vec![0, 1]), &[]), "a mean of examples");
    assert!(!alone(&x, node("ReduceMean", &["x"], "y"), &[]), "a mean of everything");
    assert!(alone(&x, ints(node("Transpose", &["x"], "y"), "perm", vec![0, 2, 1]), &[]));
    assert!(!alone(&x, ints(node("Transpose", &["x"], "y"), "perm", vec![1, 0, 2]), &[]), "the batch moves");
    assert!(!alone(&x, node("Transpose", &["x"], "y"), &[]), "the batch becomes the last axis");
    assert!(alone(&x, node("Add", &["x", "c"], "y"), &[("c", &[4, 6])]));
    assert!(alone(&x, node("Add", &["x", "c"], "y"), &[("c", &[1, 4, 1])]));
    assert!(!alone(&x, node("Add", &["x", "c"], "y"), &[("c", &[3, 4, 6])]), "another number for each example");
    assert!(!alone(&x, node("Add", &["x", "c"], "y"), &[("c", &[3, 1, 4, 6])]), "the batch becomes the second axis");
    assert!(alone(&x, axis(node("Concat", &["x", "x"], "y"), 2), &[]));
    assert!(!alone(&x, axis(node("Concat", &["x", "x"], "y"), 0), &[]), "twice as many examples");
    assert!(!alone(&x, axis(node("Flatten", &["x"], "y"), 0), &[]), "the batch is no axis any more");
    assert!(alone(&x, node("MatMul", &["x", "c"], "y"), &[("c", &[6, 2])]));
    assert!(!alone(&[6], node("MatMul", &["c", "x"], "y"), &[("c", &[2, 5])]), "sums over examples");
    assert!(!alone(&x, node("CumSum", &["x", "zero"], "y"), &[("zero", &[])]), "an operator that shows nothing");
}

#[test]
fn numbers_of_an_example_may_be_arranged_anew() {
    let reshaped = |to: &[i64]| {
        let mut graph = network(&[4, 6], vec![node("Identity", &["x"], "y")], &[]);
        graph.nodes = vec![node("Reshape", &["x", "to"], "y")];
        graph.initializers = vec![Initializer::from_i64("to", vec![to.len()], to)];
        are_apart(&graph)
    };
    assert!(reshaped(&[0, 24]) && reshaped(&[-1, 24]) && reshaped(&[-1, 2, 12]) && reshaped(&[0, -1]));
    assert!(!reshaped(&[-1, 12]), "two rows for each example");
    assert!(!reshaped(&[24, -1]) && !reshaped(&[-1]));
}

#[test]
fn inputs_and_outputs_are_batches() {
    let mut fixed = network(&[4], vec![node("Relu", &["x"], "y")], &[]);
    assert!(are_apart(&fixed));
    fixed.inputs[0].shape[0] = Dim::Fixed(8);
    assert!(!are_apart(&fixed), "an export for eight examples may mean anything by eight");
    let mut two = network(&[4], vec![node("Add", &["x", "z"], "y")], &[("z", &[4])]);
    two.initializers.clear();
    two.inputs.push(Value::new("z", ElementType::F32, batch(&[4])));
    assert!(are_apart(&two));
    two.inputs[1].shape[0] = Dim::Dynamic("other".into());
    assert!(!are_apart(&two), "another batch");
    let mut constant = network(&[4], vec![node("Relu", &["x"], "y")], &[("c", &[1, 4])]);
    constant.outputs.push(Value::new("c", ElementType::F32, vec![Dim::Fixed(1), Dim::Fixed(4)]));
    assert!(!are_apart(&constant), "an output that is there once");
}
