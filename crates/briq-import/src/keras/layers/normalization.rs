//! Layers that centre and scale.

use serde_json::Value;

use crate::ImportError;
use crate::keras::call::{Call, Emitted, Weight};
use crate::keras::emitter::Flow;

/// The axis of an option, which may stand in a list of one.
fn axis(call: &Call<'_>, input: &Flow) -> Result<usize, ImportError> {
    let given = match call.option("axis") {
        Value::Null => Some(-1),
        Value::Array(items) if items.len() == 1 => items[0].as_i64(),
        value => value.as_i64(),
    };
    let rank = input.rank() as i64;
    let axis = given.map(|axis| if axis < 0 { axis + rank } else { axis });
    let axis = axis.filter(|axis| (1..rank).contains(axis)).map(|axis| axis as usize);
    axis.ok_or_else(|| call.unsupported(format!("its axis is {}", call.option("axis"))))
}

/// A weight that may have been left out, where it is the same number for each channel.
fn optional(call: &mut Call<'_>, flag: &str, role: &str, channels: usize, number: f32) -> Result<Weight, ImportError> {
    if call.flag(flag, true) {
        return call.weight(role, 1);
    }
    Ok(Weight { shape: vec![channels], values: vec![number; channels] })
}

pub(super) fn batch(call: &mut Call<'_>) -> Emitted {
    let input = call.input();
    let (axis, last) = (axis(call, &input)?, input.rank() - 1);
    if axis != 1 && axis != last {
        return Err(call.unsupported(format!("its axis is {axis}")));
    }
    let turned = axis == last && last > 1;
    let x = if turned { call.emitter.turned(&input) } else { call.emitter.plain(&input) };
    let unknown = || call.unsupported("the number of its channels is open");
    let channels = input.shape[axis].ok_or_else(unknown)?;
    let gamma = optional(call, "scale", "gamma", channels, 1.0)?;
    let beta = optional(call, "center", "beta", channels, 0.0)?;
    let (mean, variance) = (call.weight("moving_mean", 1)?, call.weight("moving_variance", 1)?);
    let parts = [("gamma", gamma), ("beta", beta), ("moving_mean", mean), ("moving_variance", variance)];
    let parts = parts.map(|(role, weight)| call.parameter(role, &weight));
    let inputs: Vec<&str> = std::iter::once(x.as_str()).chain(parts.iter().map(String::as_str)).collect();
    let (epsilon, momentum) = (call.number("epsilon", 1e-3) as f32, call.number("momentum", 0.99) as f32);
    let value =
        call.node("BatchNormalization", &inputs, |node| node.with("epsilon", epsilon).with("momentum", momentum));
    Ok(vec![call.done(&value, input.shape, turned)])
}

/// Over the last axis, or several at the end.
pub(super) fn layer(call: &mut Call<'_>) -> Emitted {
    let input = call.input();
    let rank = input.rank() as i64;
    let mut axes: Vec<i64> = match call.option("axis") {
        Value::Null => vec![-1],
        Value::Array(items) => items.iter().filter_map(Value::as_i64).collect(),
        value => value.as_i64().into_iter().collect(),
    };
    axes.iter_mut().filter(|axis| **axis < 0).for_each(|axis| *axis += rank);
    axes.sort_unstable();
    let first = axes.first().copied().unwrap_or(0);
    if first < 1 || !axes.iter().copied().eq(first..rank) {
        return Err(call.unsupported(format!("its axis is {}, and it has to be the last ones", call.option("axis"))));
    }
    let lengths: Option<Vec<usize>> = input.shape[first as usize..].iter().copied().collect();
    let lengths = lengths.ok_or_else(|| call.unsupported("the length of its axis is open"))?;
    let count = lengths.iter().product();
    let constant = |number: f32| Weight { shape: lengths.clone(), values: vec![number; count] };
    let rank = lengths.len();
    let gamma = if call.flag("scale", true) { call.weight("gamma", rank)? } else { constant(1.0) };
    let beta = call.flag("center", true).then(|| call.weight("beta", rank)).transpose()?;
    let x = call.emitter.plain(&input);
    let gamma = call.parameter("gamma", &gamma);
    let beta = beta.map(|beta| call.parameter("beta", &beta));
    let inputs: Vec<&str> = [x.as_str(), &gamma].into_iter().chain(beta.as_deref()).collect();
    let epsilon = call.number("epsilon", 1e-3) as f32;
    let value = call.node("LayerNormalization", &inputs, |node| node.with("axis", first).with("epsilon", epsilon));
    Ok(vec![call.done(&value, input.shape, false)])
}

