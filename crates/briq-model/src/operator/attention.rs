//! Attention and the rotary embedding of positions.

use briq_graph::ElementType;

use super::arithmetic::combined;
use super::linear::product;
use super::rearranging::permuted;
use super::slicing::joined;
use super::space::Around;
use super::{Call, Fault, Operator, Outcome};
use crate::value::{HostTensor, Value};

pub(super) const OPERATORS: &[(&str, Operator)] = &[("Attention", attention), ("RotaryEmbedding", rotary_embedding)];

/// Queries, keys or values as `[batch, heads, sequence, size]`.
fn by_head(x: HostTensor, heads: usize) -> Result<HostTensor, Fault> {
    match x.shape[..] {
        [_, _, _, _] => Ok(x),
        [batch, sequence, hidden] if heads > 0 && hidden % heads == 0 => {
            Ok(permuted(&x.reshaped(&[batch, sequence, heads, hidden / heads]), &[0, 2, 1, 3]))
        }
        _ => Err(Fault::because(format!("{:?} does not fall into {heads} heads", x.shape))),
    }
}

/// Keys or values after those of earlier calls.
fn after(past: Option<HostTensor>, now: HostTensor) -> Result<HostTensor, Fault> {
    match past {
        Some(past) => joined(&[past, now], 2),
        None => Ok(now),
    }
}

/// Each head of keys or values serves several heads of queries.
fn repeated(x: &HostTensor, heads: usize) -> Result<HostTensor, Fault> {
    let [batch, own, sequence, size] = x.shape[..] else { return Err(Fault::because("there are no heads")) };
    if own == 0 || !heads.is_multiple_of(own) {
        return Err(Fault::because(format!("{own} heads do not serve {heads}")));
    }
    let block = sequence * size;
    let places = (0..batch * heads).flat_map(|head| {
        let from = head / heads * own + head % heads / (heads / own);
        from * block..(from + 1) * block
    });
    Ok(x.pick(&[batch, heads, sequence, size], places))
}

/// What is added to the scores: the mask, minus infinity beyond its end, after the query, and after padded keys.
fn bias(call: &mut Call, scores: &[usize], past: usize, wide: ElementType) -> Result<HostTensor, Fault> {
    let (queries, keys) = (scores[2], scores[3]);
    let causal = call.flag("is_causal", false)?;
    let hidden = |flat: usize| causal && flat % keys > flat / keys + past;
    let barrier = |hides: bool| if hides { f64::NEG_INFINITY } else { 0.0 };
    let mut bias = HostTensor::floats(wide, &[queries, keys], (0..queries * keys).map(|flat| barrier(hidden(flat))));
    if let Some(mask) = call.host_or_none(3)? {
        bias = combined(&added(&mask, keys, wide), &bias, |a, b| a + b, |a, _| a)?;
    }
    if let Some(lengths) = call.integers(6)? {
        let beyond = |flat: usize| (flat % keys) as i64 >= lengths[flat / keys];
        let shape = [lengths.len(), 1, 1, keys];
        let padding = HostTensor::floats(wide, &shape, (0..lengths.len() * keys).map(|flat| barrier(beyond(flat))));
        bias = combined(&bias, &padding, |a, b| a + b, |a, _| a)?;
    }
    Ok(bias)
}

/// A mask of truth values or of numbers, as numbers, as wide as there are keys.
fn added(mask: &HostTensor, keys: usize, wide: ElementType) -> HostTensor {
    let truths = mask.element == ElementType::Bool;
    let width = mask.shape.last().copied().unwrap_or(1).max(1);
    let mut shape = mask.shape.clone();
    if let Some(last) = shape.last_mut() {
        *last = if width == 1 { 1 } else { keys };
    }
    let target = shape.last().copied().unwrap_or(1);
    let numbers = mask.to_floats();
    let one = |flat: usize| match (flat % target, truths) {
        (column, _) if column >= width => f64::NEG_INFINITY,
        (column, true) if numbers[flat / target * width + column] == 0.0 => f64::NEG_INFINITY,
        (_, true) => 0.0,
        (column, false) => numbers[flat / target * width + column],
    };
    HostTensor::floats(wide, &shape, (0..shape.iter().product()).map(one))
}

fn softmax(x: &HostTensor) -> HostTensor {
    let mut numbers = x.to_floats();
    for lane in Around::new(&x.shape, x.shape.len() - 1).lanes() {
        let top = lane.clone().map(|at| numbers[at]).fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = lane.clone().map(|at| (numbers[at] - top).exp()).sum();
        lane.for_each(|at| numbers[at] = (numbers[at] - top).exp() / sum);
    }
    HostTensor::floats(x.element, &x.shape, numbers)
}

fn mapped(x: &HostTensor, function: impl Fn(f64) -> f64) -> HostTensor {
    HostTensor::floats(x.element, &x.shape, x.to_floats().into_iter().map(function))
}

