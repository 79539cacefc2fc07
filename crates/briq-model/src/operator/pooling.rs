//! Pooling over the spatial dimensions.

use burn::backend::Dispatch;
use burn::backend::ops::{FloatTensorOps, ModuleOps};
use burn::tensor::ops::PadMode;

use super::convolution::{Window, fixed};
use super::gradient::Windows;
use super::space::{coordinates, position, strides};
use super::{Call, Fault, Operator, Outcome, one};
use crate::value::{DeviceTensor, HostTensor, Value, reshape};

pub(super) const OPERATORS: &[(&str, Operator)] = &[
    ("MaxPool", max_pool),
    ("AveragePool", average_pool),
    ("LpPool", lp_pool),
    ("MaxUnpool", max_unpool),
    ("GlobalAveragePool", |call| global(call, |numbers| numbers.iter().sum::<f64>() / numbers.len() as f64)),
    ("GlobalMaxPool", |call| global(call, |numbers| numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max))),
    ("GlobalLpPool", global_lp_pool),
];

fn window(call: &Call) -> Result<Window, Fault> {
    Window::of_node(call, &call.shape(0)?)
}

/// The shape of what a window over a tensor `[batch, channels, …]` leaves.
pub(crate) fn pooled_shape(input: &[usize], window: &Window, ceil: bool) -> Result<Vec<usize>, Fault> {
    Pooled::new(input, window, ceil).map(|pooled| pooled.shape)
}

/// Whether the backends pool in this way: over two dimensions, rounding down.
fn plain(call: &Call, window: &Window) -> Result<bool, Fault> {
    Ok(window.kernel.len() == 2 && call.on_device(0) && !call.flag("ceil_mode", false)?)
}

fn max_pool(call: &mut Call) -> Outcome {
    let window = window(call)?;
    if plain(call, &window)? && call.node.outputs.len() == 1 {
        let (x, padding) = symmetric(call.tensor(0)?, &window, f32::NEG_INFINITY)?;
        let (kernel, stride, dilation) = (fixed(&window.kernel)?, fixed(&window.stride)?, fixed(&window.dilation)?);
        return one(Dispatch::max_pool2d(x, kernel, stride, padding, dilation, false));
    }
    max_pool_host(call, &window)
}

/// With the positions of the greatest elements in the whole tensor, rows first unless the node says otherwise.
fn max_pool_host(call: &mut Call, window: &Window) -> Outcome {
    let ceil = call.flag("ceil_mode", false)?;
    let columns_first = call.flag("storage_order", false)?;
    let value = call.inputs.first().cloned().flatten().ok_or(Fault::MissingInput(0))?;
    let x = call.detached(0)?;
    let pooled = Pooled::new(&x.shape, window, ceil)?;
    let numbers = x.to_floats();
    let mut places = Vec::new();
    pooled.visit(|cell| {
        let best = cell.inside.iter().copied().reduce(|best, at| if numbers[at] > numbers[best] { at } else { best });
        places.push(best.unwrap_or(0));
    });
    let spatial = &x.shape[2..];
    let numbered = |place: &usize| {
        let size: usize = spatial.iter().product();
        let inside: Vec<usize> = strides(spatial).iter().zip(spatial).map(|(s, l)| place % size / s % l).collect();
        let turned = inside.iter().zip(spatial).rev().fold(0, |sum, (index, length)| sum * length + index);
        if columns_first { place / size * size + turned } else { *place }
    };
    let indices = HostTensor::indices(&pooled.shape, places.iter().map(numbered));
    Ok(vec![call.picked(value, &pooled.shape, places, None)?, Value::Host(indices)])
}

fn average_pool(call: &mut Call) -> Outcome {
    let window = window(call)?;
    let count = call.flag("count_include_pad", false)?;
    let even = window.padding.iter().all(|(begin, end)| begin == end);
    let dense = window.dilation.iter().all(|step| *step == 1);
    let narrow = window.padding.iter().zip(&window.kernel).all(|((begin, end), size)| begin.max(end) * 2 <= *size);
    if plain(call, &window)? && dense && (even && narrow || count) {
        let (x, padding) = symmetric(call.tensor(0)?, &window, 0.0)?;
        return one(Dispatch::avg_pool2d(x, fixed(&window.kernel)?, fixed(&window.stride)?, padding, count, false));
    }
    if call.learns(0) {
        let windows = windows(call, &window, count)?;
        return super::gradient::average_pool(call, &windows);
    }
    pool_host(call, &window, |numbers, cell| {
        let parts = if count { cell.with_padding } else { numbers.len() };
        numbers.iter().sum::<f64>() / parts as f64
    })
}

