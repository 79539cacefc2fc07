//! One call of a layer: its options, its weights, its inputs, and the nodes that it becomes.

use briq_graph::{ElementType, Initializer, Node};
use serde_json::Value;

use super::activation::Function;
use super::emitter::{Emitter, Flow, turned_name};
use super::model::Layer;
use crate::tensor::permuted;
use crate::{ImportError, Tensor};

/// What a layer's function is given.
pub(super) struct Call<'a> {
    pub(super) emitter: &'a mut Emitter,
    class: &'a str,
    config: &'a Value,
    /// What its nodes are called after.
    name: String,
    /// What its parameters are called after: the same for every call of a shared layer.
    parameters: String,
    pub(super) inputs: Vec<Flow>,
    weights: std::vec::IntoIter<Tensor>,
    /// The major version of Keras.
    pub(super) keras: u32,
}

/// What a layer's function gives: its outputs.
pub(super) type Emitted = Result<Vec<Flow>, ImportError>;

/// A weight in single precision.
pub(super) struct Weight {
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<f32>,
}

impl Weight {
    /// With its axes in another order.
    pub(super) fn permuted(&self, order: &[usize]) -> Self {
        let shape = order.iter().map(|&axis| self.shape[axis]).collect();
        Self { shape, values: permuted(&self.values, &self.shape, order) }
    }
}

impl<'a> Call<'a> {
    pub(super) fn new(
        emitter: &'a mut Emitter,
        layer: &'a Layer,
        (name, parameters): (String, String),
        inputs: Vec<Flow>,
        weights: Vec<Tensor>,
        keras: u32,
    ) -> Self {
        let (class, config) = (layer.class.as_str(), &layer.config);
        Self { emitter, class, config, name, parameters, inputs, weights: weights.into_iter(), keras }
    }

    /// The first input; there always is one.
    pub(super) fn input(&self) -> Flow {
        self.inputs[0].clone()
    }

