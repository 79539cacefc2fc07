//! Images that are made larger or smaller, channels last.

use briq_kernels::resize::{Axis, ResizeSpec, resize};

use super::buffer::buffer;
use super::dense::{Dense, Order};
use super::plane::pair;
use super::{Family, Kernel, ready};
use crate::operator::{Call, Fault, Resampling, Taps, resized, upsampled};
use crate::value::Value;

pub(super) const KERNELS: Family =
    &[("Resize", |_| ready(Resize { plan: resized })), ("Upsample", |_| ready(Resize { plan: upsampled }))];

struct Resize {
    plan: fn(&mut Call) -> Result<Resampling, Fault>,
}

impl Kernel for Resize {
    fn run(&self, call: &mut Call) -> Result<Option<Vec<Value>>, Fault> {
        let shape = call.shape(0)?;
        if !call.on_device(0) || !Dense::fits(call, 0) || !matches!(shape.len(), 3 | 4) || shape.contains(&0) {
            return Ok(None);
        }
        // Reading the sizes takes them from the call.
        let given = call.inputs.clone();
        let plan = (self.plan)(call)?;
        let mut result = shape.clone();
        plan.steps.iter().for_each(|(axis, taps)| result[*axis] = taps.len());
        let along = |axis: usize| match plan.steps.iter().find(|(other, _)| *other == axis) {
            Some((_, taps)) => taps_of(taps),
            None => Some(whole(shape[axis])),
        };
        let last = shape.len() - 1;
        let rows = if last == 3 { along(2) } else { Some(whole(1)) };
        let inside = result[..2] == shape[..2] && !result.contains(&0);
        let (Some(rows), Some(columns), true) = (rows, along(last), inside) else {
            call.inputs = given;
            return Ok(None);
        };
        let spec =
            ResizeSpec { batch: shape[0], channels: shape[1], size: pair(&shape[2..]), output: pair(&result[2..]) };
        let x = Dense::take(call, 0)?.channels_last();
        let mut numbers = buffer(result.iter().product());
        resize(&spec, &rows, &columns, x.numbers(), &mut numbers);
        Ok(Some(vec![Dense::new(&result, Order::ChannelsLast, numbers).into()]))
    }
}

/// Every position as it is.
fn whole(length: usize) -> Axis {
    Axis::new(1, (0..length).collect(), vec![1.0; length])
}

/// As many taps for each position as the one with most has; nothing where one lies outside.
fn taps_of(taps: &[Taps]) -> Option<Axis> {
    let taps: Vec<Vec<(usize, f64)>> = taps
        .iter()
        .map(|taps| Some(taps.as_ref()?.iter().copied().filter(|(_, weight)| *weight != 0.0).collect()))
        .collect::<Option<_>>()?;
    let count = taps.iter().map(Vec::len).max().filter(|&count| count > 0)?;
    let (mut positions, mut weights) = (Vec::new(), Vec::new());
    for taps in taps {
        let filler = (taps.last()?.0, 0.0);
        let padded = taps.into_iter().chain(std::iter::repeat(filler)).take(count);
        for (position, weight) in padded {
            positions.push(position);
            weights.push(weight as f32);
        }
    }
    Some(Axis::new(count, positions, weights))
}
