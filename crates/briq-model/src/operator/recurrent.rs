//! Recurrent networks: plain, gated (Cho et al., 2014) and with long short-term memory (Hochreiter and Schmidhuber, 1997).

use super::activation::named;
use super::rearranging::permuted;
use super::{Call, Fault, Operator, Outcome};
use crate::value::HostTensor;

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("RNN", |call| recurrent(call, 1, &["Tanh"], plain)),
    ("GRU", |call| recurrent(call, 3, &["Sigmoid", "Tanh"], gated)),
    ("LSTM", |call| recurrent(call, 4, &["Sigmoid", "Tanh", "Tanh"], long_short)),
];

type Activation = Box<dyn Fn(f64) -> f64>;

/// One direction: its parameters, rows of gates.
struct Cell {
    size: usize,
    input: usize,
    w: Vec<f64>,
    r: Vec<f64>,
    /// Bias of the input, then bias of the state.
    b: Vec<f64>,
    peephole: Vec<f64>,
    activations: Vec<Activation>,
    reset_after: bool,
    clip: f64,
}

impl Cell {
    /// What a gate's unit receives from the input.
    fn of_input(&self, row: usize, x: &[f64]) -> f64 {
        let weights = &self.w[row * self.input..(row + 1) * self.input];
        let bias = self.b.get(row).copied().unwrap_or(0.0);
        bias + weights.iter().zip(x).map(|(w, x)| w * x).sum::<f64>()
    }

    /// What a gate's unit receives from the state.
    fn of_state(&self, row: usize, h: &[f64], gates: usize) -> f64 {
        let weights = &self.r[row * self.size..(row + 1) * self.size];
        let bias = self.b.get(gates * self.size + row).copied().unwrap_or(0.0);
        bias + weights.iter().zip(h).map(|(w, h)| w * h).sum::<f64>()
    }

    fn gate(&self, row: usize, x: &[f64], h: &[f64], gates: usize) -> f64 {
        self.clipped(self.of_input(row, x) + self.of_state(row, h, gates))
    }

    fn clipped(&self, number: f64) -> f64 {
        if self.clip > 0.0 { number.clamp(-self.clip, self.clip) } else { number }
    }

    fn peep(&self, gate: usize, unit: usize, c: f64) -> f64 {
        self.peephole.get(gate * self.size + unit).map_or(0.0, |weight| weight * c)
    }
}

/// One step: new state and memory from an input, state and memory.
type Step = fn(&Cell, &[f64], &[f64], &[f64]) -> (Vec<f64>, Vec<f64>);

fn plain(cell: &Cell, x: &[f64], h: &[f64], c: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let next = (0..cell.size).map(|unit| (cell.activations[0])(cell.gate(unit, x, h, 1)));
    (next.collect(), c.to_vec())
}

/// Gates: update, reset, hidden.
fn gated(cell: &Cell, x: &[f64], h: &[f64], c: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let size = cell.size;
    let (f, g) = (&cell.activations[0], &cell.activations[1]);
    let update: Vec<f64> = (0..size).map(|unit| f(cell.gate(unit, x, h, 3))).collect();
    let reset: Vec<f64> = (0..size).map(|unit| f(cell.gate(size + unit, x, h, 3))).collect();
    let held: Vec<f64> = reset.iter().zip(h).map(|(reset, h)| reset * h).collect();
    let next = (0..size).map(|unit| {
        let row = 2 * size + unit;
        let state =
            if cell.reset_after { reset[unit] * cell.of_state(row, h, 3) } else { cell.of_state(row, &held, 3) };
        let hidden = g(cell.clipped(cell.of_input(row, x) + state));
        (1.0 - update[unit]) * hidden + update[unit] * h[unit]
    });
    (next.collect(), c.to_vec())
}

/// Gates: input, output, forget, cell.
fn long_short(cell: &Cell, x: &[f64], h: &[f64], c: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let size = cell.size;
    let [f, g, out] = &cell.activations[..] else { return (h.to_vec(), c.to_vec()) };
    let one = |unit: usize| {
        let gate = |gate: usize| cell.gate(gate * size + unit, x, h, 4);
        let input = f(gate(0) + cell.peep(0, unit, c[unit]));
        let forget = f(gate(2) + cell.peep(2, unit, c[unit]));
        let memory = forget * c[unit] + input * g(gate(3));
        let output = f(gate(1) + cell.peep(1, unit, memory));
        (output * out(memory), memory)
    };
    (0..size).map(one).unzip()
}

