//! Adapters: what is computed of a parameter in either orientation, and what is refused.

use std::collections::BTreeMap;

use briq_graph::{Attribute, Dim, ElementType, Graph, Initializer, Node, Value, weights};
use briq_model::{AdapterFiles, Backend, Layered, ModelError, Origin, import_adapter, import_graph};
use briq_package::{Draft, Package};
use briq_spec::manifest::{AdapterUpdate, SourceFile};
use briq_spec::recipe::PackageSection;

/// y = x · w, which is kept as [in, out] or, for `Gemm`, as [out, in].
fn graph(transposed: bool) -> Graph {
    let dims = |length| vec![Dim::Dynamic("batch".into()), Dim::Fixed(length)];
    let node = match transposed {
        true => Node::new("product", "MatMul", &["x", "w"], &["y"]),
        false => Node::new("product", "Gemm", &["x", "w"], &["y"]).with("transB", Attribute::Int(1)),
    };
    let (shape, numbers) = match transposed {
        true => (vec![3, 2], [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]),
        false => (vec![2, 3], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
    };
    Graph {
        name: "product".into(),
        opset: 18,
        inputs: vec![Value::new("x", ElementType::F32, dims(3))],
        outputs: vec![Value::new("y", ElementType::F32, dims(2))],
        nodes: vec![node],
        initializers: vec![Initializer::from_f32("w", shape, &numbers)],
        ..Graph::default()
    }
}

fn section(name: &str) -> PackageSection {
    PackageSection {
        name: name.parse().unwrap(),
        version: "1.0.0".parse().unwrap(),
        description: None,
        license: None,
        authors: Vec::new(),
    }
}

fn source() -> SourceFile {
    briq_model::source_file("test", "made".as_ref(), b"here")
}

fn open(draft: &Draft) -> Package {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.briq");
    draft.write(&file).unwrap();
    Package::open(&file).unwrap()
}

fn base(name: &str, transposed: bool) -> Package {
    let package = section(name);
    let origin = Origin { package: &package, source: source(), labels: &[] };
    open(&import_graph(&graph(transposed), &origin).unwrap().draft)
}

/// A = [[1, 10, 100]], B = [[1], [2]].
fn tensors() -> Vec<u8> {
    let bytes = |numbers: &[f32]| -> Vec<u8> { numbers.iter().flat_map(|number| number.to_le_bytes()).collect() };
    let (down, up) = (bytes(&[1.0, 10.0, 100.0]), bytes(&[1.0, 2.0]));
    let mut file = Vec::new();
    let tensors = [weights::Tensor::f32("A", &[1, 3], &down), weights::Tensor::f32("B", &[2, 1], &up)];
    weights::write(&tensors, &BTreeMap::new(), &mut file).unwrap();
    file
}

fn update(transposed: bool) -> AdapterUpdate {
    let name = |text: &str| text.to_owned();
    AdapterUpdate { parameter: name("w"), down: name("A"), up: name("B"), rank: 1, scale: 0.5, transposed }
}

fn adapted(base: &Package, update: AdapterUpdate) -> Result<Package, ModelError> {
    let package = section("adapter");
    let origin = Origin { package: &package, source: source(), labels: &[] };
    let files = AdapterFiles { tensors: &tensors(), config: b"{}", updates: &[update] };
    Ok(open(&import_adapter(base, &files, &origin)?.draft))
}

#[test]
fn the_product_is_added_in_either_orientation() {
    for transposed in [true, false] {
        let base = base("base", transposed);
        let adapter = adapted(&base, update(transposed)).unwrap();
        for backend in crate::backends::each() {
            let plain = briq_model::engine(&base, backend).unwrap();
            assert_eq!(plain.answer(&[1.0, 0.0, 1.0], 1).unwrap(), [4.0, 10.0]);
            let engine = briq_model::engine(Layered::new(&adapter, Some(&base)), backend).unwrap();
            // W + B · A / 2 is [[1.5, 7, 53], [5, 15, 106]].
            assert_eq!(engine.answer(&[1.0, 0.0, 1.0], 1).unwrap(), [54.5, 111.0], "{transposed} on {backend}");
            assert_eq!(engine.answer(&[0.0, 1.0, 0.0], 1).unwrap(), [7.0, 15.0], "{transposed} on {backend}");
        }
    }
}

/// What is loaded proves itself by the examples that were recorded with the adapter.
#[test]
fn golden_examples_are_those_of_the_adapted_network() {
    let base = base("base", true);
    let adapter = adapted(&base, update(true)).unwrap();
    let loaded = briq_model::load(Layered::new(&adapter, Some(&base)), Backend::Flex).unwrap();
    let [example] = loaded.golden.as_slice() else { panic!("the examples are one batch") };
    let answer = loaded.engine.infer(&example.inputs).unwrap();
    assert_eq!(answer, example.outputs);
    assert_eq!(loaded.name, "adapter");
}

fn refusal<T>(result: Result<T, ModelError>) -> String {
    result.err().expect("it is refused").to_string()
}

#[test]
fn rejects_another_base_and_none() {
    let (right, wrong) = (base("base", true), base("other", true));
    let adapter = adapted(&right, update(true)).unwrap();
    let load = |base| briq_model::engine(Layered::new(&adapter, base), Backend::Flex);
    assert!(refusal(load(Some(&wrong))).contains("the base of adapter"));
    assert!(refusal(load(None)).contains("handed over without its base base@blake3:"));
    assert!(refusal(briq_model::engine(&adapter, Backend::Flex)).contains("without its base"));
    assert!(refusal(briq_model::export_safetensors(&adapter)).contains("without its base"));
    assert!(refusal(adapted(&adapter, update(true))).contains("is an adapter itself"));
}

type Change = fn(&mut AdapterUpdate);

#[test]
fn rejects_matrices_that_do_not_fit() {
    let base = base("base", true);
    let cases: [(Change, &str); 4] = [
        (|update| update.transposed = false, "[1, 3] and [2, 1] of rank 1 do not fit `w`, F32[3, 2]"),
        (|update| update.rank = 2, "of rank 2 do not fit"),
        (|update| update.parameter = "v".into(), "changes `v`, which the base does not have"),
        (|update| update.up = "C".into(), "has no tensor `C`"),
    ];
    for (change, reason) in cases {
        let mut update = update(true);
        change(&mut update);
        let refused = refusal(adapted(&base, update));
        assert!(refused.contains(reason), "{refused}");
    }
}
