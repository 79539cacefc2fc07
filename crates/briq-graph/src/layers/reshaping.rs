//! Layers that keep the values and change the shape.

use briq_spec::recipe::Reshape;

use super::builder::Builder;
use crate::{GraphError, GraphErrorKind, Initializer, Node, brackets};

impl Builder {
    pub(super) fn flatten(&mut self) -> Result<(), GraphError> {
        let count = self.elements(&self.shape)?;
        self.emit(Node::new(&self.name, "Flatten", &[], &[]).with("axis", 1_i64), &[], vec![count])
    }

    /// The batch axis is written as 0, which copies it.
    pub(super) fn reshape(&mut self, layer: &Reshape) -> Result<(), GraphError> {
        let (before, after) = (self.elements(&self.shape)?, self.elements(&layer.shape)?);
        if before != after {
            let (from, to) = (brackets(&self.shape), brackets(&layer.shape));
            let reason = format!("{from} has {before} values, {to} has {after}");
            return Err(self.refuse(GraphErrorKind::Shape, reason));
        }
        let target: Vec<i64> = std::iter::once(0).chain(layer.shape.iter().map(|&length| length as i64)).collect();
        let target = Initializer::from_i64(format!("{}.shape", self.name), vec![target.len()], &target);
        let target = self.constant(target);
        self.emit(Node::new(&self.name, "Reshape", &[], &[]), &[target], layer.shape.clone())
    }
}
