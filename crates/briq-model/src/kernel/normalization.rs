//! Rows that are normalised: softmax and layer normalisation; and channels, by what was learnt of them.

use std::borrow::Cow;

use briq_kernels::InOut;
use briq_kernels::elementwise::{Binary, Broadcast};
use briq_kernels::normalization::{BatchNorm, LayerNorm, layer_norm, rms_norm, scale_shift};
use briq_kernels::softmax::{log_softmax, softmax};

use super::buffer::buffer;
use super::dense::{Dense, Order};
use super::{Family, Kernel, ready};
use crate::operator::{Call, Fault, axis};
use crate::value::Value;

pub(super) const KERNELS: Family = &[
    ("Softmax", |call| rows(call, softmax)),
    ("LogSoftmax", |call| rows(call, log_softmax)),
    ("LayerNormalization", |call| normalized(call, layer_norm)),
    ("RMSNormalization", |call| normalized(call, rms_norm)),
    ("BatchNormalization", by_channel),
];

/// Fills rows in place where nothing else reads the input.
fn filled(x: Dense, function: impl Fn(InOut)) -> Vec<Value> {
    let mut x = x.rows();
    if let Some(numbers) = x.numbers_mut() {
        function(InOut::in_place(numbers));
        return vec![x.into()];
    }
    let mut numbers = buffer(x.count());
    function(InOut::between(x.numbers(), &mut numbers));
    vec![Dense::new(x.shape(), Order::Rows, numbers).into()]
}

/// Softmax or its logarithm.
struct Rows {
    function: fn(InOut, usize),
    axis: i64,
    /// Before operator set 13 all axes from that one on are one row.
    flat: bool,
}

fn rows(call: &mut Call, function: fn(InOut, usize)) -> Result<Option<Box<dyn Kernel>>, Fault> {
    let flat = call.opset < 13;
    ready(Rows { function, axis: call.int("axis", if flat { 1 } else { -1 })?, flat })
}

impl Kernel for Rows {
    fn run(&self, call: &mut Call) -> Result<Option<Vec<Value>>, Fault> {
        if !call.on_device(0) || !Dense::fits(call, 0) {
            return Ok(None);
        }
        let shape = call.shape(0)?;
        let axis = axis(self.axis, shape.len())?;
        if !self.flat && axis + 1 != shape.len() {
            return Ok(None);
        }
        let width = shape[axis..].iter().product();
        Ok(Some(filled(Dense::take(call, 0)?, |values| (self.function)(values, width))))
    }
}

/// Layer or root-mean-square normalisation with constant scale and bias.
struct Normalized {
    function: fn(InOut, &LayerNorm),
    axis: i64,
    scale: Dense,
    bias: Option<Dense>,
    epsilon: f32,
}

fn normalized(call: &mut Call, function: fn(InOut, &LayerNorm)) -> Result<Option<Box<dyn Kernel>>, Fault> {
    let biased = call.node.input(2).is_some();
    if call.node.outputs.len() != 1 || !Dense::fits(call, 1) || (biased && !Dense::fits(call, 2)) {
        return Ok(None);
    }
    let (axis, epsilon) = (call.int("axis", -1)?, call.float("epsilon", 1e-5)?);
    if biased && call.shape(1)? != call.shape(2)? {
        return Ok(None);
    }
    let (scale, bias) = (Dense::take(call, 1)?.rows(), Dense::optional(call, 2)?.map(Dense::rows));
    ready(Normalized { function, axis, scale, bias, epsilon })
}

impl Kernel for Normalized {
    fn run(&self, call: &mut Call) -> Result<Option<Vec<Value>>, Fault> {
        let shape = call.shape(0)?;
        let row = &shape[axis(self.axis, shape.len())?..];
        let bias = self.bias.as_ref().map(|bias| spread(bias, row)).transpose()?;
        let scale = spread(&self.scale, row)?;
        let norm = LayerNorm { scale: &scale, bias: bias.as_deref(), epsilon: self.epsilon };
        Ok(Some(filled(Dense::take(call, 0)?, |values| (self.function)(values, &norm))))
    }
}

/// Factors for each number of a row: as they are, or repeated along the axes that they lack.
fn spread<'f>(factors: &'f Dense, row: &[usize]) -> Result<Cow<'f, [f32]>, Fault> {
    let shape = factors.shape();
    let leading = shape.iter().take(shape.len().saturating_sub(row.len())).take_while(|&&length| length == 1).count();
    let shape = &shape[leading..];
    if shape == row {
        return Ok(Cow::Borrowed(factors.numbers()));
    }
    let misfit = || Fault::because(format!("factors of shape {shape:?} do not fit rows of shape {row:?}"));
    let broadcast = Broadcast::new(row, shape).filter(|broadcast| broadcast.shape() == row).ok_or_else(misfit)?;
    let mut numbers = vec![0.0; broadcast.count()];
    Binary::Add.apply_in_place(&broadcast, &mut numbers, factors.numbers());
    Ok(Cow::Owned(numbers))
}

/// Batch normalisation with the statistics of training: a factor and a summand for each channel.
struct ByChannel {
    scale: Vec<f32>,
    shift: Vec<f32>,
}

fn by_channel(call: &mut Call) -> Result<Option<Box<dyn Kernel>>, Fault> {
    let constant = (1..5).all(|index| Dense::fits(call, index));
    if !constant || call.node.outputs.len() != 1 || call.flag("training_mode", false)? {
        return Ok(None);
    }
    let shapes = (1..5).map(|index| call.shape(index)).collect::<Result<Vec<_>, _>>()?;
    if shapes.iter().any(|shape| shape.len() != 1 || *shape != shapes[0]) {
        return Ok(None);
    }
    let epsilon = call.float("epsilon", 1e-5)?;
    let [scale, bias, mean, variance] = [1, 2, 3, 4].map(|index| Dense::take(call, index).map(Dense::rows));
    let (scale, bias, mean, variance) = (scale?, bias?, mean?, variance?);
    let norm = BatchNorm {
        scale: scale.numbers(),
        bias: bias.numbers(),
        mean: mean.numbers(),
        variance: variance.numbers(),
        epsilon,
    };
    let (scale, shift) = norm.fold();
    ready(ByChannel { scale, shift })
}

impl Kernel for ByChannel {
    fn run(&self, call: &mut Call) -> Result<Option<Vec<Value>>, Fault> {
        let shape = call.shape(0)?;
        if !Dense::fits(call, 0) || shape.len() < 2 {
            return Ok(None);
        }
        if shape[1] != self.scale.len() {
            let reason = format!("{shape:?} does not have the {} channels of its statistics", self.scale.len());
            return Err(Fault::because(reason));
        }
        let (x, order) = match Dense::take(call, 0)? {
            x if shape.len() == 2 => (x.rows(), Order::Rows),
            x => (x.channels_last(), Order::ChannelsLast),
        };
        let mut x = x;
        if let Some(numbers) = x.numbers_mut() {
            scale_shift(InOut::in_place(numbers), &self.scale, &self.shift);
            return Ok(Some(vec![x.into()]));
        }
        let mut numbers = buffer(x.count());
        scale_shift(InOut::between(x.numbers(), &mut numbers), &self.scale, &self.shift);
        Ok(Some(vec![Dense::new(&shape, order, numbers).into()]))
    }
}
