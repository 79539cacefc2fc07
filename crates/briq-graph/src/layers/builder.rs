//! The state that layers are added to.

use std::collections::BTreeMap;

use briq_spec::recipe::Layer;

use super::{BATCH, Init, LayerInput, MAX_ELEMENTS, MAX_LENGTH, Network, Normalize, OUTPUT, Parameter};
use crate::{
    Dim, ElementType, Graph, GraphError, GraphErrorKind, Initializer, LOGITS_KEY, Node, Value, brackets, onnx,
};

/// The network so far, and the value that the next layer is fed.
pub(super) struct Builder {
    graph: Graph,
    parameters: Vec<Parameter>,
    counts: BTreeMap<&'static str, usize>,
    /// What the layer being added is called in messages: `layer 2 (conv2d)`.
    label: String,
    /// The name of the layer being added: `conv2d_1`.
    pub(super) name: String,
    /// The name of the last value.
    pub(super) value: String,
    /// The shape of the last value for one example.
    pub(super) shape: Vec<usize>,
}

impl Builder {
    pub(super) fn new(name: &str, input: &LayerInput) -> Result<Self, GraphError> {
        let graph = Graph {
            name: name.to_owned(),
            opset: onnx::OPSET,
            inputs: vec![Value::new(&input.name, ElementType::F32, batched(&input.shape))],
            ..Graph::default()
        };
        let builder = Self {
            graph,
            parameters: Vec::new(),
            counts: BTreeMap::new(),
            label: format!("input `{}`", input.name),
            name: String::new(),
            value: input.name.clone(),
            shape: input.shape.clone(),
        };
        if input.name.is_empty() || input.name == OUTPUT || input.shape.contains(&0) {
            let shape = brackets(&input.shape);
            return Err(builder.refuse(GraphErrorKind::Shape, format!("its name or its shape {shape} cannot be used")));
        }
        builder.elements(&input.shape)?;
        Ok(builder)
    }

    /// Begins a layer: gives it its name.
    pub(super) fn enter(&mut self, position: usize, layer: &Layer) {
        let kind = layer.type_name();
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        self.name = format!("{}_{count}", kind.replace('-', "_"));
        self.label = format!("layer {} ({kind})", position + 1);
    }

    /// Adds a node that reads the last value (and `more`) and computes the next one, of the given shape.
    pub(super) fn emit(&mut self, node: Node, more: &[String], shape: Vec<usize>) -> Result<(), GraphError> {
        self.elements(&shape)?;
        let mut node = node;
        node.inputs = std::iter::once(&self.value).chain(more).cloned().collect();
        node.outputs = vec![node.name.clone()];
        self.value.clone_from(&node.name);
        self.shape = shape;
        self.graph.nodes.push(node);
        Ok(())
    }

    /// Declares a parameter of the layer being added and returns its name.
    pub(super) fn parameter(&mut self, role: &str, shape: &[usize], init: Init) -> Result<String, GraphError> {
        self.declare(role, shape, init, true)
    }

    /// Declares a running statistic of the layer being added and returns its name.
    pub(super) fn statistic(&mut self, role: &str, shape: &[usize], init: Init) -> Result<String, GraphError> {
        self.declare(role, shape, init, false)
    }

    fn declare(&mut self, role: &str, shape: &[usize], init: Init, trainable: bool) -> Result<String, GraphError> {
        self.elements(shape)?;
        let name = format!("{}.{role}", self.name);
        self.graph.initializers.push(Initializer::unset(&name, ElementType::F32, shape.to_vec()));
        self.parameters.push(Parameter { name: name.clone(), shape: shape.to_vec(), init, trainable });
        Ok(name)
    }

    /// Adds a constant and returns its name.
    pub(super) fn constant(&mut self, tensor: Initializer) -> String {
        let name = tensor.name.clone();
        self.graph.initializers.push(tensor);
        name
    }

