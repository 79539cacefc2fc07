//! Operators of the domain `ai.onnx.preview.training`: one step of an optimiser each.

use super::{Call, Fault, Operator, Outcome};
use crate::value::HostTensor;

pub(super) const OPERATORS: &[(&str, Operator)] = &[("Adagrad", adagrad), ("Adam", adam), ("Momentum", momentum)];

/// The learning rate, how many steps there were, and the factor of the penalty on large parameters.
struct Step {
    rate: f64,
    count: f64,
    norm: f64,
}

/// One number of a parameter, its gradient and the optimiser's memory of it.
type Update<const N: usize> = fn(&Step, &[f64], [f64; N]) -> Vec<f64>;

/// Carries out an update on every tensor: first all parameters, then all gradients, then each kind of memory.
fn updated<const N: usize>(call: &mut Call, constants: &[f64], update: Update<N>) -> Outcome {
    let rate = call.constant(0)?.ok_or(Fault::MissingInput(0))?;
    let count = call.constant(1)?.ok_or(Fault::MissingInput(1))?;
    let step = Step { rate, count, norm: call.number("norm_coefficient", 0.0)? };
    let tensors = call.inputs.len().saturating_sub(2) / N;
    let mut results = vec![Vec::new(); N - 1];
    for tensor in 0..tensors {
        let parts = (0..N).map(|part| call.host(2 + part * tensors + tensor)).collect::<Result<Vec<_>, _>>()?;
        let moved = moved(&parts, |numbers| update(&step, constants, numbers))?;
        results.iter_mut().zip(moved).for_each(|(list, tensor)| list.push(call.place(tensor)));
    }
    Ok(results.concat())
}

/// The results of an update, number by number: the parameter's, then those of each memory.
fn moved<const N: usize>(
    parts: &[HostTensor],
    update: impl Fn([f64; N]) -> Vec<f64>,
) -> Result<Vec<HostTensor>, Fault> {
    let first = &parts[0];
    if parts.iter().any(|part| part.count() != first.count()) {
        let shapes: Vec<_> = parts.iter().map(|part| &part.shape).collect();
        return Err(Fault::because(format!("{shapes:?} are not of one parameter")));
    }
    let numbers: Vec<Vec<f64>> = parts.iter().map(HostTensor::to_floats).collect();
    let mut columns = vec![Vec::with_capacity(first.count()); N - 1];
    let rows = (0..first.count()).map(|at| update(std::array::from_fn(|part| numbers[part][at])));
    for row in rows {
        columns.iter_mut().zip(row).for_each(|(column, number)| column.push(number));
    }
    Ok(columns.into_iter().map(|column| HostTensor::floats(first.element, &first.shape, column)).collect())
}

/// Duchi, Hazan and Singer (2011).
fn adagrad(call: &mut Call) -> Outcome {
    let constants = [call.number("decay_factor", 0.0)?, call.number("epsilon", 1e-6)?];
    updated(call, &constants, |step, constants, [x, gradient, squares]| {
        let rate = step.rate / (1.0 + step.count * constants[0]);
        let slope = step.norm * x + gradient;
        let squares = squares + slope * slope;
        vec![x - rate * slope / (squares.sqrt() + constants[1]), squares]
    })
}

/// Kingma and Ba (2015), corrected for its bias after the first step.
fn adam(call: &mut Call) -> Outcome {
    let constants = [
        call.number("alpha", 0.9)?,
        call.number("beta", 0.999)?,
        call.number("epsilon", 1e-6)?,
        call.number("norm_coefficient_post", 0.0)?,
    ];
    updated(call, &constants, |step, constants, [x, gradient, speed, squares]| {
        let &[alpha, beta, epsilon, shrink] = constants else { unreachable!("four constants are given") };
        let slope = step.norm * x + gradient;
        let speed = alpha * speed + (1.0 - alpha) * slope;
        let squares = beta * squares + (1.0 - beta) * slope * slope;
        let correction = (1.0 - beta.powf(step.count)).sqrt() / (1.0 - alpha.powf(step.count));
        let rate = if step.count > 0.0 { step.rate * correction } else { step.rate };
        vec![(1.0 - shrink) * (x - rate * speed / (squares.sqrt() + epsilon)), speed, squares]
    })
}

/// Polyak (1964), or looking ahead as Nesterov (1983) does.
fn momentum(call: &mut Call) -> Outcome {
    let ahead = call.string("mode")? == Some("nesterov");
    let constants = [call.number("alpha", 0.9)?, call.number("beta", 1.0)?];
    if ahead {
        return updated(call, &constants, |step, constants, [x, gradient, speed]| {
            let (slope, speed) = accelerated(step, constants, [x, gradient, speed]);
            vec![x - step.rate * (slope + constants[0] * speed), speed]
        });
    }
    updated(call, &constants, |step, constants, numbers| {
        let (_, speed) = accelerated(step, constants, numbers);
        vec![numbers[0] - step.rate * speed, speed]
    })
}

/// The slope with its penalty, and the speed after it.
fn accelerated(step: &Step, constants: &[f64], [x, gradient, speed]: [f64; 3]) -> (f64, f64) {
    let slope = step.norm * x + gradient;
    let fresh = if step.count > 0.0 { constants[1] } else { 1.0 };
    (slope, constants[0] * speed + fresh * slope)
}
