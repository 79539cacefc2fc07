//! Sums and means over axes that lie beside one another in memory, such as those of an image.

use briq_kernels::reduction::{Extent, Reduction};

use super::buffer::buffer;
use super::dense::{Dense, Order};
use super::{Family, Kernel, ready};
use crate::operator::{Call, Fault, reduced};
use crate::value::Value;

pub(super) const KERNELS: Family = &[
    ("ReduceMean", |_| ready(Reduce { reduction: Reduction::Mean, root: false })),
    ("ReduceSum", |_| ready(Reduce { reduction: Reduction::Sum, root: false })),
    ("ReduceSumSquare", |_| ready(Reduce { reduction: Reduction::SumOfSquares, root: false })),
    ("ReduceL2", |_| ready(Reduce { reduction: Reduction::SumOfSquares, root: true })),
];

struct Reduce {
    reduction: Reduction,
    /// Whether the square root is taken at the end.
    root: bool,
}

impl Kernel for Reduce {
    fn run(&self, call: &mut Call) -> Result<Option<Vec<Value>>, Fault> {
        let shape = call.shape(0)?;
        if !call.on_device(0) || !Dense::fits(call, 0) || shape.contains(&0) {
            return Ok(None);
        }
        // Reading the axes takes them from the call.
        let given = call.inputs.clone();
        let (keep, mut axes) = (call.flag("keepdims", true)?, reduced(call, shape.len())?);
        axes.sort_unstable();
        axes.dedup();
        // A single number belongs on the host.
        if axes.is_empty() || (axes.len() == shape.len() && !keep) {
            call.inputs = given;
            return Ok(None);
        }
        let x = Dense::take(call, 0)?;
        let order = x.order().unwrap_or(Order::Rows);
        let mut stored: Vec<usize> = axes.iter().map(|&axis| order.stored_axis(axis, shape.len())).collect();
        stored.sort_unstable();
        // Axes that are apart in this order are together in the order of the shape, or not at all.
        let (x, order) = if is_run(&stored) { (x.ordered(order), order) } else { (x.rows(), Order::Rows) };
        let stored = if order == Order::Rows { axes.clone() } else { stored };
        if !is_run(&stored) {
            call.inputs = given;
            return Ok(None);
        }
        let result = self.apply(&x, &stored, order);
        let left = (0..shape.len()).filter(|axis| !axes.contains(axis)).map(|axis| shape[axis]).collect::<Vec<_>>();
        Ok(Some(vec![if keep { result } else { result.reshaped(&left) }.into()]))
    }
}

/// Whether axes in ascending order follow each other.
fn is_run(axes: &[usize]) -> bool {
    axes.windows(2).all(|pair| pair[0] + 1 == pair[1])
}

impl Reduce {
    /// Reduces axes as they are stored; their lengths become 1.
    fn apply(&self, x: &Dense, axes: &[usize], order: Order) -> Dense {
        let mut stored = x.stored(order);
        let (first, end) = (axes[0], axes[axes.len() - 1] + 1);
        let product = |range: &[usize]| range.iter().product();
        let extent = Extent {
            outer: product(&stored[..first]),
            reduced: product(&stored[first..end]),
            inner: product(&stored[end..]),
        };
        let mut numbers = buffer(extent.outer * extent.inner);
        self.reduction.apply(x.numbers(), extent, &mut numbers);
        if self.root {
            numbers.iter_mut().for_each(|number| *number = number.sqrt());
        }
        stored[first..end].fill(1);
        Dense::from_stored(&stored, order, numbers)
    }
}
