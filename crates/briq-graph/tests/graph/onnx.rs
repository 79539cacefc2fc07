//! Model files: there and back, from elsewhere, refused.

use std::collections::BTreeMap;

use briq_graph::onnx::{MAX_RANK, MAX_RECORDS, OPSET, decode, encode};
use briq_graph::{Attribute, Data, Dim, ElementType, Graph, Initializer, Node, Value};
use expect_test::{Expect, expect};
use proptest::prelude::*;

use crate::message;
use crate::samples::{digits, filled};
use crate::wire::{entry, field, integer, model, node, tensor, value};

fn rejects(bytes: &[u8], expected: &Expect) {
    expected.assert_eq(&message(&decode(bytes).unwrap_err()));
}

/// A model of one tensor.
fn of_tensor(tensor: Vec<u8>) -> Vec<u8> {
    model(&[field(5, tensor)])
}

/// A model whose only node has this attribute.
fn of_attribute(attribute: &[Vec<u8>]) -> Vec<u8> {
    let node = node("Relu", "x", "y", &[field(5, attribute.concat())]);
    model(&[field(1, node), field(11, value("x", &[1])), field(12, value("y", &[1]))])
}

#[test]
fn a_network_comes_back_as_it_was() {
    let (graph, _) = filled(digits(), "weights-00001-of-00001.safetensors");
    let bytes = encode(&graph).unwrap();
    assert_eq!(decode(&bytes).unwrap(), graph);
    assert_eq!(encode(&graph).unwrap(), bytes);
}

#[test]
fn typed_data_becomes_bytes() {
    let cases = [
        (
            tensor("t", &[2], 1, &[field(4, [1.0_f32.to_le_bytes(), 2.0_f32.to_le_bytes()].concat())]),
            vec![0, 0, 128, 63, 0, 0, 0, 64],
        ),
        (
            tensor("t", &[2], 7, &[integer(7, 1), integer(7, -2)]),
            [1_i64.to_le_bytes(), (-2_i64).to_le_bytes()].concat(),
        ),
        (tensor("t", &[2], 3, &[field(5, [1, 2])]), vec![1, 2]),
        (tensor("t", &[1], 10, &[integer(5, 0x3c00)]), vec![0x00, 0x3c]),
        (tensor("t", &[2], 9, &[field(5, [0, 5])]), vec![0, 1]),
        (tensor("t", &[1], 12, &[integer(11, 7)]), vec![7, 0, 0, 0]),
        (tensor("t", &[1], 11, &[field(10, 1.5_f64.to_le_bytes())]), 1.5_f64.to_le_bytes().to_vec()),
    ];
    for (proto, expected) in cases {
        let graph = decode(&of_tensor(proto)).unwrap();
        assert_eq!(graph.initializers[0].inline(), Some(expected.as_slice()), "{:?}", graph.initializers[0].element);
    }
}

#[test]
fn an_input_that_is_also_an_initializer_is_a_constant() {
    let weight = tensor("w", &[1], 1, &[field(9, [0; 4])]);
    let graph = decode(&model(&[field(5, weight), field(11, value("w", &[1])), field(11, value("x", &[1]))])).unwrap();
    assert_eq!(graph.inputs.iter().map(|input| input.name.as_str()).collect::<Vec<_>>(), ["x"]);
}

#[test]
fn an_output_without_a_shape_gets_one() {
    let bare = [field(1, "y"), field(2, field(1, integer(1, 1)))].concat();
    let bytes = model(&[field(1, node("Flatten", "x", "y", &[])), field(11, value("x", &[2, 3, 4])), field(12, bare)]);
    assert_eq!(decode(&bytes).unwrap().outputs[0].to_string(), "y F32[2, 12]");
}

#[test]
fn external_data_may_leave_its_length_to_the_shape() {
    let proto = tensor("w", &[2], 1, &[field(13, entry("location", "dir/w.bin")), integer(14, 1)]);
    let graph = decode(&of_tensor(proto)).unwrap();
    assert_eq!(graph.initializers[0].data, Data::External { location: "dir/w.bin".into(), offset: 0, length: 8 });
}

#[test]
fn rejects_what_is_no_model() {
    assert!(decode(b"PK\x03\x04 not a model").unwrap_err().is_malformed());
    rejects(&[], &expect!["cannot decode model: its IR version is 0, at least 3 is wanted"]);
    rejects(&[integer(1, 9), field(8, integer(2, 20))].concat(), &expect!["cannot decode model: it holds no graph"]);
}

