//! What is known of the values so far, node after node.

use std::collections::HashMap;

use super::context::Context;
use super::elements::{self, Element};
use super::{Shapes, declared, rule};
use crate::{Dim, Graph, GraphError, Initializer, Node, Value};

/// The integers that small values hold, as far as they are known, by name.
pub(super) type Elements = HashMap<String, Vec<Element>>;

/// Element types and shapes, and what small tensors of integers hold, of the values that have been visited.
pub(crate) struct Inference {
    opset: u32,
    shapes: Shapes,
    elements: Elements,
}

impl Inference {
    /// What is known before any node is visited: inputs and initializers.
    pub(crate) fn new(graph: &Graph) -> Self {
        let shapes = graph.inputs.iter().map(|value| (value.name.clone(), value.clone())).collect();
        let mut inference = Self { opset: graph.opset, shapes, elements: Elements::new() };
        for tensor in &graph.initializers {
            inference.constant(tensor);
        }
        inference
    }

    /// What is known of every value; of what depends on a node that no rule covers, nothing.
    ///
    /// A length that is not known is called after the value that has it first, so that it is seen to be the same in
    /// whatever is computed from that.
    pub(crate) fn partial(graph: &Graph) -> Result<Self, GraphError> {
        let mut inference = Self::new(graph);
        for input in &graph.inputs {
            inference.call(&input.name);
        }
        for position in crate::plan::order(graph)? {
            let node = &graph.nodes[position];
            // What cannot be inferred stays unknown here; it fails, if it has to, where it is carried out.
            if inference.visit(node).is_ok() {
                node.outputs.iter().for_each(|name| inference.call(name));
            }
        }
        Ok(inference)
    }

    /// Gives the lengths of a value that have no name one of their own.
    fn call(&mut self, name: &str) {
        let Some(value) = self.shapes.get_mut(name) else { return };
        for (axis, length) in value.shape.iter_mut().enumerate() {
            if matches!(length, Dim::Dynamic(symbol) if symbol.is_empty()) {
                *length = Dim::Dynamic(format!("{name}[{axis}]"));
            }
        }
    }

    /// A value turns out to be this constant.
    pub(crate) fn constant(&mut self, tensor: &Initializer) {
        self.shapes.insert(tensor.name.clone(), declared(tensor));
        if let Some(known) = elements::held(tensor) {
            self.elements.insert(tensor.name.clone(), known);
        }
    }

    /// Learns of a node's outputs from its inputs.
    pub(crate) fn visit(&mut self, node: &Node) -> Result<(), GraphError> {
        let context = Context::new(node, self.opset, &self.shapes, &self.elements)?;
        let outputs = rule(node)?(&context)?;
        let held = elements::of(&context);
        for (name, (element, shape)) in node.outputs.iter().zip(outputs) {
            self.shapes.insert(name.clone(), Value::new(name, element, shape));
        }
        if let (Some(name), Some(held)) = (node.outputs.first(), held)
            && self.holds(name, held.len())
        {
            self.elements.insert(name.clone(), held);
        }
        Ok(())
    }

    /// Whether a value is a tensor of so many elements, on one axis at most.
    fn holds(&self, name: &str, count: usize) -> bool {
        let shape = self.shapes.get(name).map(|value| value.shape.as_slice());
        shape.is_some_and(|shape| match shape {
            [] => count == 1,
            [length] => length.fixed() == Some(count),
            _ => false,
        })
    }

    /// What is known of a value.
    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        self.shapes.get(name)
    }

    /// What a small tensor of integers holds, as far as that is known.
    pub(crate) fn elements(&self, name: &str) -> Option<&[Element]> {
        self.elements.get(name).map(Vec::as_slice)
    }

    /// The shapes alone.
    pub(super) fn into_shapes(self) -> Shapes {
        self.shapes
    }
}
