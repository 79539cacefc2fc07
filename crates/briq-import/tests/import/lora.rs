//! Adapters of `peft`: which parameter each module changes, how, and what is refused.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use briq_graph::{ElementType, Graph, Initializer, Node, weights};
use briq_import::ImportError;
use briq_import::lora::{self, Lora};
use expect_test::expect;

const CONFIG: &str = r#"{"peft_type": "LORA", "r": 2, "lora_alpha": 8, "bias": "none", "modules_to_save": null}"#;

/// A safetensors file of zeros.
fn tensors(shapes: &[(&str, &[usize])]) -> Vec<u8> {
    let data: Vec<Vec<u8>> = shapes.iter().map(|(_, shape)| vec![0; 4 * shape.iter().product::<usize>()]).collect();
    let tensors: Vec<_> =
        shapes.iter().zip(&data).map(|((name, shape), data)| weights::Tensor::f32(name, shape, data)).collect();
    let mut bytes = Vec::new();
    weights::write(&tensors, &BTreeMap::new(), &mut bytes).unwrap();
    bytes
}

/// The two matrices of modules with these lengths: in, out.
fn adapter(modules: &[(&str, usize, usize)]) -> Vec<u8> {
    let name = |module: &str, half: &str| format!("base_model.model.{module}.lora_{half}.weight");
    let named: Vec<_> = modules
        .iter()
        .flat_map(|&(module, inner, out)| [(name(module, "A"), vec![2, inner]), (name(module, "B"), vec![out, 2])])
        .collect();
    let shapes: Vec<(&str, &[usize])> = named.iter().map(|(name, shape)| (name.as_str(), shape.as_slice())).collect();
    tensors(&shapes)
}

fn read(modules: &[(&str, usize, usize)]) -> Lora {
    lora::read(CONFIG.as_bytes(), &adapter(modules)).unwrap()
}

/// A network that reads its weights in every way that a linear map is written.
fn graph() -> Graph {
    let weight = |name: &str, shape: &[usize]| Initializer::unset(name, ElementType::F32, shape.to_vec());
    Graph {
        nodes: vec![
            Node::new("table", "Gather", &["embedding.weight", "tokens"], &["a"]),
            Node::new("/layers.0/q/MatMul", "MatMul", &["a", "onnx::MatMul_7"], &["b"]),
            Node::new("gemm", "Gemm", &["b", "fc1.weight"], &["c"]).with("transB", 1_i64),
            Node::new("plain", "Gemm", &["c", "net.fc2.weight"], &["d"]),
            Node::new("turn", "Transpose", &["fc3.weight"], &["fc3.turned"]),
            Node::new("turned", "MatMul", &["d", "fc3.turned"], &["e"]),
            Node::new("image", "Conv", &["e", "conv.weight"], &["f"]),
            Node::new("twice", "Add", &["shared.weight", "shared.weight"], &["g"]),
            Node::new("tied", "MatMul", &["g", "shared.weight"], &["h"]),
            Node::new("sum", "Add", &["h", "bias.weight"], &["i"]),
        ],
        initializers: vec![
            weight("embedding.weight", &[50, 4]),
            weight("onnx::MatMul_7", &[4, 4]),
            weight("fc1.weight", &[6, 4]),
            weight("net.fc2.weight", &[6, 5]),
            weight("fc3.weight", &[3, 5]),
            weight("conv.weight", &[8, 3, 2, 2]),
            weight("shared.weight", &[4, 4]),
            weight("bias.weight", &[4, 4]),
        ],
        ..Graph::default()
    }
}

/// Each module, the parameter that it changes, and how that is kept.
fn fitted(lora: &Lora, map: &[(String, String)]) -> String {
    let line = |fitted: &lora::Fitted| {
        let kept = if fitted.update.transposed { "[in, out]" } else { "[out, in]" };
        format!("{} → {} {kept} × {}\n", fitted.module, fitted.update.parameter, fitted.update.scale)
    };
    lora.fit(&graph(), map).unwrap().iter().map(line).collect()
}

