//! Recurrent networks: two layers over a sequence, then a linear layer on the last step.

use anyhow::Result;
use briq_graph::{Attribute, Dim, ElementType, Graph, Initializer};

use super::batched;
use super::builder::Builder;

const STEPS: usize = 100;
const FEATURES: usize = 64;
const CLASSES: usize = 10;

/// A recurrent operator.
struct Cell {
    operator: &'static str,
    gates: usize,
    /// Values that it carries from step to step.
    states: usize,
    hidden: usize,
}

/// Two layers of 128.
pub(super) fn lstm() -> Result<Graph> {
    Ok(recurrent(&Cell { operator: "LSTM", gates: 4, states: 2, hidden: 128 }))
}

/// Two layers of 256.
pub(super) fn gru() -> Result<Graph> {
    Ok(recurrent(&Cell { operator: "GRU", gates: 3, states: 1, hidden: 256 }))
}

fn recurrent(cell: &Cell) -> Graph {
    let mut builder = Builder::new(&cell.operator.to_lowercase());
    let x = builder.input("input", ElementType::F32, &[STEPS, FEATURES].map(Dim::Fixed));
    let start = start(&mut builder, &x, cell.hidden);
    let steps_first = vec![("perm", Attribute::from(vec![1_i64, 0, 2]))];
    let mut y = builder.node_with("Transpose", &[&x], steps_first.clone());
    for features in [FEATURES, cell.hidden] {
        y = layer(&mut builder, &y, features, &start, cell);
    }
    let y = builder.node_with("Transpose", &[&y], steps_first);
    let last = builder.integer(-1);
    let y = builder.node_with("Gather", &[&y, &last], vec![("axis", Attribute::from(1_i64))]);
    let y = builder.linear(&y, [cell.hidden, CLASSES]);
    builder.finish(&y, batched(&[CLASSES]))
}

/// Zeros for each example, as exporters write them: `[1, batch, hidden]` by a shape that is computed.
fn start(builder: &mut Builder, x: &str, hidden: usize) -> String {
    let shape = builder.node("Shape", &[x]);
    let (first, axis) = (builder.integer(0), builder.integers(&[0]));
    let batch = builder.node_with("Gather", &[&shape, &first], vec![("axis", Attribute::from(0_i64))]);
    let batch = builder.node("Unsqueeze", &[&batch, &axis]);
    let (one, hidden) = (builder.integers(&[1]), builder.integers(&[hidden as i64]));
    let shape = builder.node_with("Concat", &[&one, &batch, &hidden], vec![("axis", Attribute::from(0_i64))]);
    let zero = Attribute::from(Initializer::from_f32("", vec![1], &[0.0]));
    builder.node_with("ConstantOfShape", &[&shape], vec![("value", zero)])
}

fn layer(builder: &mut Builder, x: &str, features: usize, start: &str, cell: &Cell) -> String {
    let (rows, hidden) = (cell.gates * cell.hidden, cell.hidden);
    let deviation = 1.0 / (3.0 * hidden as f32).sqrt();
    let weights = builder.random(&[1, rows, features], 0.0, deviation);
    let recurrence = builder.random(&[1, rows, hidden], 0.0, deviation);
    let bias = builder.random(&[1, 2 * rows], 0.0, deviation);
    let mut inputs = vec![x, &weights, &recurrence, &bias, ""];
    inputs.extend(std::iter::repeat_n(start, cell.states));
    let mut attributes = vec![("hidden_size", Attribute::from(hidden as i64))];
    if cell.operator == "GRU" {
        attributes.push(("linear_before_reset", Attribute::from(1_i64)));
    }
    let y = builder.node_with(cell.operator, &inputs, attributes);
    let direction = builder.integers(&[1]);
    builder.node("Squeeze", &[&y, &direction])
}