    /// All options.
    pub(super) fn config(&self) -> &'a Value {
        self.config
    }

    pub(super) fn option(&self, key: &str) -> &'a Value {
        &self.config[key]
    }

    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        self.option(key).as_str()
    }

    pub(super) fn flag(&self, key: &str, otherwise: bool) -> bool {
        self.option(key).as_bool().unwrap_or(otherwise)
    }

    pub(super) fn number(&self, key: &str, otherwise: f64) -> f64 {
        self.option(key).as_f64().unwrap_or(otherwise)
    }

    /// A length that has to be there.
    pub(super) fn length(&self, key: &str) -> Result<usize, ImportError> {
        let length = self.option(key).as_u64().and_then(|length| usize::try_from(length).ok());
        length.filter(|length| *length > 0).ok_or_else(|| self.malformed(format!("its {key} is {}", self.option(key))))
    }

    /// One length for each axis of space; a single one stands for all.
    pub(super) fn extent(&self, key: &str, rank: usize, otherwise: usize) -> Result<Vec<usize>, ImportError> {
        let length = |value: &Value| value.as_u64().and_then(|length| u32::try_from(length).ok()).map(|l| l as usize);
        let lengths = match self.option(key) {
            Value::Null => Some(vec![otherwise; rank]),
            Value::Array(items) => items.iter().map(length).collect(),
            value => length(value).map(|length| vec![length; rank]),
        };
        let fits = |lengths: &Vec<usize>| lengths.len() == rank && !lengths.contains(&0);
        lengths.filter(fits).ok_or_else(|| self.malformed(format!("its {key} is {}", self.option(key))))
    }

    /// Whether channels stand last, as Keras has it unless it is told otherwise.
    pub(super) fn channels_last(&self) -> bool {
        self.text("data_format") != Some("channels_first")
    }

    /// The next weight, which has to have this many axes.
    pub(super) fn weight(&mut self, role: &str, rank: usize) -> Result<Weight, ImportError> {
        let missing = format!("it has no {role}");
        let Some(tensor) = self.weights.next() else { return Err(self.malformed(missing)) };
        if tensor.shape.len() != rank || tensor.shape.contains(&0) {
            return Err(self.malformed(format!("its {role} has shape {:?}", tensor.shape)));
        }
        Ok(Weight { values: tensor.to_f32()?, shape: tensor.shape })
    }

    /// The next weight, whatever its shape.
    pub(super) fn any_weight(&mut self, role: &str) -> Result<Weight, ImportError> {
        let rank = self.weights.as_slice().first().map_or(0, |tensor| tensor.shape.len());
        self.weight(role, rank)
    }

    /// Puts a weight into the graph under its role.
    pub(super) fn parameter(&mut self, role: &str, weight: &Weight) -> String {
        let name = format!("{}.{role}", self.parameters);
        self.emitter.constant(Initializer::from_f32(name, weight.shape.clone(), &weight.values))
    }

    pub(super) fn scalar(&mut self, role: &str, number: f64) -> String {
        self.parameter(role, &Weight { shape: Vec::new(), values: vec![number as f32] })
    }

    pub(super) fn integers(&mut self, role: &str, numbers: &[i64]) -> String {
        let name = format!("{}.{role}", self.name);
        self.emitter.constant(Initializer::from_i64(name, vec![numbers.len()], numbers))
    }

    /// An operator over these values; its own value is called after it until [`Call::done`].
    pub(super) fn node(&mut self, operator: &str, inputs: &[&str], with: impl FnOnce(Node) -> Node) -> String {
        let name = format!("{}.{}", self.name, operator.to_lowercase());
        self.emitter.node(with(Node::new(name, operator, inputs, &[])))
    }

    /// An operator with further outputs that are wanted.
    pub(super) fn node_of(&mut self, node: Node, outputs: &[String]) {
        self.emitter.node_of(node, outputs);
    }

    /// A name for a value of this layer.
    pub(super) fn part(&self, role: &str) -> String {
        format!("{}.{role}", self.name)
    }

    /// An operator that computes each element alone: the layout stays what it was.
    pub(super) fn elementwise(&mut self, operator: &str, more: &[&str], with: impl FnOnce(Node) -> Node) -> Emitted {
        let input = self.input();
        let value = self.emitter.any(&input);
        let inputs: Vec<&str> = std::iter::once(value.as_str()).chain(more.iter().copied()).collect();
        let value = self.node(operator, &inputs, with);
        Ok(vec![self.done(&value, input.shape.clone(), input.turned)])
    }

    /// The last value becomes the layer's: `turned` says in which layout it is, `shape` what it is in Keras' own.
    pub(super) fn done(&mut self, value: &str, shape: Vec<Option<usize>>, turned: bool) -> Flow {
        self.done_as(value, shape, turned, ElementType::F32)
    }

    pub(super) fn done_as(
        &mut self,
        value: &str,
        shape: Vec<Option<usize>>,
        turned: bool,
        element: ElementType,
    ) -> Flow {
        let plain = self.name.clone();
        let wanted = if turned { turned_name(&plain) } else { plain.clone() };
        let got = self.emitter.rename(value, &wanted);
        // A value that is not the last node's keeps its name.
        let name = if got == wanted { plain } else { got.trim_end_matches(&turned_name("")).to_owned() };
        Flow { name, shape, element, turned }
    }

    /// The layer's own activation, then [`Call::done`].
    pub(super) fn activated(&mut self, value: &str, shape: Vec<Option<usize>>, turned: bool) -> Emitted {
        let function = Function::read(self.option("activation"), self.keras).map_err(|error| self.blame(error))?;
        self.finished(value, shape, turned, &function)
    }

    /// A function, then [`Call::done`]. What works along the last axis turns the value back first.
    pub(super) fn finished(
        &mut self,
        value: &str,
        shape: Vec<Option<usize>>,
        turned: bool,
        function: &Function,
    ) -> Emitted {
        if !(turned && function.is_along_axis()) {
            let value = function.emit(self, value);
            return Ok(vec![self.done(&value, shape, turned)]);
        }
        let last = shape.len() as i64 - 1;
        let order: Vec<i64> = std::iter::once(0).chain(2..=last).chain([1]).collect();
        let value = self.node("Transpose", &[value], |node| node.with("perm", order));
        let value = function.emit(self, &value);
        Ok(vec![self.done(&value, shape, false)])
    }

    /// The function of a layer that this one wraps, with that one's options.
    pub(super) fn as_layer(&mut self, inner: &Value, emit: fn(&mut Call<'_>) -> Emitted) -> Emitted {
        let mut call = Call {
            emitter: self.emitter,
            class: self.class,
            config: &inner["config"],
            name: self.name.clone(),
            parameters: self.parameters.clone(),
            inputs: self.inputs.clone(),
            weights: std::mem::take(&mut self.weights),
            keras: self.keras,
        };
        emit(&mut call)
    }

    /// A value in single precision.
    pub(super) fn as_float(&mut self, value: &str, element: ElementType) -> String {
        if element == ElementType::F32 {
            return value.to_owned();
        }
        let float = i64::from(ElementType::F32.onnx_code());
        self.node("Cast", &[value], |node| node.with("to", float))
    }

    /// The input passes through as it is.
    pub(super) fn pass(&mut self) -> Emitted {
        Ok(vec![self.input()])
    }

    pub(super) fn malformed(&self, what: impl std::fmt::Display) -> ImportError {
        ImportError::malformed(format!("layer `{}` ({}): {what}", self.name, self.class))
    }

    pub(super) fn unsupported(&self, what: impl std::fmt::Display) -> ImportError {
        ImportError::unsupported(format!("layer `{}` ({}): {what}", self.name, self.class))
            .advise("export the model with tf2onnx and use `briq import onnx`")
    }

    /// Adds which layer it was to an error.
    pub(super) fn blame(&self, error: ImportError) -> ImportError {
        self.unsupported(error)
    }
}
