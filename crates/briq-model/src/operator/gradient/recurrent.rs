//! Recurrent networks, unrolled step by step.

use burn::backend::ops::{ActivationOps, FloatTensorOps};
use burn::backend::{Dispatch, Scalar};
use burn::tensor::Slice;

use crate::operator::{Call, Fault, Outcome};
use crate::value::{DeviceTensor, Value, align, dimensions, reshape};

type Activation = fn(DeviceTensor) -> DeviceTensor;

/// One direction. Gates lie side by side along the second axis.
struct Cell {
    /// Hidden units.
    size: usize,
    gates: usize,
    /// `[size, gates × size]`.
    recurrence: DeviceTensor,
    /// Bias of the state, `[1, gates × size]`.
    bias: Option<DeviceTensor>,
    /// `[1, 3 × size]`.
    peephole: Option<DeviceTensor>,
    activations: Vec<Activation>,
    reset_after: bool,
    clip: f64,
}

/// State and memory, `[batch, size]` each.
type State = (DeviceTensor, DeviceTensor);

impl Cell {
    /// The columns of one gate.
    fn gate(&self, all: &DeviceTensor, gate: usize) -> DeviceTensor {
        part(all.clone(), 1, gate * self.size, self.size)
    }

    /// What the gates receive from the state.
    fn of_state(&self, h: DeviceTensor) -> DeviceTensor {
        plus(Dispatch::float_matmul(h, self.recurrence.clone()), self.bias.clone())
    }

    fn clipped(&self, x: DeviceTensor) -> DeviceTensor {
        let (least, most) = (Scalar::Float(-self.clip), Scalar::Float(self.clip));
        if self.clip > 0.0 { Dispatch::float_clamp(x, least, most) } else { x }
    }

    fn peep(&self, x: DeviceTensor, gate: usize, c: &DeviceTensor) -> DeviceTensor {
        match &self.peephole {
            Some(weights) => Dispatch::float_add(x, Dispatch::float_mul(c.clone(), self.gate(weights, gate))),
            None => x,
        }
    }

    /// New state and memory from what the gates receive from the input.
    fn step(&self, x: DeviceTensor, state: State) -> State {
        match self.gates {
            1 => self.plain(x, state),
            3 => self.gated(x, state),
            _ => self.long_short(x, state),
        }
    }

    /// Goes through `[steps, batch, gates × size]`: every state, `[steps, 1, batch, size]`, and the last one.
    fn run(&self, received: &DeviceTensor, start: State, backwards: bool) -> (DeviceTensor, State) {
        let [steps, batch, width] = dimensions(received)[..] else { unreachable!("it was made with three axes") };
        let mut state = start;
        let mut sequence = Vec::with_capacity(steps);
        for step in 0..steps {
            let time = if backwards { steps - 1 - step } else { step };
            state = self.step(reshape(part(received.clone(), 0, time, 1), &[batch, width]), state);
            sequence.push(reshape(state.0.clone(), &[1, 1, batch, self.size]));
        }
        if backwards {
            sequence.reverse();
        }
        (Dispatch::float_cat(sequence, 0), state)
    }

    fn plain(&self, x: DeviceTensor, (h, c): State) -> State {
        let received = self.clipped(Dispatch::float_add(x, self.of_state(h)));
        ((self.activations[0])(received), c)
    }

    /// Gates: update, reset, hidden.
    fn gated(&self, x: DeviceTensor, (h, c): State) -> State {
        let (f, g) = (self.activations[0], self.activations[1]);
        let state = self.of_state(h.clone());
        let gate = |gate| f(self.clipped(Dispatch::float_add(self.gate(&x, gate), self.gate(&state, gate))));
        let (update, reset) = (gate(0), gate(1));
        let of_state = if self.reset_after {
            Dispatch::float_mul(reset, self.gate(&state, 2))
        } else {
            self.gate(&self.of_state(Dispatch::float_mul(reset, h.clone())), 2)
        };
        let hidden = g(self.clipped(Dispatch::float_add(self.gate(&x, 2), of_state)));
        let change = Dispatch::float_mul(update, Dispatch::float_sub(h, hidden.clone()));
        (Dispatch::float_add(hidden, change), c)
    }

    /// Gates: input, output, forget, cell.
    fn long_short(&self, x: DeviceTensor, (h, c): State) -> State {
        let received = Dispatch::float_add(x, self.of_state(h));
        let gate = |gate, peep: Option<(usize, &DeviceTensor)>| {
            let x = self.clipped(self.gate(&received, gate));
            if let Some((weights, c)) = peep { self.peep(x, weights, c) } else { x }
        };
        let (f, g, out) = (self.activations[0], self.activations[1], self.activations[2]);
        let (input, forget) = (f(gate(0, Some((0, &c)))), f(gate(2, Some((2, &c)))));
        let memory = Dispatch::float_add(Dispatch::float_mul(forget, c), Dispatch::float_mul(input, g(gate(3, None))));
        let output = f(gate(1, Some((1, &memory))));
        (Dispatch::float_mul(output, out(memory.clone())), memory)
    }
}

/// `length` elements along an axis.
fn part(x: DeviceTensor, axis: usize, start: usize, length: usize) -> DeviceTensor {
    let whole = |&size: &usize| Slice::new(0, Some(size as isize), 1);
    let mut slices: Vec<Slice> = dimensions(&x).iter().map(whole).collect();
    slices[axis] = Slice::new(start as isize, Some((start + length) as isize), 1);
    Dispatch::float_slice(x, &slices)
}

