//! Positions in row-major tensors.

use super::Fault;

/// How far apart neighbours along each axis are.
pub(super) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// The coordinates of every element, in order.
pub(super) fn coordinates(shape: &[usize]) -> impl Iterator<Item = Vec<usize>> + '_ {
    let count: usize = shape.iter().product();
    let strides = strides(shape);
    (0..count).map(move |flat| strides.iter().zip(shape).map(|(stride, length)| flat / stride % length).collect())
}

/// The position of some coordinates.
pub(super) fn position(at: &[usize], strides: &[usize]) -> usize {
    at.iter().zip(strides).map(|(index, stride)| index * stride).sum()
}

/// The shape that both broadcast to.
pub(super) fn broadcast(left: &[usize], right: &[usize]) -> Result<Vec<usize>, Fault> {
    let rank = left.len().max(right.len());
    let length = |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |axis| shape[axis]);
    let both = |axis| match (length(left, axis), length(right, axis)) {
        (a, b) if a == b || b == 1 => Ok(a),
        (1, b) => Ok(b),
        _ => Err(Fault::Unsupported(format!("{left:?} and {right:?} do not broadcast"))),
    };
    (0..rank).map(both).collect()
}

/// For each element of a shape, the position that it has in a tensor that is broadcast to it.
pub(super) fn spread<'a>(from: &'a [usize], to: &'a [usize]) -> impl Iterator<Item = usize> + 'a {
    let offset = to.len().saturating_sub(from.len());
    let mut own = strides(from);
    for (stride, length) in own.iter_mut().zip(from) {
        if *length == 1 {
            *stride = 0;
        }
    }
    coordinates(to).map(move |at| position(&at[offset.min(at.len())..], &own))
}

/// A tensor around one axis: how many there are before it, along it and after it.
#[derive(Clone, Copy)]
pub(super) struct Around {
    pub(super) before: usize,
    pub(super) length: usize,
    pub(super) after: usize,
}

impl Around {
    pub(super) fn new(shape: &[usize], axis: usize) -> Self {
        let before = shape[..axis].iter().product();
        Self { before, length: shape[axis], after: shape[axis + 1..].iter().product() }
    }

    /// The positions along the axis, for each place beside it.
    pub(super) fn lanes(self) -> impl Iterator<Item = impl Iterator<Item = usize> + Clone> {
        let lane = move |before: usize, after: usize| {
            (0..self.length).map(move |index| (before * self.length + index) * self.after + after)
        };
        (0..self.before).flat_map(move |before| (0..self.after).map(move |after| lane(before, after)))
    }
}