    /// `(x - offset) / scale`, before the first layer.
    pub(super) fn normalize(&mut self, statistics: &Normalize) -> Result<(), GraphError> {
        "normalize".clone_into(&mut self.name);
        "normalisation".clone_into(&mut self.label);
        let usable = |scale: &f32| scale.is_finite() && *scale != 0.0;
        if !statistics.offset.iter().all(|number| number.is_finite()) || !statistics.scale.iter().all(usable) {
            return Err(self.refuse(GraphErrorKind::Malformed, "a number is not finite, or a scale is 0"));
        }
        for (role, operator, numbers) in [("offset", "Sub", &statistics.offset), ("scale", "Div", &statistics.scale)] {
            let tensor = self.statistics_tensor(role, numbers)?;
            let constant = self.constant(tensor);
            let node = Node::new(format!("normalize.{}", operator.to_lowercase()), operator, &[], &[]);
            self.emit(node, &[constant], self.shape.clone())?;
        }
        Ok(())
    }

    fn statistics_tensor(&self, role: &str, numbers: &[f32]) -> Result<Initializer, GraphError> {
        let shape = match numbers.len() {
            1 => vec![1],
            count if count == self.shape.iter().product::<usize>() => self.shape.clone(),
            count => {
                let reason = format!("it has {count} numbers as {role}, an example has {}", brackets(&self.shape));
                return Err(self.refuse(GraphErrorKind::Shape, reason));
            }
        };
        Ok(Initializer::from_f32(format!("normalize.{role}"), shape, numbers))
    }

    /// The last value becomes the output.
    pub(super) fn finish(mut self) -> Result<Network, GraphError> {
        let Some(last) = self.graph.nodes.last_mut().filter(|_| !self.counts.is_empty()) else {
            return Err(GraphError::new(GraphErrorKind::Shape, "build", "the network", "it has no layer"));
        };
        last.outputs = vec![OUTPUT.to_owned()];
        let logits = if last.operator == "Softmax" { last.inputs[0].clone() } else { OUTPUT.to_owned() };
        self.graph.metadata.insert(LOGITS_KEY.to_owned(), logits.clone());
        self.graph.outputs = vec![Value::new(OUTPUT, ElementType::F32, batched(&self.shape))];
        crate::shape::annotate(&mut self.graph)?;
        Ok(Network { graph: self.graph, parameters: self.parameters, logits, output_shape: self.shape })
    }

    /// An error about the layer being added.
    pub(super) fn refuse(&self, kind: GraphErrorKind, reason: impl Into<String>) -> GraphError {
        GraphError::new(kind, "build", &self.label, reason)
    }

    /// The layer wants another shape than it is given.
    pub(super) fn wants(&self, shape: &str) -> GraphError {
        let reason = format!("it takes {shape}, it is given {}", brackets(&self.shape));
        self.refuse(GraphErrorKind::Shape, reason)
    }

    /// Refuses a length that is 0 or beyond [`MAX_LENGTH`].
    pub(super) fn length(&self, what: &str, length: usize) -> Result<(), GraphError> {
        match length {
            0 => Err(self.refuse(GraphErrorKind::Malformed, format!("its {what} is 0"))),
            1..=MAX_LENGTH => Ok(()),
            _ => Err(self.refuse(GraphErrorKind::Limit, format!("its {what} is {length}, {MAX_LENGTH} are allowed"))),
        }
    }

    /// The number of elements of a shape, if it is one that can be held.
    pub(super) fn elements(&self, shape: &[usize]) -> Result<usize, GraphError> {
        let product = shape.iter().try_fold(1_usize, |product, &length| product.checked_mul(length));
        let held = product.filter(|&count| count <= MAX_ELEMENTS);
        let reason = || format!("{} has more than {MAX_ELEMENTS} elements", brackets(shape));
        held.ok_or_else(|| self.refuse(GraphErrorKind::Limit, reason()))
    }
}

fn batched(shape: &[usize]) -> Vec<Dim> {
    let batch = Dim::Dynamic(BATCH.to_owned());
    std::iter::once(batch).chain(shape.iter().map(|&length| Dim::Fixed(length))).collect()
}
