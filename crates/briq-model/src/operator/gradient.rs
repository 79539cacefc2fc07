//! Forms of operators that a gradient flows back through, for those that are otherwise computed on the host.
//!
//! An operator that only moves elements is, on the host, a list of positions; here the same list selects from the flat
//! tensor on the device, and the gradient is scattered back to where the elements came from.

mod einsum;
mod mapping;
mod normalization;
mod pooling;
mod recurrent;
mod reduction;

use burn::backend::Dispatch;
use burn::backend::ops::{FloatTensorOps, IntTensorOps};
use burn::tensor::{Shape, TensorData};

use super::{Call, Fault};
use crate::value::{DeviceTensor, HostTensor, Value, dimensions, is_learnt, reshape};

pub(super) use einsum::einsum;
pub(super) use mapping::{Matrix, mapped};
pub(super) use normalization::{local_response_normalization, lp_normalization};
pub(super) use pooling::{Windows, average_pool, global_mean, lp_norm, lp_pool};
pub(super) use recurrent::recurrent;
pub(super) use reduction::reduction;

impl Call<'_> {
    /// Elements of a tensor by their positions, in a new shape; a position behind the last element stands for `fill`.
    pub(super) fn picked(
        &self,
        x: Value,
        shape: &[usize],
        positions: impl IntoIterator<Item = usize>,
        fill: Option<&HostTensor>,
    ) -> Result<Value, Fault> {
        match x {
            Value::Device(x) if is_learnt(&x) => {
                let fill = fill.map(|fill| fill.to_floats().first().copied().unwrap_or(0.0) as f32);
                let positions: Vec<usize> = positions.into_iter().collect();
                Ok(Value::Device(selected(self, with_fill(self, x, fill), shape, &positions)?))
            }
            Value::Device(x) => Ok(self.place(picked_on_host(super::call::fetch(x)?, shape, positions, fill))),
            Value::Host(x) => Ok(self.place(picked_on_host(x, shape, positions, fill))),
            _ => Err(Fault::WrongKind { index: 0, expected: "a tensor" }),
        }
    }
}

fn picked_on_host(
    mut x: HostTensor,
    shape: &[usize],
    positions: impl IntoIterator<Item = usize>,
    fill: Option<&HostTensor>,
) -> HostTensor {
    if let Some(fill) = fill {
        x.append(&fill.cast(x.element));
    }
    x.pick(shape, positions)
}

/// The elements as a list, with the fill behind them.
fn with_fill(call: &Call, x: DeviceTensor, fill: Option<f32>) -> DeviceTensor {
    let count = dimensions(&x).iter().product();
    let flat = reshape(x, &[count]);
    match fill {
        Some(fill) => Dispatch::float_cat(vec![flat, call.upload(vec![fill], &[1])], 0),
        None => flat,
    }
}

/// Elements of a list by position.
fn selected(call: &Call, flat: DeviceTensor, shape: &[usize], positions: &[usize]) -> Result<DeviceTensor, Fault> {
    if positions.is_empty() || shape.is_empty() {
        return Err(Fault::because(format!("no gradient flows through a result of shape {shape:?}")));
    }
    let positions: Vec<i64> = positions.iter().map(|&position| position as i64).collect();
    let count = positions.len();
    let positions = Dispatch::int_from_data(TensorData::new(positions, Shape::from([count])), call.device);
    Ok(reshape(Dispatch::float_select(flat, 0, positions), shape))
}
