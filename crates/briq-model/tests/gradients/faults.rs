//! What gets no gradient: frozen parameters, and operators that let none through.

use briq_graph::onnx::Datum;
use briq_graph::{Dim, ElementType, Graph, Initializer, Node, Value};
use briq_model::{Backend, Gradients, ModelError, Objective, gradients};
use briq_spec::recipe::Loss;

/// `x · weight`, then other nodes.
fn graph(nodes: Vec<Node>, more: Vec<Initializer>) -> Graph {
    let value = |name: &str| Value::new(name, ElementType::F32, vec![Dim::Fixed(2), Dim::Fixed(2)]);
    let weight = Initializer::from_f32("weight", vec![2, 2], &[0.5, -1.0, 2.0, 0.25]);
    Graph {
        opset: 18,
        inputs: vec![value("x")],
        outputs: vec![value("y")],
        nodes: [vec![Node::new("product", "MatMul", &["x", "weight"], &["z"])], nodes].concat(),
        initializers: [vec![weight], more].concat(),
        ..Graph::default()
    }
}

fn slopes(graph: &Graph, frozen: &[String]) -> Result<Gradients, ModelError> {
    let x = Datum::Tensor(Initializer::from_f32("x", vec![2, 2], &[1.0, 2.0, -0.5, 3.0]));
    let objective = Objective { loss: Loss::Mse, target: &[0.0, 1.0, 2.0, 3.0], frozen, seed: 0 };
    gradients(graph, Backend::Flex, vec![x], &objective)
}

fn normalized() -> Graph {
    let vector = |name: &str, numbers: [f32; 2]| Initializer::from_f32(name, vec![2], &numbers);
    let inputs = ["z", "scale", "shift", "mean", "variance"];
    let statistics = vec![
        vector("scale", [1.0, 2.0]),
        vector("shift", [0.0, 0.5]),
        vector("mean", [0.1, 0.2]),
        vector("variance", [1.5, 0.5]),
    ];
    graph(vec![Node::new("norm", "BatchNormalization", &inputs, &["y"])], statistics)
}

#[test]
fn a_node_that_lets_no_gradient_through_is_named() {
    let error = slopes(&graph(vec![Node::new("bend", "Shrink", &["z"], &["y"])], Vec::new()), &[]).unwrap_err();
    assert_eq!(super::told(error), "cannot run node `bend` (Shrink): no gradient flows through this operator");
}

#[test]
fn frozen_parameters_get_no_gradient() {
    let found = slopes(&normalized(), &["scale".to_owned()]).unwrap();
    assert_eq!(found.parameters.keys().collect::<Vec<_>>(), ["shift", "weight"]);
    let all = ["scale", "shift", "weight"].map(str::to_owned);
    assert!(slopes(&normalized(), &all).unwrap_err().to_string().contains("no parameter that is trained"));
}

#[test]
fn frozen_running_statistics_are_used_instead_of_the_batch() {
    let moving = slopes(&normalized(), &[]).unwrap();
    assert_eq!(moving.statistics.keys().collect::<Vec<_>>(), ["mean", "variance"]);
    let still = slopes(&normalized(), &["mean", "variance"].map(str::to_owned)).unwrap();
    assert!(still.statistics.is_empty());
    assert_ne!(moving.loss, still.loss);
}

#[test]
fn rejects_a_target_of_another_length() {
    let objective = Objective { loss: Loss::Mse, target: &[0.0], frozen: &[], seed: 0 };
    let x = Datum::Tensor(Initializer::from_f32("x", vec![2, 2], &[0.0; 4]));
    let error = gradients(&normalized(), Backend::Flex, vec![x], &objective).unwrap_err();
    assert!(error.to_string().contains("1 numbers for an output of shape [2, 2]"), "{error}");
}
