//! Tensors beside one another, in the order in which they lie.

use briq_kernels::layout;

use super::buffer::buffer;
use super::dense::{Dense, Order};
use super::{Family, Kernel, ready};
use crate::operator::{Call, Fault, axis};
use crate::value::Value;

pub(super) const KERNELS: Family = &[("Concat", |call| ready(Concat { axis: call.int("axis", 0)? }))];

struct Concat {
    axis: i64,
}

impl Kernel for Concat {
    fn run(&self, call: &mut Call) -> Result<Option<Vec<Value>>, Fault> {
        let count = call.inputs.len();
        let ours = (0..count).all(|index| Dense::fits(call, index));
        // What is on the host alone is joined there.
        if !ours || !(0..count).any(|index| call.on_device(index)) {
            return Ok(None);
        }
        let shapes = (0..count).map(|index| call.shape(index)).collect::<Result<Vec<_>, _>>()?;
        let axis = axis(self.axis, shapes[0].len())?;
        let beside = |shape: &[usize]| [&shape[..axis], &shape[axis + 1..]].concat();
        if shapes.iter().any(|shape| shape.len() != shapes[0].len() || beside(shape) != beside(&shapes[0])) {
            return Err(Fault::because(format!("{shapes:?} do not fit beside one another along axis {axis}")));
        }
        let parts = (0..count).map(|index| Dense::take(call, index)).collect::<Result<Vec<_>, _>>()?;
        let last = parts.iter().any(|part| part.order() == Some(Order::ChannelsLast));
        let order = if last { Order::ChannelsLast } else { Order::Rows };
        let mut shape = shapes[0].clone();
        shape[axis] = shapes.iter().map(|shape| shape[axis]).sum();
        Ok(Some(vec![joined(parts, &shape, axis, order).into()]))
    }
}

fn joined(parts: Vec<Dense>, shape: &[usize], axis: usize, order: Order) -> Dense {
    let parts: Vec<Dense> = parts.into_iter().map(|part| part.ordered(order)).collect();
    let stored = order.stored_axis(axis, shape.len());
    let rows: Vec<(&[f32], usize)> =
        parts.iter().map(|part| (part.numbers(), part.stored(order)[stored..].iter().product())).collect();
    let mut numbers = buffer(shape.iter().product());
    layout::beside(&rows, &mut numbers);
    Dense::new(shape, order, numbers)
}