/// Two bytes each, hundreds of times as many in memory.
#[test]
fn rejects_more_records_than_it_would_hold() {
    for field in [1_u8, 5, 11] {
        let many = model(&[[field << 3 | 2, 0].repeat(MAX_RECORDS)]);
        let error = decode(&many).unwrap_err();
        assert!(error.is_limit(), "{error}");
    }
    let group = [0xbb, 0x01, 0xbc, 0x01];
    let behind_a_group = [&group, model(&[[10, 0].repeat(MAX_RECORDS)]).as_slice()].concat();
    assert!(decode(&behind_a_group).unwrap_err().is_limit());
    assert!(decode(&[&group, model(&[]).as_slice()].concat()).is_ok());
    let nested = node("Relu", "x", "y", &[[5 << 3 | 2, 0].repeat(MAX_RECORDS)]);
    assert!(decode(&model(&[field(1, nested)])).unwrap_err().is_limit());
    let bytes = model(&[field(5, tensor("w", &[1 << 22], 3, &[field(9, vec![10; 1 << 22])]))]);
    assert!(decode(&bytes).is_ok(), "what a tensor holds is no record");
}

#[test]
fn rejects_operator_sets_it_does_not_know() {
    let with = |opsets: &[Vec<u8>]| [integer(1, 9), opsets.concat(), field(7, [])].concat();
    rejects(&with(&[]), &expect!["cannot decode model: it imports no operator set"]);
    rejects(
        &with(&[field(8, integer(2, 99))]),
        &expect!["cannot decode model: its operator set is 99, 1 to 24 are read"],
    );
    rejects(
        &with(&[field(8, integer(2, 20)), field(8, integer(2, 21))]),
        &expect!["cannot decode operator set ``: it is imported in two versions"],
    );
}