fn lp_pool(call: &mut Call) -> Outcome {
    let p = call.int("p", 2)? as f64;
    let window = window(call)?;
    if call.learns(0) {
        let windows = windows(call, &window, false)?;
        return super::gradient::lp_pool(call, &windows, p);
    }
    pool_host(call, &window, |numbers, _| norm(numbers, p))
}

fn norm(numbers: &[f64], p: f64) -> f64 {
    numbers.iter().map(|number| number.abs().powf(p)).sum::<f64>().powf(p.recip())
}

/// Which elements lie under each place of a window; `padding` counts what lies outside into the means.
fn windows(call: &Call, window: &Window, padding: bool) -> Result<Windows, Fault> {
    let shape = call.shape(0)?;
    let outside: usize = shape.iter().product();
    let size: usize = window.kernel.iter().product();
    let pooled = Pooled::new(&shape, window, call.flag("ceil_mode", false)?)?;
    let (mut positions, mut parts) = (Vec::new(), Vec::new());
    pooled.visit(|cell| {
        positions.extend(&cell.inside);
        positions.extend(std::iter::repeat_n(outside, size - cell.inside.len()));
        parts.push(if padding { cell.with_padding } else { cell.inside.len() } as f64);
    });
    Ok(Windows { shape: pooled.shape, positions, parts })
}

fn pool_host(call: &mut Call, window: &Window, function: impl Fn(&[f64], &Cell) -> f64) -> Outcome {
    let ceil = call.flag("ceil_mode", false)?;
    let x = call.host(0)?;
    let pooled = Pooled::new(&x.shape, window, ceil)?;
    let numbers = x.to_floats();
    let mut results = Vec::new();
    pooled.visit(|cell| {
        let inside: Vec<f64> = cell.inside.iter().map(|&at| numbers[at]).collect();
        results.push(function(&inside, cell));
    });
    call.answer(HostTensor::floats(x.element, &pooled.shape, results))
}

/// One place of the window.
struct Cell {
    /// The elements under it.
    inside: Vec<usize>,
    /// How many elements and paddings are under it.
    with_padding: usize,
}

/// A window over a tensor.
struct Pooled<'a> {
    input: &'a [usize],
    window: &'a Window,
    shape: Vec<usize>,
}

impl<'a> Pooled<'a> {
    fn new(input: &'a [usize], window: &'a Window, ceil: bool) -> Result<Self, Fault> {
        let mut shape = input[..2].to_vec();
        for axis in 0..window.kernel.len() {
            let (begin, end) = window.padding[axis];
            let span = (window.kernel[axis] - 1) * window.dilation[axis] + 1;
            let (size, step) = (input[axis + 2], window.stride[axis]);
            let free = (size + begin + end).checked_sub(span);
            let free = free.ok_or_else(|| Fault::because(format!("a window of {span} is larger than {size}")))?;
            let mut count = if ceil { free.div_ceil(step) } else { free / step } + 1;
            if ceil && (count - 1) * step >= size + begin {
                count -= 1;
            }
            shape.push(count);
        }
        Ok(Self { input, window, shape })
    }

    fn visit(&self, mut each: impl FnMut(&Cell)) {
        let own = strides(self.input);
        for at in coordinates(&self.shape) {
            let mut cell = Cell { inside: Vec::new(), with_padding: 0 };
            let plane = at[0] * own[0] + at[1] * own[1];
            for offset in coordinates(&self.window.kernel) {
                self.look(&at[2..], &offset, (plane, &own[2..]), &mut cell);
            }
            each(&cell);
        }
    }

