//! Keras files.

use crate::{numbers, sample};

/// The network of every sample: one dense layer with a rectifier.
#[test]
fn every_container_gives_the_same_network() {
    for name in ["tiny.h5", "tiny.keras", "chunked.h5", "latest.h5"] {
        let graph = briq_import::keras::read(&sample(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(numbers(&graph, "dense.kernel"), [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], "{name}");
        assert_eq!(numbers(&graph, "dense.bias"), [1.0, 2.0, 3.0], "{name}");
        let operators: Vec<_> = graph.nodes.iter().map(|node| node.operator.as_str()).collect();
        assert_eq!(operators, ["Gemm", "Relu"], "{name}");
        assert_eq!(graph.inputs[0].to_string(), "x F32[batch, 2]", "{name}");
        assert_eq!(graph.outputs[0].to_string(), "dense F32[batch, 3]", "{name}");
    }
}

/// A sample whose configuration says something else, of the same length.
fn changed(from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = sample("tiny.h5");
    let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).expect("it is there");
    bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    bytes
}

#[test]
fn rejects_a_layer_that_is_not_carried_by_name() {
    let error = briq_import::keras::read(&changed("\"Dense\"", "\"Danse\"")).expect_err("there is no such layer");
    assert!(error.is_unsupported());
    assert_eq!(error.to_string(), "layer `dense` is of class `Danse`, which is not carried");
    assert!(error.hint().is_some_and(|hint| hint.contains("tf2onnx")));
}

#[test]
fn rejects_an_activation_that_is_not_carried() {
    let error = briq_import::keras::read(&changed("\"relu\"", "\"rely\"")).expect_err("there is no such function");
    assert!(error.to_string().contains("layer `dense` (Dense)"), "{error}");
}

#[test]
fn rejects_weights_that_do_not_fit_the_configuration() {
    let error = briq_import::keras::read(&changed("\"units\": 3", "\"units\": 4")).expect_err("it has three");
    assert!(error.to_string().contains("[2, 3]"), "{error}");
}
