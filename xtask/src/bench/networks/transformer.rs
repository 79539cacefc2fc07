//! An encoder of the BERT family (Devlin et al. 2019; the sizes of MiniLM), as exporters write it: shapes computed by
//! nodes, attention and GELU spelt out.

use anyhow::Result;
use briq_graph::{Attribute, Dim, ElementType, Graph};

use super::BATCH;
use super::builder::Builder;

pub(super) const SEQUENCE: usize = 128;
pub(super) const VOCABULARY: usize = 30_522;
const POSITIONS: usize = 512;
const LAYERS: usize = 6;
const WIDTH: usize = 384;
const HEADS: usize = 12;
const HIDDEN: usize = 4 * WIDTH;

pub(super) fn build() -> Result<Graph> {
    let mut builder = Builder::new("transformer");
    let sequence = || Dim::Dynamic("sequence".to_owned());
    let tokens = builder.input("input_ids", ElementType::I64, &[sequence()]);
    let mask = builder.input("attention_mask", ElementType::I64, &[sequence()]);
    let kinds = builder.input("token_type_ids", ElementType::I64, &[sequence()]);
    let mask = additive(&mut builder, &mask);
    let mut x = embedded(&mut builder, &tokens, &kinds);
    for _ in 0..LAYERS {
        x = layer(&mut builder, &x, &mask);
    }
    Ok(builder.finish(&x, vec![Dim::Dynamic(BATCH.to_owned()), sequence(), Dim::Fixed(WIDTH)]))
}

/// 0 where a token counts, a very small number where it does not: `[batch, 1, 1, sequence]`.
fn additive(builder: &mut Builder, mask: &str) -> String {
    let (first, second) = (builder.integers(&[1]), builder.integers(&[2]));
    let mask = builder.node("Unsqueeze", &[mask, &first]);
    let mask = builder.node("Unsqueeze", &[&mask, &second]);
    let float = vec![("to", Attribute::from(i64::from(ElementType::F32.onnx_code())))];
    let mask = builder.node_with("Cast", &[&mask], float);
    let (one, least) = (builder.scalar(1.0), builder.scalar(f32::MIN));
    let inverted = builder.node("Sub", &[&one, &mask]);
    builder.node("Mul", &[&inverted, &least])
}

/// Tokens, their kinds and their positions, summed and normalised.
fn embedded(builder: &mut Builder, tokens: &str, kinds: &str) -> String {
    let length = length(builder, tokens, 1);
    let (zero, axis) = (builder.integers(&[0]), builder.integers(&[1]));
    let positions: Vec<i64> = (0..POSITIONS as i64).collect();
    let positions = builder.table(&positions);
    let positions = builder.node("Slice", &[&positions, &zero, &length, &axis]);
    let mut sum = looked_up(builder, tokens, VOCABULARY);
    for (indices, rows) in [(kinds, 2), (positions.as_str(), POSITIONS)] {
        let part = looked_up(builder, indices, rows);
        sum = builder.node("Add", &[&sum, &part]);
    }
    normalized(builder, &sum)
}

fn looked_up(builder: &mut Builder, indices: &str, rows: usize) -> String {
    let table = builder.random(&[rows, WIDTH], 0.0, 0.5);
    builder.node_with("Gather", &[&table, indices], vec![("axis", Attribute::from(0_i64))])
}

/// The length of one axis of a value, as a list of one.
fn length(builder: &mut Builder, x: &str, axis: i64) -> String {
    let shape = builder.node("Shape", &[x]);
    let (axis, front) = (builder.integer(axis), builder.integers(&[0]));
    let length = builder.node_with("Gather", &[&shape, &axis], vec![("axis", Attribute::from(0_i64))]);
    builder.node("Unsqueeze", &[&length, &front])
}

fn layer(builder: &mut Builder, x: &str, mask: &str) -> String {
    let attended = attention(builder, x, mask);
    let sum = builder.node("Add", &[&attended, x]);
    let x = normalized(builder, &sum);
    let hidden = dense(builder, &x, [WIDTH, HIDDEN]);
    let hidden = gelu(builder, &hidden);
    let y = dense(builder, &hidden, [HIDDEN, WIDTH]);
    let sum = builder.node("Add", &[&y, &x]);
    normalized(builder, &sum)
}

fn attention(builder: &mut Builder, x: &str, mask: &str) -> String {
    let [query, key, value] = [[0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]].map(|order| {
        let projected = dense(builder, x, [WIDTH, WIDTH]);
        let heads = reshaped(builder, &projected, &[HEADS, WIDTH / HEADS]);
        transposed(builder, &heads, order)
    });
    let scores = builder.node("MatMul", &[&query, &key]);
    let scale = builder.scalar(((WIDTH / HEADS) as f32).sqrt());
    let scores = builder.node("Div", &[&scores, &scale]);
    let scores = builder.node("Add", &[&scores, mask]);
    let shares = builder.node_with("Softmax", &[&scores], vec![("axis", Attribute::from(-1_i64))]);
    let mixed = builder.node("MatMul", &[&shares, &value]);
    let mixed = transposed(builder, &mixed, [0, 2, 1, 3]);
    let rows = reshaped(builder, &mixed, &[WIDTH]);
    dense(builder, &rows, [WIDTH, WIDTH])
}

/// Batch and sequence as they are, then these lengths.
fn reshaped(builder: &mut Builder, x: &str, lengths: &[usize]) -> String {
    let mut parts = vec![length(builder, x, 0), length(builder, x, 1)];
    parts.extend(lengths.iter().map(|&length| builder.integers(&[length as i64])));
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let shape = builder.node_with("Concat", &parts, vec![("axis", Attribute::from(0_i64))]);
    builder.node("Reshape", &[x, &shape])
}

fn transposed(builder: &mut Builder, x: &str, order: [i64; 4]) -> String {
    builder.node_with("Transpose", &[x], vec![("perm", Attribute::from(order.to_vec()))])
}

/// `MatMul`, then the bias by `Add`.
fn dense(builder: &mut Builder, x: &str, [inputs, outputs]: [usize; 2]) -> String {
    let weight = builder.random(&[inputs, outputs], 0.0, (1.0 / inputs as f32).sqrt());
    let bias = builder.random(&[outputs], 0.0, 0.1);
    let product = builder.node("MatMul", &[x, &weight]);
    builder.node("Add", &[&bias, &product])
}

fn normalized(builder: &mut Builder, x: &str) -> String {
    let (scale, bias) = (builder.random(&[WIDTH], 1.0, 0.1), builder.random(&[WIDTH], 0.0, 0.1));
    let attributes = vec![("axis", Attribute::from(-1_i64)), ("epsilon", Attribute::from(1e-12_f32))];
    builder.node_with("LayerNormalization", &[x, &scale, &bias], attributes)
}

/// x · (1 + erf(x / √2)) / 2
fn gelu(builder: &mut Builder, x: &str) -> String {
    let [root, one, half] = [2.0_f32.sqrt(), 1.0, 0.5].map(|number| builder.scalar(number));
    let y = builder.node("Div", &[x, &root]);
    let y = builder.node("Erf", &[&y]);
    let y = builder.node("Add", &[&y, &one]);
    let y = builder.node("Mul", &[x, &y]);
    builder.node("Mul", &[&y, &half])
}