#[test]
fn modules_find_their_parameters() {
    let lora = read(&[("layers.0.q", 4, 4), ("fc1", 4, 6), ("fc2", 6, 5), ("fc3", 5, 3)]);
    expect![[r#"
        fc1 → fc1.weight [out, in] × 4
        fc2 → net.fc2.weight [in, out] × 4
        fc3 → fc3.weight [out, in] × 4
        layers.0.q → onnx::MatMul_7 [in, out] × 4
    "#]]
    .assert_eq(&fitted(&lora, &[]));
    let other = [("other".to_owned(), "fc1.weight".to_owned())];
    assert_eq!(fitted(&read(&[("other", 4, 6)]), &other), "other → fc1.weight [out, in] × 4\n");
}

#[test]
fn convolutions_and_embeddings_count_as_linear_maps() {
    let file = tensors(&[
        ("base_model.model.conv.lora_A.weight", &[2, 3, 2, 2]),
        ("base_model.model.conv.lora_B.weight", &[8, 2, 1, 1]),
        ("base_model.model.embedding.lora_embedding_A", &[2, 50]),
        ("base_model.model.embedding.lora_embedding_B", &[4, 2]),
    ]);
    expect![[r#"
        conv → conv.weight [out, in] × 4
        embedding → embedding.weight [in, out] × 4
    "#]]
    .assert_eq(&fitted(&lora::read(CONFIG.as_bytes(), &file).unwrap(), &[]));
}

#[test]
fn scales_follow_the_configuration() {
    let scale = |config: &str| lora::read(config.as_bytes(), &adapter(&[("a.q", 4, 4)])).unwrap().modules[0].scale;
    assert_eq!(scale(CONFIG), 4.0);
    assert_eq!(scale(&CONFIG.replace("\"r\"", "\"use_rslora\": true, \"r\"")), 8.0 / 2_f64.sqrt());
    let patterns = r#""rank_pattern": {"q": 2}, "alpha_pattern": {"a.q": 6}, "r": 9,"#;
    assert_eq!(scale(&CONFIG.replace("\"r\": 2,", patterns)), 3.0);
    assert_eq!(scale(&CONFIG.replace("\"r\"", "\"alpha_pattern\": {\"xq\": 6}, \"r\"")), 4.0);
}

fn refused(config: &str, tensors: &[u8]) -> ImportError {
    lora::read(config.as_bytes(), tensors).unwrap_err()
}

#[test]
fn rejects_what_is_more_than_two_matrices_for_each_module() {
    let file = adapter(&[("q", 4, 4)]);
    for (member, reason) in [
        ("\"use_dora\": true", "uses use_dora"),
        ("\"modules_to_save\": [\"head\"]", "uses modules_to_save"),
        ("\"lora_bias\": true", "uses lora_bias"),
        ("\"layer_replication\": [[0, 2]]", "uses layer_replication"),
        ("\"alpha_pattern\": {\".*q\": 4}", "uses alpha_pattern"),
        ("\"rank_pattern\": {\"q\": 2, \"a.q\": 2}", "two patterns"),
    ] {
        let config = CONFIG.replace("\"modules_to_save\": null", member);
        let error = refused(&config, &tensors(&[("a.q.lora_A.weight", &[2, 4]), ("a.q.lora_B.weight", &[4, 2])]));
        assert!(error.is_unsupported() && error.to_string().contains(reason), "{member}: {error}");
    }
    assert!(refused(&CONFIG.replace("none", "all"), &file).to_string().contains("bias = \"all\""));
    assert!(refused(&CONFIG.replace("LORA", "IA3"), &file).to_string().contains("IA3"));
    for extra in
        ["base_model.model.q.lora_magnitude_vector", "base_model.model.q.bias", "base_model.model.q.lora_A.bias"]
    {
        let error = refused(CONFIG, &tensors(&[(extra, &[4])]));
        assert_eq!(error.to_string(), format!("`{extra}` is no matrix of a LoRA adapter"));
    }
}

#[test]
fn rejects_files_that_are_no_adapter() {
    let file = adapter(&[("q", 4, 4)]);
    assert!(refused("[1]", &file).to_string().contains("no JSON object"));
    assert!(refused(&CONFIG.replace("\"r\": 2", "\"r\": 0"), &file).to_string().contains("no number `r`"));
    assert!(refused(CONFIG, &tensors(&[])).to_string().contains("has no tensors"));
    assert!(refused(CONFIG, &file[..9]).kind() != briq_import::ImportErrorKind::Mismatch);
    let half = tensors(&[("q.lora_A.weight", &[2, 4])]);
    assert!(refused(CONFIG, &half).to_string().contains("only one of its two matrices"));
    let twice = tensors(&[("q.lora_A.weight", &[2, 4]), ("base_model.model.q.lora_A.weight", &[2, 4])]);
    assert!(refused(CONFIG, &twice).to_string().contains("is there twice"));
    let other = tensors(&[("q.lora_A.weight", &[2, 4]), ("q.lora_B.weight", &[4, 3])]);
    assert!(refused(CONFIG, &other).to_string().contains("A [2, 4] and B [4, 3], and its rank is 2"));
}

#[test]
fn rejects_a_base_that_does_not_fit_and_lists_all_of_it() {
    let lora = read(&[("fc1", 5, 6), ("missing", 4, 4), ("shared", 4, 4), ("bias", 4, 4), ("fc3", 5, 3)]);
    let error = lora.fit(&graph(), &[]).unwrap_err();
    assert!(error.is_mismatch());
    expect![[r#"
        4 of 5 modules of the adapter do not fit the base
        `bias`: `bias.weight` is read by node `sum` (Add), for which LoRA means nothing
        `fc1`: its matrices make [6, 5], and `fc1.weight` is [6, 4]
        `missing`: the base has no parameter `missing.weight`, and no node of that path
        `shared`: `shared.weight` is shared by node `twice` (Add) and node `tied` (MatMul)
    "#]]
    .assert_eq(&format!("{}\n", error.to_string().replacen(": ", "\n", 1).replace("; ", "\n")));
    let unknown = read(&[("fc1", 4, 6)]).fit(&graph(), &[("fc9".into(), "fc1.weight".into())]).unwrap_err();
    assert_eq!(unknown.to_string(), "the adapter has no module `fc9`");
    let map = [("q".to_owned(), "fc1.weight".to_owned())];
    let twice = read(&[("fc1", 4, 6), ("q", 4, 6)]).fit(&graph(), &map).unwrap_err();
    assert_eq!(twice.to_string(), "two modules of the adapter would change `fc1.weight`");
}