/// Vaswani et al. (2017), with a cache of earlier keys and values and with shared heads (Ainslie et al., 2023).
fn attention(call: &mut Call) -> Outcome {
    let (q_heads, kv_heads) = (call.size("q_num_heads", 0)?, call.size("kv_num_heads", 0)?);
    let (softcap, stage) = (call.number("softcap", 0.0)?, call.int("qk_matmul_output_mode", 0)?);
    let query = call.host(0)?;
    let (flat, element) = (query.shape.len() == 3, query.element);
    let query = by_head(query, q_heads)?;
    let past = if call.has(4) { call.shape(4)?.get(2).copied().unwrap_or(0) } else { 0 };
    let (keys, values) = (by_head(call.host(1)?, kv_heads)?, by_head(call.host(2)?, kv_heads)?);
    let (keys, values) = (after(call.host_or_none(4)?, keys)?, after(call.host_or_none(5)?, values)?);
    let wide = ElementType::F64;
    let [_, heads, _, size] = query.shape[..] else { return Err(Fault::because("there are no heads")) };
    let scale = call.number("scale", (size as f64).sqrt().recip())?;
    let turned = permuted(&repeated(&keys, heads)?, &[0, 1, 3, 2]).cast(wide);
    let raw = mapped(&product(&query.cast(wide), &turned)?, |score| score * scale);
    let bias = bias(call, &raw.shape, past, wide)?;
    let biased = combined(&raw, &bias, |a, b| a + b, |a, _| a)?;
    let capped =
        if softcap > 0.0 { mapped(&biased, |score| softcap * (score / softcap).tanh()) } else { biased.clone() };
    let weights = softmax(&capped);
    let result = product(&weights, &repeated(&values, heads)?.cast(wide))?.cast(element);
    let result = if flat {
        let [batch, heads, sequence, size] = result.shape[..] else { return Err(Fault::because("there are no heads")) };
        permuted(&result, &[0, 2, 1, 3]).reshaped(&[batch, sequence, heads * size])
    } else {
        result
    };
    let shown = match stage {
        1 => biased,
        2 => capped,
        3 => weights,
        _ => raw,
    };
    Ok([result, keys, values, shown.cast(element)].into_iter().map(|tensor| call.place(tensor)).collect())
}

/// Which of so many rows of angles turns each step of each example: that of its position, where it has one. Otherwise
/// every example has rows of its own, or all share those of one, as PyTorch exports it.
fn angles(positions: Option<Vec<i64>>, rows: usize, (batch, sequence): (usize, usize)) -> Result<Vec<usize>, Fault> {
    let steps = 0..batch * sequence;
    let places: Vec<usize> = match positions {
        Some(positions) => positions.into_iter().map(|position| usize::try_from(position).unwrap_or(rows)).collect(),
        None if rows == sequence => steps.clone().map(|step| step % sequence).collect(),
        None => steps.clone().collect(),
    };
    if places.len() != steps.len() || places.iter().any(|place| *place >= rows) {
        return Err(Fault::because(format!("{rows} rows of angles do not serve {batch} times {sequence} steps")));
    }
    Ok(places)
}

/// Su et al. (2021): pairs of numbers are turned by an angle that grows with the position.
fn rotary_embedding(call: &mut Call) -> Outcome {
    let interleaved = call.flag("interleaved", false)?;
    let heads = call.size("num_heads", 0)?;
    let x = call.host(0)?;
    let shape = x.shape.clone();
    let (cos, sin, positions) = (call.host(1)?, call.host(2)?, call.integers(3)?);
    let y = by_head(x, heads)?;
    let [_, heads, sequence, size] = y.shape[..] else { return Err(Fault::because("there are no heads")) };
    let turned = match call.size("rotary_embedding_dim", 0)? {
        0 => size,
        turned => turned.min(size),
    };
    let half = turned / 2;
    let (cosines, sines, mut numbers) = (cos.to_floats(), sin.to_floats(), y.to_floats());
    let places = angles(positions, cosines.len().min(sines.len()) / half.max(1), (y.shape[0], sequence))?;
    for row in 0..y.count() / size.max(1) {
        let place = places[row / (heads * sequence) * sequence + row % sequence];
        for pair in 0..half {
            let (first, second) = if interleaved { (2 * pair, 2 * pair + 1) } else { (pair, pair + half) };
            let (c, s) = (cosines[place * half + pair], sines[place * half + pair]);
            let (a, b) = (numbers[row * size + first], numbers[row * size + second]);
            numbers[row * size + first] = c * a - s * b;
            numbers[row * size + second] = s * a + c * b;
        }
    }
    let y = HostTensor::floats(y.element, &y.shape, numbers);
    let y = if shape.len() == 3 { permuted(&y, &[0, 2, 1, 3]).reshaped(&shape) } else { y };
    Ok(vec![Value::from(y)])
}
