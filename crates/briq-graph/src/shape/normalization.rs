//! Operators that centre, scale, or share out.

use super::Inferred;
use super::context::Context;
use crate::{GraphError, Value};

/// Parameters and statistics hold one number for each channel.
pub(super) fn batch(context: &Context<'_>) -> Inferred {
    let input = context.input(0)?;
    context.float(input)?;
    if input.shape.len() < 2 {
        return Err(context.refuse(format!("`{input}` should have a batch axis and a channel axis")));
    }
    for position in 1..5 {
        let per_channel = context.input(position)?;
        context.ranked(per_channel, 1)?;
        context.agree((input, 1), (per_channel, 0))?;
    }
    let mut outputs = vec![(input.element, input.shape.clone())];
    if context.flag("training_mode") {
        let running = [context.input(3)?, context.input(4)?];
        outputs.extend(running.map(|statistic| (statistic.element, statistic.shape.clone())));
    }
    Ok(outputs)
}

/// Scale and bias may be broadcast to the input, never the other way.
pub(super) fn layer(context: &Context<'_>) -> Inferred {
    let input = context.input(0)?;
    context.float(input)?;
    context.axis(context.int("axis").unwrap_or(-1), input.shape.len())?;
    let scale = context.input(1)?;
    for parameter in std::iter::once(scale).chain(context.optional(2)) {
        within(context, input, parameter)?;
    }
    Ok(vec![(input.element, input.shape.clone())])
}

fn within(context: &Context<'_>, input: &Value, parameter: &Value) -> Result<(), GraphError> {
    let joined = context.broadcast(&input.shape, &parameter.shape)?;
    if joined == input.shape {
        return Ok(());
    }
    Err(context.refuse(format!("`{parameter}` is larger than `{input}`")))
}

pub(super) fn softmax(context: &Context<'_>) -> Inferred {
    let input = context.input(0)?;
    context.float(input)?;
    let default = if context.opset() < 13 { 1 } else { -1 };
    context.axis(context.int("axis").unwrap_or(default), input.shape.len())?;
    Ok(vec![(input.element, input.shape.clone())])
}
