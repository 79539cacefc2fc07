//! What exporters wrote: how many nodes the passes leave, and whether the same comes out.
//!
//! The models were written by `exports/torch_models.py` (PyTorch 1.13) and `exports/keras_models.py` (Keras 3 by tf2onnx).

use std::collections::BTreeMap;

use briq_graph::pass::{Pass, optimize};
use briq_graph::{Graph, onnx};
use expect_test::{Expect, expect};

use super::peer::Peer;

/// How far from what it was a result may be, against the largest one.
const TOLERANCE: f64 = 1e-5;

fn counted(graph: &Graph) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for node in &graph.nodes {
        let domain = if node.domain.is_empty() { "" } else { "briq." };
        *counts.entry(format!("{domain}{}", node.operator)).or_default() += 1;
    }
    counts.iter().map(|(operator, count)| format!(", {operator} {count}")).collect()
}

fn check(model: &[u8], expected: &Expect) {
    let Some(mut peer) = Peer::start() else { return };
    let before = onnx::decode(model).unwrap();
    let (exact, _) = optimize(
        before.clone(),
        &[Pass::Dead, Pass::Learning, Pass::Shapes, Pass::Constants, Pass::Identities, Pass::Duplicates],
        &mut peer,
    )
    .unwrap();
    let (after, report) = optimize(before.clone(), Pass::INFERENCE, &mut peer).unwrap();
    let (from, to) = report.nodes().unwrap();
    expected.assert_eq(&format!("{from} -> {} -> {to}{}", exact.nodes.len(), counted(&after)));
    assert_eq!((&after.inputs, &after.outputs), (&before.inputs, &before.outputs));
    for graph in [&exact, &after] {
        let difference = peer.compare(&before, graph);
        assert!(difference <= TOLERANCE, "the results differ by {difference}");
    }
    let (trained, _) = optimize(before.clone(), Pass::TRAINING, &mut peer).unwrap();
    assert!(peer.compare(&before, &trained) <= TOLERANCE);
}

#[test]
fn a_residual_network_of_pytorch() {
    check(
        include_bytes!("../exports/torch_resnet.onnx"),
        &expect!["17 -> 17 -> 10, Conv 1, Flatten 1, GlobalAveragePool 1, MaxPool 1, briq.Conv 5, briq.Gemm 1"],
    );
}

#[test]
fn an_inverted_residual_network_of_pytorch() {
    check(
        include_bytes!("../exports/torch_mobilenet.onnx"),
        &expect!["25 -> 21 -> 11, GlobalAveragePool 1, Mul 1, ReduceMean 1, briq.Conv 6, briq.Gemm 2"],
    );
}

#[test]
fn a_transformer_layer_of_pytorch() {
    check(
        include_bytes!("../exports/torch_transformer.onnx"),
        &expect![
            "133 -> 56 -> 25, Add 1, Concat 1, Gather 2, LayerNormalization 2, Reshape 2, Shape 1, Slice 3, Transpose 6, Unsqueeze 2, briq.Attention 1, briq.Gemm 4"
        ],
    );
}

#[test]
fn attention_by_hand_with_a_mask_of_pytorch() {
    check(
        include_bytes!("../exports/torch_attention.onnx"),
        &expect![
            "119 -> 54 -> 12, LayerNormalization 2, Mul 1, Split 1, Sub 1, Unsqueeze 2, briq.Attention 1, briq.Gemm 4"
        ],
    );
}

#[test]
fn a_recurrent_network_of_pytorch() {
    check(
        include_bytes!("../exports/torch_lstm.onnx"),
        &expect![
            "38 -> 17 -> 17, Concat 1, ConstantOfShape 1, Gather 2, LSTM 2, Reshape 2, Shape 1, Slice 2, Transpose 4, Unsqueeze 1, briq.Gemm 1"
        ],
    );
}

#[test]
fn a_convolutional_network_of_keras() {
    check(
        include_bytes!("../exports/keras_cnn.onnx"),
        &expect![
            "24 -> 24 -> 18, Add 2, GlobalAveragePool 1, Mul 4, Pow 1, Softmax 1, Squeeze 1, Tanh 1, Transpose 3, briq.Conv 3, briq.Gemm 1"
        ],
    );
}

#[test]
fn a_transformer_layer_of_keras() {
    check(
        include_bytes!("../exports/keras_transformer.onnx"),
        &expect![
            "110 -> 72 -> 14, Add 1, Gelu 1, LayerNormalization 2, Reshape 4, Split 1, briq.Attention 1, briq.Gemm 4"
        ],
    );
}
