//! Softmax, layer normalisation and attention.

use briq_graph::{Attribute, Data, ElementType, Initializer, Node};
use briq_model::{Backend, Optimization};

use super::case::{Case, near, numbers, tensor};
use crate::backends::each;

#[test]
fn softmax_along_each_axis() {
    for opset in [11, 12, 13, 18] {
        for axis in -3..3 {
            for operator in ["Softmax", "LogSoftmax"] {
                let node = Node::new("y", operator, &["x"], &["y"]).with("axis", axis);
                Case::new(opset).input("x", &[4, 5]).node(node).output("y", 3).agrees();
            }
        }
        Case::new(opset).input("x", &[6]).plain("Softmax", &["x"], "y").output("y", 2).output("x", 2).agrees();
        let case = Case::new(opset).input("x", &[6, 4, 5]).constant("w", &[3, 6, 1, 1]).plain("Conv", &["x", "w"], "c");
        case.plain("Softmax", &["c"], "y").output("y", 4).agrees();
    }
}

#[test]
fn layers_are_normalised() {
    /// An axis, the shape of the scale, and that of the bias.
    type Shapes = (i64, &'static [usize], Option<&'static [usize]>);
    let shapes: [Shapes; 9] = [
        (-1, &[6], Some(&[6])),
        (-1, &[6], None),
        (-2, &[4, 6], Some(&[4, 6])),
        (1, &[4, 6], None),
        (2, &[6], Some(&[6])),
        (-1, &[1], Some(&[1])),
        (-2, &[6], Some(&[6])),
        (-2, &[4, 1], None),
        (-1, &[1, 1, 6], Some(&[1, 1, 6])),
    ];
    for (axis, scale, bias) in shapes {
        let mut case = Case::new(18).input("x", &[4, 6]).constant("s", scale);
        let mut inputs = vec!["x", "s"];
        if let Some(bias) = bias {
            case = case.constant("b", bias);
            inputs.push("b");
        }
        let node = Node::new("y", "LayerNormalization", &inputs, &["y"]).with("axis", axis).with("epsilon", 1e-3_f32);
        case.node(node).output("y", 3).output("x", 3).agrees();
    }
}

#[test]
fn root_mean_squares_are_normalised() {
    for (axis, scale) in [(-1, &[6][..]), (1, &[4, 6]), (1, &[6])] {
        let node = Node::new("y", "RMSNormalization", &["x", "s"], &["y"]).with("axis", axis);
        Case::new(23).input("x", &[4, 6]).constant("s", scale).node(node).output("y", 3).agrees();
    }
}

/// Projections, heads, scores and a mask, as exporters write them.
fn attention(mask: Option<&[usize]>) -> Case {
    let case = match mask {
        Some(shape) => Case::new(18).constant("mask", shape),
        None => Case::new(18),
    };
    attending(case, mask.is_some(), false)
}

/// As [`attention`]; the case may hold a mask. Guarded, zeros stand for weights that are not numbers.
fn attending(case: Case, masked: bool, guarded: bool) -> Case {
    let mut case = case.input("x", &[5, 8]).constant("scale", &[]);
    case = case.integers("heads", &[0, 5, 2, 4]).integers("whole", &[0, 5, 8]);
    for (name, weights, product, split, turned) in
        [("q", "wq", "mq", "hq", "tq"), ("k", "wk", "mk", "hk", "tk"), ("v", "wv", "mv", "hv", "tv")]
    {
        let perm = if name == "k" { vec![0, 2, 3, 1] } else { vec![0, 2, 1, 3] };
        case = case.constant(weights, &[8, 8]).constant(name, &[8]).plain("MatMul", &["x", weights], product);
        case = case.plain("Add", &[product, name], split.to_uppercase().as_str());
        case = case.plain("Reshape", &[split.to_uppercase().as_str(), "heads"], split);
        case = case.node(Node::new(turned, "Transpose", &[split], &[turned]).with("perm", perm));
    }
    case = case.plain("MatMul", &["tq", "tk"], "scores").plain("Mul", &["scores", "scale"], "scaled");
    let last = if masked { "masked" } else { "scaled" };
    if masked {
        case = case.plain("Add", &["scaled", "mask"], "masked");
    }
    let mut case = case.node(Node::new("p", "Softmax", &[last], &["p"]).with("axis", -1));
    if guarded {
        case.graph.initializers.push(Initializer::from_f32("zero", Vec::new(), &[0.0]));
        case = case.plain("IsNaN", &["p"], "absent").plain("Where", &["absent", "zero", "p"], "kept");
    }
    let case = case.plain("MatMul", &[if guarded { "kept" } else { "p" }, "tv"], "o");
    let case = case.node(Node::new("u", "Transpose", &["o"], &["u"]).with("perm", vec![0, 2, 1, 3]));
    case.plain("Reshape", &["u", "whole"], "y").output("y", 3)
}