    fn look(&self, at: &[usize], offset: &[usize], (plane, own): (usize, &[usize]), cell: &mut Cell) {
        let window = self.window;
        let place = |axis: usize| at[axis] * window.stride[axis] + offset[axis] * window.dilation[axis];
        let padded = |axis: usize| self.input[axis + 2] + window.padding[axis].0 + window.padding[axis].1;
        let axes = 0..at.len();
        if !axes.clone().all(|axis| place(axis) < padded(axis)) {
            return;
        }
        cell.with_padding += 1;
        let inside =
            axes.map(|axis| place(axis).checked_sub(window.padding[axis].0).filter(|i| *i < self.input[axis + 2]));
        if let Some(inside) = inside.collect::<Option<Vec<_>>>() {
            cell.inside.push(plane + position(&inside, own));
        }
    }
}

fn global(call: &mut Call, function: fn(&[f64]) -> f64) -> Outcome {
    if call.on_device(0) && call.shape(0)?.len() == 4 && call.node.operator == "GlobalAveragePool" {
        return one(Dispatch::adaptive_avg_pool2d(call.tensor(0)?, [1, 1]));
    }
    let shape = call.shape(0)?;
    if shape.len() < 2 {
        return Err(Fault::because(format!("{shape:?} has no spatial dimensions")));
    }
    let mut pooled = shape.clone();
    pooled[2..].fill(1);
    if call.on_device(0) && call.node.operator == "GlobalMaxPool" {
        let x = reshape(call.tensor(0)?, &[shape[0], shape[1], shape[2..].iter().product()]);
        return one(reshape(Dispatch::float_max_dim(x, 2), &pooled));
    }
    if call.learns(0) {
        return super::gradient::global_mean(call, &pooled);
    }
    let x = call.host(0)?;
    let size = shape[2..].iter().product::<usize>().max(1);
    let numbers = x.to_floats();
    call.answer(HostTensor::floats(x.element, &pooled, numbers.chunks(size).map(function)))
}

fn global_lp_pool(call: &mut Call) -> Outcome {
    let p = call.int("p", 2)? as f64;
    let mut pooled = call.shape(0)?;
    pooled.iter_mut().skip(2).for_each(|length| *length = 1);
    if call.learns(0) {
        return super::gradient::lp_norm(call, &pooled, p);
    }
    let x = call.host(0)?;
    let size = x.shape.iter().skip(2).product::<usize>().max(1);
    let numbers = x.to_floats();
    call.answer(HostTensor::floats(x.element, &pooled, numbers.chunks(size).map(|plane| norm(plane, p))))
}

/// Puts the greatest elements back where `MaxPool` found them; zero elsewhere.
fn max_unpool(call: &mut Call) -> Outcome {
    let window = window(call)?;
    let given = if call.has(2) { Some(super::shape::sizes(call, 2)?) } else { None };
    let (x, index) = (call.host(0)?, call.host(1)?);
    let mut natural = x.shape[..2].to_vec();
    for axis in 0..window.kernel.len() {
        let (begin, end) = window.padding[axis];
        let steps = x.shape[axis + 2].saturating_sub(1);
        let size = steps.saturating_mul(window.stride[axis]).saturating_add(window.kernel[axis]);
        natural.push(size.saturating_sub(begin + end));
    }
    let shape = given.unwrap_or_else(|| natural.clone());
    super::shape::bounded(&shape)?;
    let mut result = super::generation::zeros(x.element, &shape);
    let (small, large) = (strides(&natural), strides(&shape));
    for (from, place) in index.to_integers().into_iter().enumerate() {
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        let at: Vec<usize> = small.iter().zip(&natural).map(|(stride, length)| place / stride % length).collect();
        let to = position(&at, &large);
        if to >= result.count() {
            return Err(Fault::because(format!("index {place} is outside {shape:?}")));
        }
        result.put(to, &x, from);
    }
    call.answer(result)
}

/// The backends pool with equal padding on both sides; anything else is padded beforehand.
fn symmetric(x: DeviceTensor, window: &Window, fill: f32) -> Result<(DeviceTensor, [usize; 2]), Fault> {
    let [(top, bottom), (left, right)] = fixed(&window.padding)?;
    let narrow = top * 2 <= window.kernel[0] && left * 2 <= window.kernel[1];
    if top == bottom && left == right && narrow {
        return Ok((x, [top, left]));
    }
    let padding = [(0, 0), (0, 0), (top, bottom), (left, right)];
    Ok((Dispatch::float_pad(x, &padding, PadMode::Constant(fill)), [0, 0]))
}
