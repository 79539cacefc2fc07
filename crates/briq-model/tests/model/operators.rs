//! The operators agree between backends, on graphs that use each family.

use briq_engine::Engine as _;
use briq_graph::{Dim, ElementType, Graph, Initializer, Node, Value};
use briq_model::{Backend, BurnEngine, ModelErrorKind, operators};

use crate::backends::each;

fn value(name: &str, lengths: &[usize]) -> Value {
    let dims = std::iter::once(Dim::Dynamic("batch".into())).chain(lengths.iter().map(|&length| Dim::Fixed(length)));
    Value::new(name, ElementType::F32, dims.collect())
}

fn graph(nodes: Vec<Node>, initializers: Vec<Initializer>, input: &[usize], output: &[usize]) -> Graph {
    Graph {
        name: "case".into(),
        opset: 18,
        inputs: vec![value("x", input)],
        outputs: vec![value("y", output)],
        nodes,
        initializers,
        ..Graph::default()
    }
}

/// Numbers without a pattern that a wrong stride or order could hide behind.
fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|index| ((index * 37 + 11) % 101) as f32 / 50.0 - 1.0).collect()
}

fn agree(graph: &Graph, features: &[f32], rows: usize) -> Vec<f32> {
    let answer = |backend: Backend| {
        let engine = BurnEngine::new(graph, backend, |_| unreachable!("every value is in the graph")).unwrap();
        engine.answer(features, rows).unwrap()
    };
    let reference = answer(Backend::Flex);
    for backend in each() {
        for (index, (left, right)) in reference.iter().zip(answer(backend)).enumerate() {
            assert!(
                (left - right).abs() <= 1e-4 + 1e-4 * left.abs(),
                "{backend}: element {index} is {right}, not {left}"
            );
        }
    }
    reference
}