#[test]
fn attention_with_and_without_a_mask() {
    for mask in [None, Some(&[5, 5][..]), Some(&[1, 1, 5, 5]), Some(&[1, 2, 1, 5]), Some(&[5]), Some(&[1, 1, 5, 1])] {
        attention(mask).agrees();
    }
    attention(None).output("scaled", 4).agrees();
}

/// A mask that hides every key from the second query, and some from others.
fn hiding() -> Case {
    let mask: Vec<f32> = (0..25).map(|at| if at / 5 == 1 || at % 7 == 3 { f32::NEG_INFINITY } else { 0.0 }).collect();
    let mut case = Case::new(18);
    case.graph.initializers.push(Initializer::from_f32("mask", vec![5, 5], &mask));
    case
}

#[test]
fn a_query_without_keys_gets_what_the_graph_says() {
    attending(hiding(), true, false).agrees();
    let guarded = attending(hiding(), true, true);
    guarded.agrees();
    let reference = guarded.runner(Backend::Flex, &Optimization::none()).run(guarded.data(2)).unwrap();
    let numbers = tensor(&reference[0]).1;
    assert!(numbers[8..16].iter().all(|number| *number == 0.0), "{numbers:?}");
    for backend in each() {
        let result = guarded.runner(backend, &Optimization::default()).run(guarded.data(2)).unwrap();
        near(&reference, &result, &backend.to_string());
    }
}

/// An operand of attention as the standard writes it: `[batch, positions, heads · depth]`, or by heads as a view of that.
fn standard_operand(case: Case, name: &str, apart: bool, [heads, positions, depth]: [usize; 3]) -> (Case, String) {
    let case = case.input(name, &[positions, heads * depth]);
    if !apart {
        return (case, name.to_owned());
    }
    let [target, split, turned] = ["target", "split", "turned"].map(|stem| format!("{name}_{stem}"));
    let lengths = [0, positions as i64, heads as i64, depth as i64];
    let case = case.integers(&target, &lengths).plain("Reshape", &[name, &target], &split);
    let turn = Node::new(&turned, "Transpose", &[&split], &[&turned]).with("perm", vec![0, 2, 1, 3]);
    (case.node(turn), turned)
}

