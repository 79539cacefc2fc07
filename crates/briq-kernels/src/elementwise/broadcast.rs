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
        let Nest { shape, counts: [left, right], loops } = Nest::new([left, right])?;
        let axis = |Loop { size, strides: [left, right] }| Axis { size, left, right };
        Some(Self { shape, operands: (left, right), axes: loops.into_iter().map(axis).collect() })
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

/// Loops over several tensors whose shapes are made equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Nest<const N: usize> {
    /// The shape of the result.
    pub(super) shape: Vec<usize>,
    /// How many elements each tensor has.
    pub(super) counts: [usize; N],
    /// The innermost last; at least one. There each tensor advances by one or not at all.
    pub(super) loops: Vec<Loop<N>>,
}

/// One loop: how often, and how far each tensor advances every time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Loop<const N: usize> {
    pub(super) size: usize,
    pub(super) strides: [usize; N],
}

impl<const N: usize> Nest<N> {
    /// `None` where the shapes do not fit together.
    pub(super) fn new(tensors: [&[usize]; N]) -> Option<Self> {
        let rank = tensors.iter().map(|shape| shape.len()).max().unwrap_or(0);
        let (mut shape, mut loops, mut counts) = (Vec::with_capacity(rank), Vec::with_capacity(rank), [1; N]);
        for axis in 0..rank {
            let own = tensors.map(|shape| from_the_end(shape, axis));
            let size = own.iter().try_fold(1, |size, &own| common(size, own))?;
            let strides = std::array::from_fn(|at| if own[at] == 1 { 0 } else { counts[at] });
            shape.push(size);
            loops.push(Loop { size, strides });
            counts = std::array::from_fn(|at| counts[at] * own[at]);
        }
        shape.reverse();
        loops.reverse();
        Some(Self { shape, counts, loops: merge(loops) })
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

/// Drops axes of size 1 and joins those that are one run in every tensor.
fn merge<const N: usize>(axes: Vec<Loop<N>>) -> Vec<Loop<N>> {
    let mut merged: Vec<Loop<N>> = Vec::with_capacity(axes.len());
    for axis in axes.into_iter().filter(|axis| axis.size != 1) {
        match merged.last_mut() {
            Some(outer) if outer.strides == axis.strides.map(|stride| axis.size * stride) => {
                *outer = Loop { size: outer.size * axis.size, ..axis };
            }
            _ => merged.push(axis),
        }
    }
    if merged.is_empty() {
        merged.push(Loop { size: 1, strides: [0; N] });
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
