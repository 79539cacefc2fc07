//! Layers that keep the values and change the shape. The order is that of Keras' own layout.

use serde_json::Value;

use crate::keras::call::{Call, Emitted};

/// What does nothing once a network is trained.
pub(super) fn pass(call: &mut Call<'_>) -> Emitted {
    call.pass()
}

pub(super) fn flatten(call: &mut Call<'_>) -> Emitted {
    let input = call.input();
    let mut value = call.emitter.plain(&input);
    let rank = input.rank();
    // Channels first are moved to the end before the values are laid out.
    if call.text("data_format") == Some("channels_first") && rank > 2 {
        let order: Vec<i64> = std::iter::once(0).chain(2..rank as i64).chain([1]).collect();
        value = call.node("Transpose", &[&value], |node| node.with("perm", order));
    }
    let count: Option<usize> = input.shape[1..].iter().copied().product();
    let value = call.node("Flatten", &[&value], |node| node.with("axis", 1_i64));
    Ok(vec![call.done_as(&value, vec![input.shape[0], count], false, input.element)])
}

pub(super) fn reshape(call: &mut Call<'_>) -> Emitted {
    let input = call.input();
    let lengths: Option<Vec<i64>> =
        call.option("target_shape").as_array().map(|items| items.iter().filter_map(Value::as_i64).collect());
    let lengths = lengths.ok_or_else(|| call.malformed("it has no target_shape"))?;
    let count: Option<usize> = input.shape[1..].iter().copied().product();
    let known: i64 = lengths.iter().filter(|length| **length > 0).product();
    let length = |&length: &i64| match usize::try_from(length) {
        Ok(length) => Some(length),
        Err(_) => Some(count? / usize::try_from(known).ok().filter(|known| *known > 0)?),
    };
    let shape = std::iter::once(input.shape[0]).chain(lengths.iter().map(length)).collect();
    let target: Vec<i64> = std::iter::once(0).chain(lengths).collect();
    let target = call.integers("shape", &target);
    let value = call.emitter.plain(&input);
    let value = call.node("Reshape", &[&value, &target], |node| node);
    Ok(vec![call.done_as(&value, shape, false, input.element)])
}

/// The axes of an example, counted from 1.
pub(super) fn permute(call: &mut Call<'_>) -> Emitted {
    let input = call.input();
    let dims = call.option("dims").as_array().cloned().unwrap_or_default();
    let order: Vec<i64> = std::iter::once(0).chain(dims.iter().filter_map(Value::as_i64)).collect();
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if !sorted.into_iter().eq(0..input.rank() as i64) {
        return Err(call.malformed(format!("its dims are {}", call.option("dims"))));
    }
    let shape = order.iter().map(|&axis| input.shape[axis as usize]).collect();
    let value = call.emitter.plain(&input);
    let value = call.node("Transpose", &[&value], |node| node.with("perm", order));
    Ok(vec![call.done_as(&value, shape, false, input.element)])
}

/// `[batch, features]` to `[batch, n, features]`.
pub(super) fn repeat_vector(call: &mut Call<'_>) -> Emitted {
    let input = call.input();
    let count = call.length("n")?;
    let (axes, repeats) = (call.integers("axes", &[1]), call.integers("repeats", &[1, count as i64, 1]));
    let value = call.emitter.plain(&input);
    let value = call.node("Unsqueeze", &[&value, &axes], |node| node);
    let value = call.node("Tile", &[&value, &repeats], |node| node);
    let shape = vec![input.shape[0], Some(count), input.shape.get(1).copied().flatten()];
    Ok(vec![call.done_as(&value, shape, false, input.element)])
}