/// The operator of the standard, with so many heads of queries and of keys.
fn standard(apart: bool, heads: [usize; 2], mask: Option<Initializer>, attributes: &[(&str, Attribute)]) -> Case {
    let [own, shared] = heads;
    let case = Case::new(23);
    let (case, query) = standard_operand(case, "q", apart, [own, 5, 4]);
    let (case, key) = standard_operand(case, "k", apart, [shared, 7, 4]);
    let (mut case, value) = standard_operand(case, "v", apart, [shared, 7, 3]);
    let mut node = Node::new("y", "Attention", &[&query, &key, &value], &["y"]);
    if !apart {
        node = node.with("q_num_heads", own as i64).with("kv_num_heads", shared as i64);
    }
    if let Some(mask) = mask {
        node.inputs.push(mask.name.clone());
        case.graph.initializers.push(mask);
    }
    node.attributes.extend(attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    case.node(node).output("y", if apart { 4 } else { 3 })
}

/// Truth values of which every query has one.
fn truths(shape: &[usize]) -> Initializer {
    let bits = (0..shape.iter().product()).map(|at: usize| u8::from(at.is_multiple_of(7) || at % 3 != 1)).collect();
    Initializer { name: "mask".into(), element: ElementType::Bool, shape: shape.to_vec(), data: Data::Inline(bits) }
}

#[test]
fn attention_of_the_standard() {
    for apart in [false, true] {
        for heads in [[2, 2], [4, 2], [6, 1], [1, 1]] {
            standard(apart, heads, None, &[]).agrees();
            standard(apart, heads, None, &[("scale", Attribute::Float(0.3))]).agrees();
            standard(apart, heads, None, &[("is_causal", Attribute::Int(1))]).agrees();
            for shape in [&[5, 7][..], &[1, 1, 5, 7], &[1, heads[0], 5, 7], &[1, 1, 1, 7], &[5, 1]] {
                let added = Initializer::from_f32("mask", shape.to_vec(), &numbers(shape.iter().product(), 9));
                for causal in [0, 1] {
                    let attributes = [("is_causal", Attribute::Int(causal))];
                    standard(apart, heads, Some(added.clone()), &attributes).agrees();
                    standard(apart, heads, Some(truths(shape)), &attributes).agrees();
                }
            }
        }
    }
}

#[test]
fn rarer_attention_is_left_to_the_reference() {
    standard(false, [4, 2], None, &[("softcap", Attribute::Float(0.5))]).agrees();
    standard(true, [2, 2], Some(truths(&[5, 6])), &[]).agrees();
    let mut shown = standard(true, [2, 2], None, &[("qk_matmul_output_mode", Attribute::Int(3))]);
    shown.graph.nodes.last_mut().unwrap().outputs.extend([String::new(), String::new(), "scores".to_owned()]);
    shown.output("scores", 4).agrees();
}

/// Grouped queries, keys and values as PyTorch writes them: each head is repeated along an axis of its own.
#[test]
fn attention_of_shared_heads() {
    let mut case = Case::new(20).input("q", &[6, 5, 4]).input("k", &[2, 7, 4]).input("v", &[7, 6]);
    case = case.integers("axis", &[2]).integers("blown", &[1, 1, 3, 1, 1]).integers("join", &[0, 5, 18]);
    case = case.integers("split", &[0, 7, 2, 3]).plain("Reshape", &["v", "split"], "v4");
    case = case.node(Node::new("v_turned", "Transpose", &["v4"], &["v_turned"]).with("perm", vec![0, 2, 1, 3]));
    for (name, source, depth) in [("ka", "k", 4), ("va", "v_turned", 3)] {
        let [single, repeated, whole] = ["single", "repeated", "whole"].map(|stem| format!("{name}_{stem}"));
        case = case.integers(&whole, &[0, 6, 7, depth]).plain("Unsqueeze", &[source, "axis"], &single);
        case = case.plain("Expand", &[&single, "blown"], &repeated).plain("Reshape", &[&repeated, &whole], name);
    }
    case = case.node(Node::new("kt", "Transpose", &["ka"], &["kt"]).with("perm", vec![0, 1, 3, 2]));
    case = case.plain("MatMul", &["q", "kt"], "s").node(Node::new("p", "Softmax", &["s"], &["p"]).with("axis", -1));
    case = case.plain("MatMul", &["p", "va"], "o");
    case = case.node(Node::new("u", "Transpose", &["o"], &["u"]).with("perm", vec![0, 2, 1, 3]));
    let case = case.plain("Reshape", &["u", "join"], "y").output("y", 3);
    case.agrees();
    let reference = case.runner(Backend::Flex, &Optimization::none()).run(case.data(2)).unwrap();
    for backend in each() {
        let result = case.runner(backend, &Optimization::default()).run(case.data(2)).unwrap();
        near(&reference, &result, &backend.to_string());
    }
}