/// An operator and what it computes.
type Case = (&'static str, fn(f64) -> f64);

#[test]
fn unary_functions_have_their_values() {
    let cases: [Case; 10] = [
        ("Relu", |x| x.max(0.0)),
        ("Tanh", f64::tanh),
        ("Sigmoid", |x| 1.0 / (1.0 + (-x).exp())),
        ("Elu", |x| if x > 0.0 { x } else { x.exp() - 1.0 }),
        ("LeakyRelu", |x| if x > 0.0 { x } else { 0.01 * x }),
        ("Exp", f64::exp),
        ("Neg", |x| -x),
        ("Abs", f64::abs),
        ("Identity", |x| x),
        ("Reciprocal", |x| 1.0 / x),
    ];
    let features = numbers(12);
    for (operator, function) in cases {
        let graph = graph(vec![Node::new("node", operator, &["x"], &["y"])], Vec::new(), &[6], &[6]);
        for (x, y) in features.iter().zip(agree(&graph, &features, 2)) {
            let expected = function(f64::from(*x));
            assert!(
                (f64::from(y) - expected).abs() < 1e-4 * expected.abs().max(1.0),
                "{operator}({x}) is {expected}, not {y}"
            );
        }
    }
}

#[test]
fn a_convolution_pads_strides_and_adds_its_bias() {
    let conv =
        Node::new("conv", "Conv", &["x", "w", "b"], &["y"]).with("strides", vec![2, 1]).with("pads", vec![1, 0, 0, 1]);
    let weights = Initializer::from_f32("w", vec![2, 1, 2, 2], &[1.0, 2.0, 3.0, 4.0, -1.0, 0.5, 0.0, 1.0]);
    let bias = Initializer::from_f32("b", vec![2], &[0.5, -0.5]);
    let graph = graph(vec![conv], vec![weights, bias], &[1, 3, 3], &[2, 2, 3]);
    let x: Vec<f32> = (1..=9).map(|n| n as f32).collect();
    let y = agree(&graph, &x, 1);
    assert_eq!(y.len(), 12);
    // first row of windows hangs over the top edge: only the kernel's lower row meets the picture
    assert!((y[0] - (0.5 + 3.0 * 1.0 + 4.0 * 2.0)).abs() < 1e-5, "{y:?}");
    assert!((y[2] - (0.5 + 3.0 * 3.0)).abs() < 1e-5, "{y:?}");
    assert!((y[3] - (0.5 + 4.0 + 2.0 * 5.0 + 3.0 * 7.0 + 4.0 * 8.0)).abs() < 1e-5, "{y:?}");
}

#[test]
fn pooling_normalisation_and_shapes_agree() {
    let nodes = vec![
        Node::new("pool", "MaxPool", &["x"], &["p"]).with("kernel_shape", vec![2, 2]).with("strides", vec![2, 2]),
        Node::new("norm", "BatchNormalization", &["p", "scale", "bias", "mean", "var"], &["n"]),
        Node::new("turn", "Transpose", &["n"], &["t"]).with("perm", vec![0, 2, 3, 1]),
        Node::new("flat", "Flatten", &["t"], &["f"]),
        Node::new("soft", "Softmax", &["f"], &["y"]),
    ];
    let initializers = vec![
        Initializer::from_f32("scale", vec![2], &[1.5, 0.5]),
        Initializer::from_f32("bias", vec![2], &[0.1, -0.1]),
        Initializer::from_f32("mean", vec![2], &[0.2, 0.0]),
        Initializer::from_f32("var", vec![2], &[0.9, 1.1]),
    ];
    let graph = graph(nodes, initializers, &[2, 4, 4], &[8]);
    let y = agree(&graph, &numbers(64), 2);
    for row in y.chunks(8) {
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
    }
}

#[test]
fn rejects_an_unknown_operator_by_node_and_name() {
    let graph = graph(vec![Node::new("odd", "Teleport", &["x"], &["y"])], Vec::new(), &[2], &[2]);
    let error = BurnEngine::new(&graph, Backend::Flex, |_| unreachable!()).err().unwrap();
    assert_eq!(error.kind(), ModelErrorKind::Unsupported);
    let text = error.to_string();
    assert!(text.contains("odd") && text.contains("Teleport"), "{text}");
}

#[test]
fn rejects_what_does_not_fit_by_node() {
    let weight = || vec![Initializer::from_f32("w", vec![4, 2], &[0.0; 8])];
    let axes = || vec![Initializer::from_i64("w", vec![1], &[7])];
    let cases = [
        ("MatMul", &["x", "w"][..], weight()),
        ("Add", &["x", "w"], weight()),
        ("Conv", &["x", "w"], weight()),
        ("Gemm", &["x"], Vec::new()),
        ("BatchNormalization", &["x"], Vec::new()),
        ("Concat", &["x", "w"], weight()),
        ("Gather", &["x", "w"], axes()),
        ("Squeeze", &["x", "w"], axes()),
        ("Reshape", &["x", "w"], axes()),
        ("InstanceNormalization", &["x", "w", "w"], weight()),
        ("GridSample", &["x", "w"], weight()),
        ("LSTM", &["x", "w", "w"], weight()),
        ("ScatterND", &["x", "w", "x"], axes()),
        ("Attention", &["x", "x", "x"], Vec::new()),
        ("If", &["x"], Vec::new()),
    ];
    for (operator, inputs, initializers) in cases {
        let graph = graph(vec![Node::new("odd", operator, inputs, &["y"])], initializers, &[3], &[3]);
        let engine = BurnEngine::new(&graph, Backend::Flex, |_| unreachable!()).unwrap();
        let error = engine.answer(&[1.0; 6], 2).expect_err(operator);
        // A product is fused by the time that it runs, under the name of its node.
        assert!(error.to_string().starts_with("cannot run node `odd` ("), "{operator}: {error}");
        assert!(std::error::Error::source(&error).is_some(), "{operator}");
    }
}

#[test]
fn rejects_features_that_do_not_fill_the_input() {
    let graph = graph(vec![Node::new("node", "Relu", &["x"], &["y"])], Vec::new(), &[3], &[3]);
    let engine = BurnEngine::new(&graph, Backend::Flex, |_| unreachable!()).unwrap();
    let text = engine.answer(&[1.0, 2.0], 1).unwrap_err().to_string();
    assert!(text.contains("2 numbers") && text.contains("[1, 3]"), "{text}");
    assert_eq!(engine.inputs()[0].shape, [-1, 3]);
}

#[test]
fn operators_are_sorted_and_unique() {
    let all = operators();
    assert!(all.is_sorted() && all.windows(2).all(|pair| pair[0] != pair[1]));
    assert!(all.contains(&("ai.onnx", "Conv")) && all.contains(&("ai.onnx.ml", "Binarizer")));
}
