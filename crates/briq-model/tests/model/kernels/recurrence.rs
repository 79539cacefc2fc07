//! Recurrent layers.

use briq_graph::{Dim, ElementType, Initializer, Node, Value};

use super::case::Case;

/// Steps, sequences, features and hidden numbers.
const SIZES: [usize; 4] = [4, 3, 5, 6];

/// A layer with its optional inputs, in ONNX's order from the bias on.
fn layer(operator: &str, direction: &str, optional: &[&str]) -> Case {
    let [steps, batch, input, hidden] = SIZES;
    let directions = if direction == "bidirectional" { 2 } else { 1 };
    let gates = if operator == "LSTM" { 4 } else { 3 };
    let mut case = Case::new(18).fixed("x", &[steps, batch, input]);
    case =
        case.constant("w", &[directions, gates * hidden, input]).constant("r", &[directions, gates * hidden, hidden]);
    let mut inputs = vec!["x", "w", "r"];
    inputs.extend(optional);
    for name in optional {
        case = match *name {
            "b" => case.constant("b", &[directions, 2 * gates * hidden]),
            "l" => lengths(case, &[4, 1, 3]),
            "h" => case.fixed("h", &[directions, batch, hidden]),
            "c" => case.constant("c", &[directions, batch, hidden]),
            "p" => case.constant("p", &[directions, 3 * hidden]),
            _ => case,
        };
    }
    let outputs: &[&str] = if operator == "LSTM" { &["y", "yh", "yc"] } else { &["y", "yh"] };
    let node =
        Node::new("y", operator, &inputs, outputs).with("direction", direction).with("hidden_size", hidden as i64);
    case = case.node(node).output("y", 4).output("yh", 3);
    if operator == "LSTM" { case.output("yc", 3) } else { case }
}

fn lengths(mut case: Case, lengths: &[i32]) -> Case {
    let bytes = lengths.iter().flat_map(|length| length.to_le_bytes()).collect();
    let data = briq_graph::Data::Inline(bytes);
    case.graph.initializers.push(Initializer { name: "l".into(), element: ElementType::I32, shape: vec![3], data });
    case
}

#[test]
fn long_short_term_memories() {
    for direction in ["forward", "reverse", "bidirectional"] {
        for optional in
            [&[][..], &["b"], &["b", "l"], &["b", "", "h", "c"], &["", "l", "h"], &["b", "l", "h", "c", "p"]]
        {
            layer("LSTM", direction, optional).agrees();
        }
    }
}

#[test]
fn gated_recurrent_units() {
    for direction in ["forward", "reverse", "bidirectional"] {
        for optional in [&[][..], &["b"], &["b", "l"], &["b", "", "h"], &["", "l", "h"]] {
            for linear in [0, 1] {
                let mut case = layer("GRU", direction, optional);
                case.graph.nodes[0] = case.graph.nodes[0].clone().with("linear_before_reset", linear);
                case.agrees();
            }
        }
    }
}

#[test]
fn outputs_that_nobody_reads() {
    let mut case = layer("LSTM", "forward", &["b"]);
    case.graph.nodes[0].outputs = vec![String::new(), "yh".into()];
    case.graph.outputs = vec![Value::new("yh", ElementType::F32, vec![Dim::Fixed(1), Dim::Fixed(3), Dim::Fixed(6)])];
    case.agrees();
}