fn plus(x: DeviceTensor, bias: Option<DeviceTensor>) -> DeviceTensor {
    let Some(bias) = bias else { return x };
    let (x, bias) = align(x, bias);
    Dispatch::float_add(x, bias)
}

/// The parameters of all directions.
struct Layer {
    gates: usize,
    size: usize,
    /// `[directions, gates × size, input]`.
    w: DeviceTensor,
    /// `[directions, gates × size, size]`.
    r: DeviceTensor,
    /// `[directions, 2 × gates × size]`: of the input, then of the state.
    b: Option<DeviceTensor>,
    /// `[directions, 3 × size]`.
    peephole: Option<DeviceTensor>,
}

impl Layer {
    fn cell(&self, call: &Call, direction: usize, defaults: &[&str]) -> Result<Cell, Fault> {
        let (width, size) = (self.gates * self.size, self.size);
        let r = reshape(part(self.r.clone(), 0, direction, 1), &[width, size]);
        Ok(Cell {
            size,
            gates: self.gates,
            recurrence: Dispatch::float_transpose(r),
            bias: self.bias(direction, width),
            peephole: self.peephole.clone().map(|weights| part(weights, 0, direction, 1)),
            activations: activations(call, direction, defaults)?,
            reset_after: call.flag("linear_before_reset", false)?,
            clip: call.number("clip", 0.0)?,
        })
    }

    /// `[1, gates × size]`, from a column on.
    fn bias(&self, direction: usize, from: usize) -> Option<DeviceTensor> {
        let width = self.gates * self.size;
        self.b.clone().map(|b| part(part(b, 0, direction, 1), 1, from, width))
    }

    /// What the gates receive from a whole sequence `[steps, batch, input]`: `[steps, batch, gates × size]`.
    fn of_input(&self, x: &DeviceTensor, direction: usize) -> DeviceTensor {
        let (width, shape) = (self.gates * self.size, dimensions(x));
        let w = reshape(part(self.w.clone(), 0, direction, 1), &[width, shape[2]]);
        let rows = reshape(x.clone(), &[shape[0] * shape[1], shape[2]]);
        let received = plus(Dispatch::float_matmul(rows, Dispatch::float_transpose(w)), self.bias(direction, 0));
        reshape(received, &[shape[0], shape[1], width])
    }
}

fn activations(call: &Call, direction: usize, defaults: &[&str]) -> Result<Vec<Activation>, Fault> {
    let names = call.strings("activations")?;
    let named = |(at, default): (usize, &&str)| -> Result<Activation, Fault> {
        let name = names.and_then(|names| names.get(direction * defaults.len() + at)).map_or(*default, String::as_str);
        match name {
            "Sigmoid" => Ok(Dispatch::sigmoid),
            "Tanh" => Ok(Dispatch::float_tanh),
            "Relu" => Ok(Dispatch::relu),
            other => Err(Fault::because(format!("no gradient flows through activation `{other}`"))),
        }
    };
    defaults.iter().enumerate().map(named).collect()
}

/// `RNN`, `GRU` and `LSTM` with one, three and four gates.
pub(in crate::operator) fn recurrent(call: &mut Call, gates: usize, defaults: &[&str]) -> Outcome {
    let batch_first = call.flag("layout", false)?;
    let mode = call.string("direction")?.unwrap_or("forward");
    let turn = |x: DeviceTensor| if batch_first { Dispatch::float_permute(x, &[1, 0, 2]) } else { x };
    let x = turn(call.tensor(0)?);
    let [steps, batch, input] = dimensions(&x)[..] else { return Err(Fault::because("there is no sequence")) };
    if call.integers(4)?.is_some_and(|lengths| lengths.iter().any(|length| *length != steps as i64)) {
        return Err(Fault::because("no gradient flows through sequences of different lengths"));
    }
    let (w, r) = (call.tensor(1)?, call.tensor(2)?);
    let directions = if mode == "bidirectional" { 2 } else { 1 };
    let size = call.size("hidden_size", dimensions(&r).last().copied().unwrap_or(0))?;
    if dimensions(&w) != [directions, gates * size, input] || dimensions(&r) != [directions, gates * size, size] {
        let (w, r) = (dimensions(&w), dimensions(&r));
        return Err(Fault::because(format!("weights of shape {w:?} and {r:?} do not fit")));
    }
    let b = call.optional(3)?;
    let zeros = call.upload(vec![0.0; directions * batch * size], &[directions, batch, size]);
    let h = call.optional(5)?.map_or_else(|| zeros.clone(), turn);
    let c = call.optional(6)?.map_or(zeros, turn);
    let layer = Layer { gates, size, w, r, b, peephole: call.optional(7)? };
    let start = |all: &DeviceTensor, direction| reshape(part(all.clone(), 0, direction, 1), &[batch, size]);
    let (mut sequences, mut states, mut memories) = (Vec::new(), Vec::new(), Vec::new());
    for direction in 0..directions {
        let cell = layer.cell(call, direction, defaults)?;
        let received = layer.of_input(&x, direction);
        let backwards = direction == 1 || mode == "reverse";
        let (sequence, (h, c)) = cell.run(&received, (start(&h, direction), start(&c, direction)), backwards);
        sequences.push(sequence);
        states.push(reshape(h, &[1, batch, size]));
        memories.push(reshape(c, &[1, batch, size]));
    }
    let y = Dispatch::float_cat(sequences, 1);
    let y = if batch_first { Dispatch::float_permute(y, &[2, 0, 1, 3]) } else { y };
    let ends = [states, memories].map(|ends| turn(Dispatch::float_cat(ends, 0)));
    Ok(std::iter::once(y).chain(ends).map(Value::Device).collect())
}
