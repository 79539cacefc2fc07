//! Whole packages side by side.

use briq_diff::{Difference, State, compare, picture, text};
use briq_graph::{Graph, Initializer, Node};
use briq_spec::{Manifest, TensorSpec};
use expect_test::{Expect, expect};

use crate::samples::{network, package};

/// The difference between the sample and a changed one, which is 1.1.0.
fn difference(change: impl FnOnce(&mut Graph, &mut Manifest)) -> Difference {
    let folder = tempfile::tempdir().unwrap();
    let before = package(folder.path(), &network(), |_| {});
    let (mut graph, mut manifest) = (network(), before.manifest().clone());
    manifest.version = "1.1.0".parse().unwrap();
    change(&mut graph, &mut manifest);
    let after = package(folder.path(), &graph, |fresh| {
        manifest.entries.clear();
        *fresh = manifest;
    });
    compare(&before, &after).unwrap()
}

/// The text without the headings, whose digests say nothing to a reader.
fn check(change: impl FnOnce(&mut Graph, &mut Manifest), expected: Expect) {
    let text = text(&difference(change), false);
    let body: Vec<&str> = text.lines().skip(3).collect();
    expected.assert_eq(&format!("{}\n", body.join("\n")));
}

fn numbers(tensor: &mut Initializer, change: impl Fn(usize, f32) -> f32) {
    let bytes = tensor.inline().unwrap().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
    let changed: Vec<f32> = bytes.enumerate().map(|(at, number)| change(at, number)).collect();
    *tensor = Initializer::from_f32(tensor.name.clone(), tensor.shape.clone(), &changed);
}

#[test]
fn a_package_does_not_differ_from_itself() {
    let folder = tempfile::tempdir().unwrap();
    let one = package(folder.path(), &network(), |_| {});
    let found = compare(&one, &one).unwrap();
    assert!(found.same && found.structure.is_same() && found.metadata.is_empty() && found.entries.is_empty());
    assert!(found.tensors.iter().all(|tensor| tensor.state == State::Same));
    assert!(text(&found, false).ends_with("\nthe packages are the same\n"));
}

