//! Recurrent layers with constant weights and the activations that ONNX gives them by default.

use briq_kernels::recurrent::{Direction, Gru, GruSpec, Lstm, LstmStates, RecurrentSpec, Sequences, Weights};

use super::buffer::buffer;
use super::dense::{Dense, Order};
use super::{Family, Kernel, ready};
use crate::operator::{Call, Fault};
use crate::value::Value;

pub(super) const KERNELS: Family = &[("LSTM", lstm), ("GRU", gru)];

/// What carries out the steps of a layer.
enum Cells {
    Lstm(Lstm),
    Gru(Gru),
}

struct Layer {
    spec: RecurrentSpec,
    cells: Cells,
}

fn lstm(call: &mut Call) -> Result<Option<Box<dyn Kernel>>, Fault> {
    let peephole = call.node.input(7).is_some();
    if !is_plain(call, &["Sigmoid", "Tanh", "Tanh"])?
        || call.flag("input_forget", false)?
        || (peephole && !Dense::fits(call, 7))
    {
        return Ok(None);
    }
    let Some(spec) = spec(call, 4)? else { return Ok(None) };
    if peephole && call.shape(7)? != [spec.direction.count(), 3 * spec.hidden] {
        return Ok(None);
    }
    let (parameters, peepholes) = (Parameters::take(call)?, Dense::optional(call, 7)?.map(Dense::rows));
    let cells = Lstm::new(spec, &parameters.weights(), peepholes.as_ref().map(Dense::numbers));
    ready(Layer { spec, cells: Cells::Lstm(cells) })
}

fn gru(call: &mut Call) -> Result<Option<Box<dyn Kernel>>, Fault> {
    if !is_plain(call, &["Sigmoid", "Tanh"])? {
        return Ok(None);
    }
    let Some(layer) = spec(call, 3)? else { return Ok(None) };
    let linear_before_reset = call.flag("linear_before_reset", false)?;
    let parameters = Parameters::take(call)?;
    let cells = Gru::new(GruSpec { layer, linear_before_reset }, &parameters.weights());
    ready(Layer { spec: layer, cells: Cells::Gru(cells) })
}

/// Whether the node asks for nothing beyond what the cells do, and its parameters are constant. Exporters write defaults out.
fn is_plain(call: &Call, activations: &[&str]) -> Result<bool, Fault> {
    let extra = ["activation_alpha", "activation_beta", "clip"];
    let biased = call.node.input(3).is_some();
    let constant = Dense::fits(call, 1) && Dense::fits(call, 2) && (!biased || Dense::fits(call, 3));
    let given = call.strings("activations")?.unwrap_or_default();
    let default = given.iter().zip(activations.iter().cycle()).all(|(given, default)| given == default);
    let plain = !extra.iter().any(|name| call.node.attributes.contains_key(*name));
    Ok(constant && default && plain && call.int("layout", 0)? == 0)
}

/// The sizes, where the parameters' shapes agree on them.
fn spec(call: &Call, gates: usize) -> Result<Option<RecurrentSpec>, Fault> {
    let direction = match call.string("direction")? {
        None | Some("forward") => Direction::Forward,
        Some("reverse") => Direction::Reverse,
        Some("bidirectional") => Direction::Bidirectional,
        Some(_) => return Ok(None),
    };
    let (w, r, count) = (call.shape(1)?, call.shape(2)?, direction.count());
    let (&[_, _, input], &[_, _, hidden]) = (&w[..], &r[..]) else { return Ok(None) };
    let bias = if call.has(3) { Some(call.shape(3)?) } else { None };
    let fits = w[..2] == [count, gates * hidden]
        && r[..2] == [count, gates * hidden]
        && bias.is_none_or(|bias| bias == [count, 2 * gates * hidden]);
    Ok(fits.then_some(RecurrentSpec { input, hidden, direction }))
}

struct Parameters {
    input: Dense,
    recurrent: Dense,
    bias: Option<Dense>,
}

impl Parameters {
    fn take(call: &mut Call) -> Result<Self, Fault> {
        let (input, recurrent) = (Dense::take(call, 1)?.rows(), Dense::take(call, 2)?.rows());
        Ok(Self { input, recurrent, bias: Dense::optional(call, 3)?.map(Dense::rows) })
    }

    fn weights(&self) -> Weights<'_> {
        let bias = self.bias.as_ref().map(Dense::numbers);
        Weights { input: self.input.numbers(), recurrent: self.recurrent.numbers(), bias }
    }
}

impl Kernel for Layer {
    fn run(&self, call: &mut Call) -> Result<Option<Vec<Value>>, Fault> {
        let x = Dense::take(call, 0)?.rows();
        let &[steps, batch, input] = x.shape() else {
            return Err(Fault::because(format!("{:?} is no sequence", x.shape())));
        };
        let state = [self.spec.direction.count(), batch, self.spec.hidden];
        let lengths = lengths(call, steps, batch)?;
        let initial = Dense::optional(call, 5)?.map(Dense::rows);
        let memory =
            if matches!(self.cells, Cells::Lstm(_)) { Dense::optional(call, 6)?.map(Dense::rows) } else { None };
        let wrong = |given: &Option<Dense>| given.as_ref().is_some_and(|given| given.shape() != state);
        if input != self.spec.input || wrong(&initial) || wrong(&memory) {
            return Err(Fault::because(format!("{:?} or its state do not fit {:?}", x.shape(), self.spec)));
        }
        let initial = initial.as_ref().map(Dense::numbers);
        let sequences = Sequences { values: x.numbers(), steps, batch, lengths: lengths.as_deref(), initial };
        Ok(Some(self.carry_out(&sequences, memory.as_ref().map(Dense::numbers), &state)))
    }
}

impl Layer {
    fn carry_out(&self, sequences: &Sequences, memory: Option<&[f32]>, state: &[usize; 3]) -> Vec<Value> {
        let &[directions, batch, hidden] = state;
        let count = directions * batch * hidden;
        let (mut out, mut last) = (buffer(sequences.steps * count), buffer(count));
        let mut cell = Vec::new();
        match &self.cells {
            Cells::Gru(gru) => gru.run(sequences, &mut out, &mut last),
            Cells::Lstm(lstm) => {
                cell = buffer(count);
                lstm.run(sequences, memory, &mut out, LstmStates { hidden: &mut last, cell: &mut cell });
            }
        }
        let all = Dense::new(&[sequences.steps, directions, batch, hidden], Order::Rows, out);
        let mut values = vec![all.into(), Dense::new(state, Order::Rows, last).into()];
        if !cell.is_empty() {
            values.push(Dense::new(state, Order::Rows, cell).into());
        }
        values
    }
}

/// How many steps each sequence has, where the node says so.
fn lengths(call: &mut Call, steps: usize, batch: usize) -> Result<Option<Vec<usize>>, Fault> {
    let Some(given) = call.integers(4)? else { return Ok(None) };
    if given.len() != batch {
        return Err(Fault::because(format!("{} lengths for {batch} sequences", given.len())));
    }
    let one = |length: i64| usize::try_from(length).unwrap_or(0).min(steps);
    Ok(Some(given.into_iter().map(one).collect()))
}
