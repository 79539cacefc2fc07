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
    counts.iter().map(|(operator, count)| format!("{operator} {count}")).collect::<Vec<_>>().join(", ")
}

fn check(model: &[u8], expected: &Expect) {
    let Some(mut peer) = Peer::start() else { return };
    let before = onnx::decode(model).unwrap();
    let exact: Vec<Pass> = Pass::INFERENCE.iter().copied().filter(|pass| pass.is_exact()).collect();
    let (exact, _) = optimize(before.clone(), &exact, &mut peer).unwrap();
    let (after, report) = optimize(before.clone(), Pass::INFERENCE, &mut peer).unwrap();
    let (from, to) = report.nodes().unwrap();
    expected.assert_eq(&format!("{from} -> {} -> {to}\n{}\n", exact.nodes.len(), counted(&after)));
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
        &expect![[r#"
            17 -> 17 -> 10
            Conv 1, Flatten 1, GlobalAveragePool 1, MaxPool 1, briq.Conv 5, briq.Gemm 1
        "#]],
    );
}

#[test]
fn an_inverted_residual_network_of_pytorch() {
    check(
        include_bytes!("../exports/torch_mobilenet.onnx"),
        &expect![[r#"
            23 -> 21 -> 11
            GlobalAveragePool 1, Mul 1, ReduceMean 1, briq.Conv 6, briq.Gemm 2
        "#]],
    );
}

#[test]
fn a_transformer_layer_of_pytorch() {
    check(
        include_bytes!("../exports/torch_transformer.onnx"),
        &expect![[r#"
            133 -> 56 -> 10
            LayerNormalization 2, Slice 3, briq.Attention 1, briq.Gemm 4
        "#]],
    );
}

#[test]
fn attention_by_hand_with_a_mask_of_pytorch() {
    check(
        include_bytes!("../exports/torch_attention.onnx"),
        &expect![[r#"
            119 -> 54 -> 12
            LayerNormalization 2, Mul 1, Split 1, Sub 1, Unsqueeze 2, briq.Attention 1, briq.Gemm 4
        "#]],
    );
}

#[test]
fn a_recurrent_network_of_pytorch() {
    check(
        include_bytes!("../exports/torch_lstm.onnx"),
        &expect![[r#"
            38 -> 10 -> 10
            Gather 1, LSTM 2, Reshape 2, Transpose 4, briq.Gemm 1
        "#]],
    );
}

#[test]
fn a_convolutional_network_of_keras() {
    check(
        include_bytes!("../exports/keras_cnn.onnx"),
        &expect![[r#"
            24 -> 22 -> 8
            GlobalAveragePool 1, Softmax 1, Squeeze 1, Transpose 1, briq.Conv 3, briq.Gemm 1
        "#]],
    );
}

#[test]
fn a_transformer_layer_of_keras() {
    check(
        include_bytes!("../exports/keras_transformer.onnx"),
        &expect![[r#"
            110 -> 72 -> 8
            LayerNormalization 2, Split 1, briq.Attention 1, briq.Gemm 4
        "#]],
    );
}
