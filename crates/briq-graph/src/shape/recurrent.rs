//! Layers that walk along a sequence.

use super::Inferred;
use super::context::{Context, Type};
use crate::Dim;

/// `Y`, `Y_h`, and `Y_c` where the layer is an LSTM: `[time, directions, batch, units]`, or batch first where `layout`
/// says so.
pub(super) fn layer(context: &Context<'_>) -> Inferred {
    let (input, weight) = (context.input(0)?, context.input(1)?);
    let recurrent = context.input(2)?;
    for value in [input, weight, recurrent] {
        context.ranked(value, 3)?;
    }
    let (directions, units) = (weight.shape[0].clone(), recurrent.shape[2].clone());
    let batch_first = context.flag("layout");
    let (time, batch) = if batch_first { (1, 0) } else { (0, 1) };
    let (time, batch) = (input.shape[time].clone(), input.shape[batch].clone());
    let sequence: [Dim; 4];
    let last: [Dim; 3];
    if batch_first {
        sequence = [batch.clone(), time, directions.clone(), units.clone()];
        last = [batch, directions, units];
    } else {
        sequence = [time, directions.clone(), batch.clone(), units.clone()];
        last = [directions, batch, units];
    }
    let last: Type = (input.element, last.to_vec());
    let outputs = vec![(input.element, sequence.to_vec()), last.clone(), last];
    Ok(outputs.into_iter().take(if context.operator() == "LSTM" { 3 } else { 2 }).collect())
}
