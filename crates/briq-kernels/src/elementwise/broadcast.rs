//! Two shapes made equal, and the fewest loops that visit both.

/// How two shapes are broadcast against each other, by the rules of NumPy and ONNX.
///
/// Neighbouring axes that are laid out alike in both tensors are one loop: equal shapes are a single loop, and so is a
/// tensor against a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broadcast {
    shape: Vec<usize>,
    operands: (usize, usize),
    axes: Vec<Axis>,
}

/// One loop: how often, and how far each operand advances every time. A stride of zero repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Axis {
    pub(super) size: usize,
    pub(super) left: usize,
    pub(super) right: usize,
}

impl Broadcast {
    /// Of two tensors that are laid out without gaps, the last axis fastest. `None` where the shapes do not fit together.
    #[must_use]
    pub fn new(left: &[usize], right: &[usize]) -> Option<Self> {
        let rank = left.len().max(right.len());
        let mut axes = Vec::with_capacity(rank);
        let mut shape = Vec::with_capacity(rank);
        let (mut left_stride, mut right_stride) = (1, 1);
        for axis in 0..rank {
            let (l, r) = (from_the_end(left, axis), from_the_end(right, axis));
            let size = common(l, r)?;
            let stride = |own: usize, stride: usize| if own == 1 { 0 } else { stride };
            shape.push(size);
            axes.push(Axis { size, left: stride(l, left_stride), right: stride(r, right_stride) });
            left_stride *= l;
            right_stride *= r;
        }
        shape.reverse();
        axes.reverse();
        Some(Self { shape, operands: (left_stride, right_stride), axes: merge(axes) })
    }

    /// The shape of the result.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// How many numbers the result has.
    #[must_use]
    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }

    /// How many numbers the left and the right operand have.
    pub(super) const fn operands(&self) -> (usize, usize) {
        self.operands
    }

    /// The loops, the innermost last; at least one.
    pub(super) fn axes(&self) -> &[Axis] {
        &self.axes
    }
}

/// The size of the axis that is this far from the last; 1 where the shape has none.
fn from_the_end(shape: &[usize], axis: usize) -> usize {
    if axis < shape.len() { shape[shape.len() - 1 - axis] } else { 1 }
}

fn common(left: usize, right: usize) -> Option<usize> {
    match (left, right) {
        (1, size) | (size, 1) => Some(size),
        (left, right) => (left == right).then_some(left),
    }
}

/// Drops axes of size 1 and joins those that are one run in both operands.
fn merge(axes: Vec<Axis>) -> Vec<Axis> {
    let mut merged: Vec<Axis> = Vec::with_capacity(axes.len());
    for axis in axes.into_iter().filter(|axis| axis.size != 1) {
        match merged.last_mut() {
            Some(outer) if outer.left == axis.size * axis.left && outer.right == axis.size * axis.right => {
                *outer = Axis { size: outer.size * axis.size, ..axis };
            }
            _ => merged.push(axis),
        }
    }
    if merged.is_empty() {
        merged.push(Axis { size: 1, left: 0, right: 0 });
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::{Axis, Broadcast};

    #[track_caller]
    fn check(left: &[usize], right: &[usize], axes: &[(usize, usize, usize)]) {
        let broadcast = Broadcast::new(left, right).expect("they fit");
        let axes: Vec<Axis> = axes.iter().map(|&(size, left, right)| Axis { size, left, right }).collect();
        assert_eq!(broadcast.axes, axes);
    }

    #[test]
    fn like_axes_are_one_loop() {
        check(&[2, 3, 4], &[2, 3, 4], &[(24, 1, 1)]);
        check(&[2, 3, 4], &[], &[(24, 1, 0)]);
        check(&[1, 1], &[2, 3], &[(6, 0, 1)]);
        check(&[1], &[1, 1], &[(1, 0, 0)]);
    }

    #[test]
    fn a_vector_repeats_over_rows_or_columns() {
        check(&[2, 3, 4], &[4], &[(6, 4, 0), (4, 1, 1)]);
        check(&[2, 3, 4, 5], &[3, 1, 1], &[(2, 60, 0), (3, 20, 1), (20, 1, 0)]);
        check(&[3, 1], &[4], &[(3, 1, 0), (4, 0, 1)]);
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        assert_eq!(Broadcast::new(&[2, 3], &[2]), None);
    }

    #[test]
    fn operands_are_counted() {
        assert_eq!(Broadcast::new(&[2, 3, 1], &[3, 4]).expect("they fit").operands(), (6, 12));
        assert_eq!(Broadcast::new(&[0, 3], &[3]).expect("they fit").operands(), (0, 3));
    }
}
