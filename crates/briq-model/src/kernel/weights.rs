//! A node's constant weights on their way into a kernel.

use super::dense::Dense;
use crate::operator::{Call, Fault};
use crate::value::Mapped;

/// The second input of a node. Where a factor is laid upon it, it is packed with the factor, not multiplied before.
pub(super) struct Constant {
    dense: Dense,
    product: Option<Mapped>,
}

impl Constant {
    /// Takes it.
    ///
    /// # Errors
    /// As [`Dense::take`].
    pub(super) fn take(call: &mut Call) -> Result<Self, Fault> {
        let product = call.run.product.take();
        Ok(Self { dense: Dense::take(call, 1)?.rows(), product })
    }

    pub(super) fn shape(&self) -> &[usize] {
        self.dense.shape()
    }

    /// The numbers in order, and the factors along `axis`.
    pub(super) fn weights(&self, axis: usize) -> briq_kernels::Weights<'_> {
        match self.product.as_ref().and_then(|product| product.factored(self.shape(), axis)) {
            Some((numbers, factors)) => briq_kernels::Weights { numbers, factors: Some(factors) },
            None => self.dense.numbers().into(),
        }
    }
}