#[test]
fn rejects_what_it_cannot_carry() {
    let whole = model(&[]);
    rejects(
        &[whole.clone(), field(25, [])].concat(),
        &expect![[r#"
        cannot decode model: it defines local functions
        hint: inline them: `onnx.inliner.inline_local_functions`"#]],
    );
    rejects(&[whole, field(20, [])].concat(), &expect!["cannot decode model: it holds training information"]);
    rejects(&model(&[field(15, [])]), &expect!["cannot decode graph: it holds sparse tensors"]);
    rejects(
        &of_attribute(&[field(1, "body"), integer(20, 5)]),
        &expect!["cannot decode attribute `body` of node `y` (Relu): its graph is missing"],
    );
    rejects(
        &of_attribute(&[field(1, "alpha"), field(21, "outer"), integer(20, 1)]),
        &expect!["cannot decode attribute `alpha` of node `y` (Relu): it refers to a function's argument"],
    );
    rejects(
        &of_attribute(&[field(1, "strange"), integer(20, 14)]),
        &expect![
            "cannot decode attribute `strange` of node `y` (Relu): its type is number 14 of AttributeProto.AttributeType"
        ],
    );
    rejects(
        &model(&[field(11, [field(1, "s"), field(2, field(4, []))].concat())]),
        &expect!["cannot decode input `s`: it is neither a tensor nor a sequence or option of tensors"],
    );
    rejects(
        &of_tensor(tensor("words", &[1], 8, &[])),
        &expect!["cannot decode tensor `words`: a shape of [1] has 0 texts"],
    );
}

/// `if c { x } else { -x }`, where both bodies read `x` from around them.
fn branching() -> Graph {
    let value = |name: &str| Value::new(name, ElementType::F32, vec![2.into()]);
    let body = |operator: &str| Graph {
        name: operator.into(),
        outputs: vec![value("inner")],
        nodes: vec![Node::new("", operator, &["x"], &["inner"])],
        captures: vec!["x".into()],
        ..Graph::default()
    };
    let branch = |operator: &str| Attribute::Graph(Box::new(body(operator)));
    let node = Node::new("choice", "If", &["c"], &["y"]);
    Graph {
        opset: OPSET,
        inputs: vec![Value::new("c", ElementType::Bool, vec![]), value("x")],
        outputs: vec![value("y")],
        nodes: vec![node.with("then_branch", branch("Identity")).with("else_branch", branch("Neg"))],
        ..Graph::default()
    }
}

#[test]
fn bodies_know_what_they_read_from_around_them() {
    let graph = branching();
    assert_eq!(decode(&encode(&graph).unwrap()).unwrap(), graph);
    let plan = briq_graph::plan::Plan::new(&graph).unwrap();
    assert_eq!(plan.steps[0].inputs.len(), 3, "the condition, and `x` for either body");
}

#[test]
fn rejects_bodies_that_lie_too_deep() {
    let mut graph = branching();
    for _ in 0..10 {
        let body = Attribute::Graph(Box::new(Graph { opset: 0, ..graph }));
        graph = branching();
        graph.nodes[0].attributes.insert("else_branch".into(), body);
    }
    rejects(&encode(&graph).unwrap(), &expect!["cannot decode graph: it has bodies within bodies, 8 deep"]);
}

#[test]
fn rejects_external_data_outside_the_package() {
    for location in ["../secret", "/etc/passwd", "a/../b", "", ".", "a//b", "a\\b", "C:x", "a/", "a\0b"] {
        let proto = tensor("w", &[1], 1, &[field(13, entry("location", location)), integer(14, 1)]);
        let error = decode(&of_tensor(proto)).unwrap_err();
        assert!(error.is_malformed() && error.to_string().contains("not a file beside the model"), "{location:?}");
    }
}

#[test]
fn rejects_external_ranges_that_cannot_be() {
    let external = |entries: &[(&str, &str)]| {
        let entries: Vec<u8> = entries.iter().flat_map(|(key, value)| field(13, entry(key, value))).collect();
        of_tensor(tensor("w", &[2], 1, &[entries, integer(14, 1)]))
    };
    rejects(&external(&[("offset", "0")]), &expect!["cannot decode tensor `w`: its external location is missing"]);
    rejects(
        &external(&[("location", "w"), ("length", "9")]),
        &expect!["cannot decode tensor `w`: its shape takes 8 bytes, its external length is 9"],
    );
    rejects(
        &external(&[("location", "w"), ("offset", "-1")]),
        &expect!["cannot decode tensor `w`: its external offset is `-1`"],
    );
    rejects(
        &external(&[("location", "w"), ("offset", "18446744073709551615")]),
        &expect!["cannot decode tensor `w`: its external range ends beyond any file"],
    );
}

#[test]
fn rejects_tensors_whose_bytes_do_not_fit_their_shape() {
    rejects(
        &of_tensor(tensor("w", &[3], 1, &[field(9, [0; 8])])),
        &expect!["cannot decode tensor `w`: F32[3] takes 12 bytes, it holds 8"],
    );
    rejects(&of_tensor(tensor("w", &[-1], 1, &[])), &expect!["cannot decode tensor `w`: an axis has length -1"]);
    rejects(
        &of_tensor(tensor("w", &[i64::MAX, i64::MAX], 1, &[])),
        &expect!["cannot decode tensor `w`: its shape has more elements than any file holds"],
    );
    rejects(
        &of_tensor(tensor("w", &vec![1; MAX_RANK + 1], 1, &[])),
        &expect!["cannot decode tensor `w`: it has 33 axes, 32 are allowed"],
    );
    rejects(
        &of_tensor(tensor("w", &[1], 2, &[integer(5, 300)])),
        &expect!["cannot decode tensor `w`: 300 is out of its type's range"],
    );
}

#[test]
fn rejects_nodes_that_say_too_little_or_too_much() {
    rejects(
        &model(&[field(1, field(1, "x"))]),
        &expect!["cannot decode node `` (): it lacks an operator or an output"],
    );
    let alpha = field(5, [field(1, "alpha"), integer(20, 1)].concat());
    rejects(
        &model(&[field(1, node("Elu", "x", "y", &[alpha.clone(), alpha]))]),
        &expect!["cannot decode node `y` (Elu): attribute `alpha` is given twice"],
    );
    rejects(
        &model(&[field(1, node("Relu", "x", "y", &[]))]),
        &expect!["cannot plan node `y` (Relu): it reads `x`, which nothing produces"],
    );
}

#[test]
fn rejects_encoding_what_was_never_filled() {
    expect!["cannot encode tensor `conv2d_1.weight`: its values were never filled"]
        .assert_eq(&encode(&digits().graph).unwrap_err().to_string());
    let mut graph = Graph { opset: OPSET, ..Graph::default() };
    let data = Data::Inline(vec![0; 3]);
    graph.initializers.push(Initializer { name: "w".into(), element: ElementType::F32, shape: vec![1], data });
    expect!["cannot encode tensor `w`: its bytes do not follow from its shape"]
        .assert_eq(&encode(&graph).unwrap_err().to_string());
}

#[test]
fn no_truncation_is_taken_for_the_whole() {
    let (graph, _) = filled(digits(), "w.safetensors");
    let bytes = encode(&graph).unwrap();
    for end in 0..bytes.len() {
        assert_ne!(decode(&bytes[..end]).ok().as_ref(), Some(&graph), "cut at {end}");
    }
}

fn attribute() -> impl Strategy<Value = Attribute> {
    let text = "[a-zé]{0,6}";
    prop_oneof![
        any::<i64>().prop_map(Attribute::Int),
        prop::num::f32::NORMAL.prop_map(Attribute::Float),
        text.prop_map(Attribute::String),
        prop::collection::vec(any::<i64>(), 0..5).prop_map(Attribute::Ints),
        prop::collection::vec(prop::num::f32::NORMAL, 0..5).prop_map(Attribute::Floats),
        prop::collection::vec(text, 0..4).prop_map(Attribute::Strings),
        initializer().prop_map(|tensor| Attribute::Tensor(Initializer { name: "t".into(), ..tensor })),
    ]
}

fn initializer() -> impl Strategy<Value = Initializer> {
    let element = prop::sample::select(ElementType::all().filter(|element| element.bits() > 0).collect::<Vec<_>>());
    let tensor = (element, prop::collection::vec(0_usize..4, 0..4));
    tensor.prop_flat_map(|(element, shape)| {
        let length = element.byte_length(shape.iter().product()).unwrap_or(0);
        let data = prop::collection::vec(any::<u8>(), length).prop_map(Data::Inline);
        data.prop_map(move |data| Initializer { name: String::new(), element, shape: shape.clone(), data })
    })
}

fn dim() -> impl Strategy<Value = Dim> {
    prop_oneof![any::<u32>().prop_map(|length| Dim::Fixed(length as usize)), "[a-z]{0,3}".prop_map(Dim::Dynamic)]
}

/// A chain of nodes with arbitrary attributes, tensors and shapes.
fn graphs() -> impl Strategy<Value = Graph> {
    let attributes = prop::collection::btree_map("[a-z]{1,5}", attribute(), 0..4);
    let nodes = prop::collection::vec(attributes, 0..5);
    let shape = prop::collection::vec(dim(), 0..4);
    let element = prop::sample::select(ElementType::all().collect::<Vec<_>>());
    let metadata = prop::collection::btree_map("[a-z.]{1,8}", "[ -~]{0,9}", 0..3);
    (nodes, prop::collection::vec(initializer(), 0..4), shape, element, metadata, 1_u32..=24).prop_map(
        |(nodes, tensors, shape, element, metadata, opset)| {
            let value = |name: &str| Value::new(name, element, shape.clone());
            let nodes: Vec<Node> = nodes
                .into_iter()
                .enumerate()
                .map(|(place, attributes)| {
                    let (from, to) = (format!("v{place}"), format!("v{}", place + 1));
                    Node {
                        attributes,
                        domain: "test".into(),
                        ..Node::new(format!("n{place}"), "Any", &[&from, ""], &[&to])
                    }
                })
                .collect();
            let named = tensors.into_iter().enumerate();
            Graph {
                captures: Vec::new(),
                name: "any".into(),
                opset,
                inputs: vec![value("v0")],
                outputs: vec![value(&format!("v{}", nodes.len()))],
                initializers: named
                    .map(|(place, tensor)| Initializer { name: format!("t{place}"), ..tensor })
                    .collect(),
                values: vec![value("v1")],
                nodes,
                domains: BTreeMap::from([("test".into(), 3)]),
                metadata,
            }
        },
    )
}

proptest! {
    #[test]
    fn every_graph_comes_back_as_it_was(graph in graphs()) {
        prop_assert_eq!(decode(&encode(&graph).unwrap()).unwrap(), graph);
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(at in any::<prop::sample::Index>(), byte: u8, noise in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = decode(&noise);
        let (graph, _) = filled(digits(), "w.safetensors");
        let mut bytes = encode(&graph).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(graph) = decode(&bytes) {
            let _ = briq_graph::shape::infer(&graph);
        }
    }
}
