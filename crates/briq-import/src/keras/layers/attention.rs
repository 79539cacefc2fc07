//! Attention (Vaswani et al. 2017) with several heads, over one axis of steps.

use crate::ImportError;
use crate::keras::call::{Call, Emitted, Weight};

/// How the heads are cut: their number and the width of each.
#[derive(Clone, Copy)]
struct Heads {
    count: usize,
    width: usize,
}

pub(super) fn multi_head(call: &mut Call<'_>) -> Emitted {
    let count = call.length("num_heads")?;
    let key = Heads { count, width: call.length("key_dim")? };
    let value =
        Heads { count, width: if call.option("value_dim").is_null() { key.width } else { call.length("value_dim")? } };
    if call.flag("use_gate", false)
        || !call.option("sliding_window").is_null()
        || call.inputs.iter().any(|i| i.rank() != 3)
    {
        return Err(call.unsupported("it is no plain attention over [batch, steps, features]"));
    }
    let query_input = call.input();
    let value_input = call.inputs.get(1).cloned().unwrap_or_else(|| query_input.clone());
    let key_input = call.inputs.get(2).cloned().unwrap_or_else(|| value_input.clone());
    let query = call.emitter.plain(&query_input);
    let query = projected(call, &query, "query", key, [0, 2, 1, 3])?;
    let keys = call.emitter.plain(&key_input);
    let keys = projected(call, &keys, "key", key, [0, 2, 3, 1])?;
    let values = call.emitter.plain(&value_input);
    let values = projected(call, &values, "value", value, [0, 2, 1, 3])?;
    let scale = call.scalar("scale", 1.0 / (key.width as f64).sqrt());
    let query = call.node("Mul", &[&query, &scale], |node| node);
    let scores = call.node("MatMul", &[&query, &keys], |node| node);
    let scores = call.node("Softmax", &[&scores], |node| node.with("axis", -1_i64));
    let mixed = call.node("MatMul", &[&scores, &values], |node| node);
    let mixed = call.node("Transpose", &[&mixed], |node| node.with("perm", vec![0_i64, 2, 1, 3]));
    let joined = call.integers("joined", &[0, 0, (value.count * value.width) as i64]);
    let joined = call.node("Reshape", &[&mixed, &joined], |node| node);
    output(call, &joined)
}

/// A projection, cut into heads, its axes in the order that the product wants.
fn projected(
    call: &mut Call<'_>,
    input: &str,
    role: &str,
    heads: Heads,
    order: [i64; 4],
) -> Result<String, ImportError> {
    let kernel = call.weight(role, 3)?;
    if kernel.shape[1..] != [heads.count, heads.width] {
        return Err(call.malformed(format!("its {role} kernel has shape {:?}", kernel.shape)));
    }
    let width = heads.count * heads.width;
    let kernel = Weight { shape: vec![kernel.shape[0], width], values: kernel.values };
    let kernel = call.parameter(&format!("{role}_kernel"), &kernel);
    let mut value = call.node("MatMul", &[input, &kernel], |node| node);
    if call.flag("use_bias", true) {
        let bias = call.weight(role, 2)?;
        let bias = call.parameter(&format!("{role}_bias"), &Weight { shape: vec![width], values: bias.values });
        value = call.node("Add", &[&value, &bias], |node| node);
    }
    let shape = call.integers(&format!("{role}_heads"), &[0, 0, heads.count as i64, heads.width as i64]);
    let value = call.node("Reshape", &[&value, &shape], |node| node);
    Ok(call.node("Transpose", &[&value], |node| node.with("perm", order.to_vec())))
}

fn output(call: &mut Call<'_>, joined: &str) -> Emitted {
    let kernel = call.weight("output", 3)?;
    let (width, features) = (kernel.shape[0] * kernel.shape[1], kernel.shape[2]);
    let kernel = call.parameter("output_kernel", &Weight { shape: vec![width, features], values: kernel.values });
    let mut value = call.node("MatMul", &[joined, &kernel], |node| node);
    if call.flag("use_bias", true) {
        let bias = call.weight("output", 1)?;
        let bias = call.parameter("output_bias", &bias);
        value = call.node("Add", &[&value, &bias], |node| node);
    }
    let mut shape = call.input().shape;
    shape[2] = Some(features);
    Ok(vec![call.done(&value, shape, false)])
}