/// The numbers of an option: one, or a list along the last axis.
fn numbers(call: &Call<'_>, key: &str, otherwise: f64) -> Result<Weight, ImportError> {
    let values: Option<Vec<f32>> = match call.option(key) {
        Value::Null => Some(vec![otherwise as f32]),
        Value::Array(items) => items.iter().map(|item| item.as_f64().map(|number| number as f32)).collect(),
        value => value.as_f64().map(|number| vec![number as f32]),
    };
    let values = values.ok_or_else(|| call.unsupported(format!("its {key} is {}", call.option(key))))?;
    Ok(Weight { shape: vec![values.len()], values })
}

/// x · scale + offset; bytes become numbers first.
pub(super) fn rescaling(call: &mut Call<'_>) -> Emitted {
    let input = call.input();
    let (scale, offset) = (numbers(call, "scale", 1.0)?, numbers(call, "offset", 0.0)?);
    let x = call.emitter.plain(&input);
    let x = call.as_float(&x, input.element);
    let (scale, offset) = (call.parameter("scale", &scale), call.parameter("offset", &offset));
    let value = call.node("Mul", &[&x, &scale], |node| node);
    let value = call.node("Add", &[&value, &offset], |node| node);
    Ok(vec![call.done(&value, input.shape, false)])
}

/// (x − mean) / √variance, with figures that were given or learnt.
pub(super) fn features(call: &mut Call<'_>) -> Emitted {
    if call.flag("invert", false) {
        return Err(call.unsupported("it inverts"));
    }
    let input = call.input();
    let given = !call.option("mean").is_null();
    let (mean, variance) = if given {
        (nested(call, "mean")?, nested(call, "variance")?)
    } else {
        (call.any_weight("mean")?, call.any_weight("variance")?)
    };
    let width = input.shape.last().copied().flatten();
    let along_last =
        mean.values.len() == 1 || (width == Some(mean.values.len()) && axis(call, &input)? == input.rank() - 1);
    if !along_last || mean.values.len() != variance.values.len() {
        return Err(call.unsupported(format!("its mean has shape {:?}", mean.shape)));
    }
    // Keras divides by no less than this.
    let deviation = variance.values.iter().map(|variance| variance.sqrt().max(1e-7)).collect();
    let shape = vec![mean.values.len()];
    let deviation = Weight { shape: shape.clone(), values: deviation };
    let mean = Weight { shape, values: mean.values };
    let x = call.emitter.plain(&input);
    let x = call.as_float(&x, input.element);
    let (mean, deviation) = (call.parameter("mean", &mean), call.parameter("deviation", &deviation));
    let value = call.node("Sub", &[&x, &mean], |node| node);
    let value = call.node("Div", &[&value, &deviation], |node| node);
    Ok(vec![call.done(&value, input.shape, false)])
}

/// The numbers of nested lists.
fn nested(call: &Call<'_>, key: &str) -> Result<Weight, ImportError> {
    fn flatten(value: &Value, values: &mut Vec<f32>, depth: usize) -> bool {
        match value {
            Value::Array(items) if depth < 8 => items.iter().all(|item| flatten(item, values, depth + 1)),
            value => value.as_f64().map(|number| values.push(number as f32)).is_some(),
        }
    }
    let mut values = Vec::new();
    if !flatten(call.option(key), &mut values, 0) {
        return Err(call.malformed(format!("its {key} is {}", call.option(key))));
    }
    Ok(Weight { shape: vec![values.len()], values })
}