/// The parameters of one direction, cut out of those of all.
fn cell(
    call: &Call,
    parts: &[Option<HostTensor>],
    direction: usize,
    of: (usize, usize, &[&str]),
) -> Result<Cell, Fault> {
    let (directions, size, defaults) = of;
    let part = |tensor: &Option<HostTensor>| {
        let numbers = tensor.as_ref().map(HostTensor::to_floats).unwrap_or_default();
        let length = numbers.len() / directions;
        numbers[direction * length..(direction + 1) * length].to_vec()
    };
    let names = call.strings("activations")?;
    let (alphas, betas) = (call.numbers("activation_alpha")?, call.numbers("activation_beta")?);
    let activation = |(at, default): (usize, &&str)| {
        let index = direction * defaults.len() + at;
        let name = names.and_then(|names| names.get(index)).map_or(*default, String::as_str);
        let number = |list: &Option<Vec<f64>>, otherwise| {
            list.as_ref().and_then(|list| list.get(index).copied()).unwrap_or(otherwise)
        };
        named(name, number(&alphas, 0.01), number(&betas, 0.0))
    };
    let input = parts[0].as_ref().and_then(|w| w.shape.last().copied()).unwrap_or(0);
    Ok(Cell {
        size,
        input,
        w: part(&parts[0]),
        r: part(&parts[1]),
        b: part(&parts[2]),
        peephole: part(&parts[3]),
        activations: defaults.iter().enumerate().map(activation).collect::<Result<_, _>>()?,
        reset_after: call.flag("linear_before_reset", false)?,
        clip: call.number("clip", 0.0)?,
    })
}

fn recurrent(call: &mut Call, gates: usize, defaults: &[&str], step: Step) -> Outcome {
    if call.any_learns() {
        return super::gradient::recurrent(call, gates, defaults);
    }
    let batch_first = call.flag("layout", false)?;
    let mode = call.string("direction")?.unwrap_or("forward");
    let x = call.host(0)?;
    let x = if batch_first { permuted(&x, &[1, 0, 2]) } else { x };
    let [steps, batch, input] = x.shape[..] else {
        return Err(Fault::because(format!("{:?} is no sequence", x.shape)));
    };
    let (w, r, b) = (call.host(1)?, call.host(2)?, call.host_or_none(3)?);
    let lengths = call.integers(4)?;
    let directions = if mode == "bidirectional" { 2 } else { 1 };
    let size = call.size("hidden_size", r.shape.last().copied().unwrap_or(0))?;
    if w.shape != [directions, gates * size, input] || r.shape != [directions, gates * size, size] {
        return Err(Fault::because(format!("weights of shape {:?} and {:?} do not fit", w.shape, r.shape)));
    }
    let start = |tensor: Option<HostTensor>| match tensor {
        Some(tensor) if batch_first => permuted(&tensor, &[1, 0, 2]).to_floats(),
        Some(tensor) => tensor.to_floats(),
        None => vec![0.0; directions * batch * size],
    };
    let (mut h, mut c) = (start(call.host_or_none(5)?), start(call.host_or_none(6)?));
    let parts = [Some(w), Some(r), b, call.host_or_none(7)?];
    let numbers = x.to_floats();
    let mut y = vec![0.0; steps * directions * batch * size];
    for direction in 0..directions {
        let cell = cell(call, &parts, direction, (directions, size, defaults))?;
        let backwards = direction == 1 || mode == "reverse";
        for example in 0..batch {
            let length = lengths.as_ref().map_or(steps, |lengths| (lengths[example].max(0) as usize).min(steps));
            let own = (direction * batch + example) * size..(direction * batch + example + 1) * size;
            for time in 0..length {
                let time = if backwards { length - 1 - time } else { time };
                let from = (time * batch + example) * input;
                let (next, memory) = step(&cell, &numbers[from..from + input], &h[own.clone()], &c[own.clone()]);
                let to = ((time * directions + direction) * batch + example) * size;
                y[to..to + size].copy_from_slice(&next);
                h[own.clone()].copy_from_slice(&next);
                c[own.clone()].copy_from_slice(&memory);
            }
        }
    }
    let y = HostTensor::floats(x.element, &[steps, directions, batch, size], y);
    let state = |numbers: Vec<f64>| HostTensor::floats(x.element, &[directions, batch, size], numbers);
    let turned = |state: HostTensor| if batch_first { permuted(&state, &[1, 0, 2]) } else { state };
    let y = if batch_first { permuted(&y, &[2, 0, 1, 3]) } else { y };
    Ok([y, turned(state(h)), turned(state(c))].into_iter().map(|tensor| call.place(tensor)).collect())
}
