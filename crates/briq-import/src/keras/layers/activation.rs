//! Activations that are layers of their own.

use crate::keras::activation::Function;
use crate::keras::call::{Call, Emitted, Weight};

pub(super) fn activation(call: &mut Call<'_>) -> Emitted {
    let input = call.input();
    let value = call.emitter.any(&input);
    let activated = call.activated(&value, input.shape.clone(), input.turned)?;
    Ok(if activated[0].name == input.name { vec![input] } else { activated })
}

pub(super) fn softmax(call: &mut Call<'_>) -> Emitted {
    let axis = call.option("axis").as_i64().unwrap_or(-1);
    let input = call.input();
    let value = call.emitter.plain(&input);
    let value = call.node("Softmax", &[&value], |node| node.with("axis", axis));
    Ok(vec![call.done(&value, input.shape, false)])
}

pub(super) fn elu(call: &mut Call<'_>) -> Emitted {
    let alpha = call.number("alpha", 1.0) as f32;
    call.elementwise("Elu", &[], |node| node.with("alpha", alpha))
}

pub(super) fn leaky_relu(call: &mut Call<'_>) -> Emitted {
    let alpha = call.number("negative_slope", call.number("alpha", 0.3)) as f32;
    call.elementwise("LeakyRelu", &[], |node| node.with("alpha", alpha))
}

pub(super) fn relu(call: &mut Call<'_>) -> Emitted {
    if call.number("threshold", 0.0) != 0.0 {
        return Err(call.unsupported("its threshold is not 0"));
    }
    let slope = call.number("negative_slope", 0.0) as f32;
    let function = match (call.option("max_value").as_f64(), slope) {
        (None, 0.0) => Function::Operator("Relu", vec![]),
        (None, slope) => Function::Operator("LeakyRelu", vec![("alpha", slope)]),
        (Some(bound), 0.0) => Function::Clipped(bound),
        _ => return Err(call.unsupported("it has a slope and a bound")),
    };
    let input = call.input();
    let value = call.emitter.any(&input);
    call.finished(&value, input.shape, input.turned, &function)
}

/// The slope has one number for each feature, or one for several axes that share it.
pub(super) fn prelu(call: &mut Call<'_>) -> Emitted {
    let input = call.input();
    let alpha = call.any_weight("alpha")?;
    if alpha.shape.len() + 1 != input.rank() {
        return Err(call.malformed(format!("its alpha has shape {:?}", alpha.shape)));
    }
    let value = call.emitter.plain(&input);
    let shape = std::iter::once(1).chain(alpha.shape).collect();
    let alpha = call.parameter("alpha", &Weight { shape, values: alpha.values });
    let value = call.node("PRelu", &[&value, &alpha], |node| node);
    Ok(vec![call.done(&value, input.shape, false)])
}
