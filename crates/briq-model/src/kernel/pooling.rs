//! Pooling, channels last.

use briq_kernels::pooling::{Divisor, PoolImages, PoolSpec, average_pool, global_average_pool, max_pool};

use super::buffer::buffer;
use super::dense::{Dense, Order};
use super::plane::{pads, pair};
use super::{Family, Kernel, ready};
use crate::operator::{Call, Fault, Window, bounded, pooled_shape};
use crate::value::Value;

pub(super) const KERNELS: Family = &[
    ("MaxPool", |call| if call.node.outputs.len() == 1 { ready(Pool::Max) } else { Ok(None) }),
    ("AveragePool", |call| ready(Pool::Average(divisor(call)?))),
    ("GlobalAveragePool", |_| ready(Pool::Global)),
];

#[derive(Clone, Copy)]
enum Pool {
    Max,
    Average(Divisor),
    Global,
}

fn divisor(call: &Call) -> Result<Divisor, Fault> {
    Ok(if call.flag("count_include_pad", false)? { Divisor::Padded } else { Divisor::Image })
}

impl Kernel for Pool {
    fn run(&self, call: &mut Call) -> Result<Option<Vec<Value>>, Fault> {
        let shape = call.shape(0)?;
        if !call.on_device(0) || !Dense::fits(call, 0) || !matches!(shape.len(), 3 | 4) {
            return Ok(None);
        }
        let window = if matches!(self, Self::Global) { None } else { Some(window(call, &shape)?) };
        let x = Dense::take(call, 0)?.channels_last();
        let Some((window, ceil)) = window else { return Ok(Some(vec![global(&x, &shape).into()])) };
        let result = pooled_shape(&shape, &window, ceil)?;
        bounded(&result)?;
        let images =
            PoolImages { batch: shape[0], channels: shape[1], input: pair(&shape[2..]), output: pair(&result[2..]) };
        let spec = spec(&window);
        let mut numbers = buffer(result.iter().product());
        match self {
            Self::Average(divisor) => average_pool(&spec, &images, *divisor, x.numbers(), &mut numbers),
            _ => max_pool(&spec, &images, x.numbers(), &mut numbers),
        }
        Ok(Some(vec![Dense::new(&result, Order::ChannelsLast, numbers).into()]))
    }
}

fn window(call: &Call, shape: &[usize]) -> Result<(Window, bool), Fault> {
    Ok((Window::of_node(call, shape)?, call.flag("ceil_mode", false)?))
}

fn spec(window: &Window) -> PoolSpec {
    PoolSpec {
        kernel: pair(&window.kernel),
        strides: pair(&window.stride),
        dilations: pair(&window.dilation),
        pads: pads(window),
    }
}

fn global(x: &Dense, shape: &[usize]) -> Dense {
    let mut numbers = buffer(shape[0] * shape[1]);
    global_average_pool(x.numbers(), shape[0], shape[2..].iter().product(), shape[1], &mut numbers);
    let mut result = vec![1; shape.len()];
    result[..2].copy_from_slice(&shape[..2]);
    Dense::new(&result, Order::Rows, numbers)
}