#[test]
fn a_training_that_went_on_changes_numbers_and_nothing_else() {
    check(
        |graph, manifest| {
            numbers(&mut graph.initializers[0], |_, number| number * 1.01);
            numbers(&mut graph.initializers[2], |at, number| if at == 3 { number + 2.0 } else { number });
            manifest.metrics.insert("test.accuracy".into(), 0.95);
            manifest.metrics.insert("test.f1".into(), 0.5);
            manifest.description = Some("digits, better".into());
        },
        expect![[r#"
            metadata
              description  ·      →  digits, better
              version      1.0.0  →  1.1.0

            signature: the same, a patch is enough

            structure: the same 3 nodes

            tensors: 1 the same, 2 not
              tensor          form         differ   largest  norm     relative
              dense_2.weight  F32[4, 2]    12.50 %  2.000    2.000    135.22 %
              dense_1.weight  F32[4, 4]    93.75 %  0.01875  0.04402  1.00 %

            metrics
              test.accuracy  0.900000  →  0.950000  +0.050000
              test.f1        ·         →  0.500000

            entries: 1 differ, 911 B → 911 B
              ~  weights-00001-of-00001.safetensors  368 B
        "#]],
    );
}

#[test]
fn another_network_is_told_node_by_node() {
    check(
        |graph, manifest| {
            graph.nodes[1].operator = "Tanh".into();
            graph.nodes.push(Node::new("softmax", "Softmax", &["logits"], &["output"]));
            graph.nodes[2].outputs[0] = "logits".into();
            graph.nodes[2].inputs.push("dense_2.bias".into());
            graph.initializers.push(Initializer::from_f32("dense_2.bias", vec![2], &[0.0, 1.0]));
            graph.initializers[0] = Initializer::from_f32("dense_1.weight", vec![4, 2], &[0.0; 8]);
            let first = manifest.signature.outputs[0].clone();
            manifest.signature.outputs.push(TensorSpec { name: "logits".into(), ..first });
        },
        expect![[r#"
            metadata
              version  1.0.0  →  1.1.0

            signature: demands a minor version, 1.1.0 or later after 1.0.0
              minor  output logits FP32 [?, 10] is new

            structure: 0 nodes the same, 1 added, 0 removed, 3 changed
              +  softmax  Softmax
              ~  dense_1  Gemm     input 1 was F32[4, 4] and is F32[4, 2]
              ~  relu     Tanh     operator was Relu and is Tanh
              ~  dense_2  Gemm     input 2 was absent and is F32[2]
              ~                    output `output` was node `dense_2` (Gemm) and is node `softmax` (Softmax)

            tensors: 2 the same, 2 not
              tensor          form                             differ  largest  norm  relative
              dense_2.bias    F32[2]                 added
              dense_1.weight  F32[4, 4] → F32[4, 2]  reshaped

            metrics
              test.accuracy  0.900000  →  0.900000

            entries: 2 differ, 911 B → 1.07 KiB
              ~  model.onnx                          543 B → 692 B
              ~  weights-00001-of-00001.safetensors  368 B → 408 B
        "#]],
    );
}

#[test]
fn renaming_is_no_change_of_numbers() {
    let found = difference(|graph, _| {
        graph.initializers[0].name = "onnx::Gemm_12".into();
        graph.nodes[0].inputs[1] = "onnx::Gemm_12".into();
        graph.nodes[0].name = "/layers/0/Gemm".into();
    });
    assert!(found.structure.is_same(), "{:?}", found.structure);
    assert_eq!(found.changed_tensors().count(), 0);
    assert_eq!(found.tensors[0].renamed_from.as_deref(), Some("dense_1.weight"));
}

#[test]
fn a_long_section_is_cut_unless_all_is_asked_for() {
    let many = |graph: &mut Graph| {
        for number in 0..30 {
            let name = format!("extra_{number:02}");
            graph.nodes.push(Node::new(&*name, "Add", &["positive", &name], &[&format!("sum_{number}")]));
            graph.initializers.push(Initializer::from_f32(name, vec![1], &[0.0]));
        }
    };
    let found = difference(|graph, _| many(graph));
    let (short, long) = (text(&found, false), text(&found, true));
    assert!(short.contains("… 10 more: --all shows them") && !short.contains("extra_29  F32[1]"), "{short}");
    assert!(!long.contains("more: --all") && long.contains("extra_29"), "{long}");
}

#[test]
fn json_has_every_figure() {
    let found = difference(|graph, _| numbers(&mut graph.initializers[1], |_, number| number + 1.0));
    let json = serde_json::to_value(&found).unwrap();
    let tensor = &json["tensors"][1];
    let expected = expect![[
        r#"{"after":{"element":"F32","shape":[4]},"before":{"element":"F32","shape":[4]},"changed":4,"elements":4,"fraction":1.0,"largest":1.0,"name":"dense_1.bias","norm":2.0,"norm_before":0.46770717334674267,"not_finite":0,"relative":4.27617987059879,"state":"changed"}"#
    ]];
    expected.assert_eq(&tensor.to_string());
    assert_eq!((&json["signature"]["bump"], &json["structure"]["same"]), (&"patch".into(), &3.into()));
}

#[test]
fn rejects_a_damaged_shard() {
    let folder = tempfile::tempdir().unwrap();
    let before = package(folder.path(), &network(), |_| {});
    let mut graph = network();
    numbers(&mut graph.initializers[2], |_, number| number + 0.123);
    let after = package(folder.path(), &graph, |manifest| manifest.version = "1.1.0".parse().unwrap());
    let path = folder.path().join("digits-1.1.0.briq");
    drop(after);
    let mut bytes = std::fs::read(&path).unwrap();
    let shard = bytes.windows(4).position(|four| four == 0.123_f32.to_le_bytes()).unwrap();
    bytes[shard] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let after = briq_package::Package::open(&path).unwrap();
    let error = compare(&before, &after).unwrap_err();
    assert_eq!(error.to_string(), "cannot compare the packages");
}

#[test]
fn rejects_a_tensor_outside_of_its_shard() {
    let folder = tempfile::tempdir().unwrap();
    let before = package(folder.path(), &network(), |_| {});
    let mut graph = network();
    let bytes = graph.initializers[0].inline().unwrap().to_vec();
    graph.initializers[0].data = briq_graph::Data::External {
        location: "weights-00001-of-00001.safetensors".into(),
        offset: 1 << 20,
        length: 64,
    };
    let mut manifest = before.manifest().clone();
    manifest.entries.clear();
    manifest.version = "1.1.0".parse().unwrap();
    let mut draft = briq_package::Draft::new(manifest);
    draft.add_bytes("model.onnx".parse().unwrap(), briq_graph::onnx::encode(&graph).unwrap()).unwrap();
    draft.add_bytes("weights-00001-of-00001.safetensors".parse().unwrap(), bytes).unwrap();
    let path = folder.path().join("bent.briq");
    draft.write(&path).unwrap();
    let error = compare(&before, &briq_package::Package::open(&path).unwrap()).unwrap_err();
    assert!(error.to_string().contains("tensor `dense_1.weight` of digits 1.1.0: it lies outside"), "{error}");
}

/// A picture is well-formed, and no name in a package becomes markup.
#[test]
fn the_picture_is_plain_whatever_names_there_are() {
    let found = difference(|graph, _| {
        graph.nodes[1].name = "</text><script>alert(1)</script>".into();
        graph.nodes[1].operator = "Tanh".into();
        graph.initializers[0].name = "a\"b&c<d>".into();
        graph.nodes[0].inputs[1] = "a\"b&c<d>".into();
        numbers(&mut graph.initializers[0], |_, number| number * 2.0);
    });
    let svg = picture(&found);
    assert!(svg.starts_with("<svg xmlns=") && svg.ends_with("</svg>\n"));
    assert!(!svg.contains("<script") && svg.contains("a&quot;b&amp;c&lt;d&gt;"), "{svg}");
    assert_eq!(svg.matches("<g>").count(), found.tensors.len(), "a bar for each tensor");
}
