//! The network as data: named values that flow through nodes.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use crate::{Attribute, ElementType};

/// A network: nodes that compute named values from inputs and initializers.
///
/// The names follow ONNX. Node order carries no meaning; [`crate::plan::Plan`] finds an order that can be executed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Graph {
    /// The network's name.
    pub name: String,
    /// The version of ONNX's standard operator set that the nodes follow.
    pub opset: u32,
    /// What the caller supplies. Never includes initializers.
    pub inputs: Vec<Value>,
    /// What the caller receives.
    pub outputs: Vec<Value>,
    /// The operations.
    pub nodes: Vec<Node>,
    /// Constant tensors: parameters, shapes, statistics.
    pub initializers: Vec<Initializer>,
    /// Element type and shape of values between the nodes, as far as they were written down. See [`crate::shape::annotate`].
    pub values: Vec<Value>,
    /// Versions of further operator sets, by domain.
    pub domains: BTreeMap<String, u32>,
    /// Values that the body of a node reads from the graph around it; empty in a whole model.
    pub captures: Vec<String>,
    /// Free key-value pairs. `briq.logits` names the value before a final softmax.
    pub metadata: BTreeMap<String, String>,
}

/// The metadata key that names the value before a final softmax.
pub const LOGITS_KEY: &str = "briq.logits";

/// A tensor that flows between nodes: its name, element type and shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// Unique in the graph.
    pub name: String,
    /// What its elements are.
    pub element: ElementType,
    /// One entry for each axis.
    pub shape: Vec<Dim>,
    /// Whether it is one tensor.
    pub form: Form,
}

/// How many tensors a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// One.
    #[default]
    Tensor,
    /// A list of them.
    Sequence,
    /// One or none.
    Optional,
    /// A list of them, or none.
    OptionalSequence,
}

/// The length of one axis.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Dim {
    /// Known when the graph is built.
    Fixed(usize),
    /// Known when the graph runs. Two axes with the same non-empty symbol have the same length.
    Dynamic(String),
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Node {
    /// Used in messages. May be empty in graphs from elsewhere.
    pub name: String,
    /// The operator's name in its domain, such as `Conv`.
    pub operator: String,
    /// Empty for ONNX's standard operators.
    pub domain: String,
    /// Names of the values it reads; an empty string stands for an optional input that is absent.
    pub inputs: Vec<String>,
    /// Names of the values it computes; an empty string stands for one that nobody wants.
    pub outputs: Vec<String>,
    /// Its constants.
    pub attributes: BTreeMap<String, Attribute>,
}

/// A named constant tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Initializer {
    /// Unique among the graph's values.
    pub name: String,
    /// What its elements are.
    pub element: ElementType,
    /// One length for each axis; empty for a scalar.
    pub shape: Vec<usize>,
    /// Where its bytes are.
    pub data: Data,
}

/// Where the bytes of an [`Initializer`] are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// Declared, to be filled before the graph runs. It cannot be encoded.
    Unset,
    /// Here: little-endian, row-major.
    Inline(Vec<u8>),
    /// In a file beside the model.
    External {
        /// The file's name: a plain relative path inside the package.
        location: String,
        /// First byte.
        offset: u64,
        /// Number of bytes.
        length: u64,
    },
}

impl Graph {
    /// The initializers by their names, for whoever looks for many of them.
    pub fn initializers_by_name(&self) -> HashMap<&str, &Initializer> {
        self.initializers.iter().map(|initializer| (initializer.name.as_str(), initializer)).collect()
    }

    /// The initializer of that name. Takes time linear in their number.
    pub fn initializer(&self, name: &str) -> Option<&Initializer> {
        self.initializers.iter().find(|initializer| initializer.name == name)
    }

    /// The initializer of that name, to be changed. Takes time linear in their number.
    pub fn initializer_mut(&mut self, name: &str) -> Option<&mut Initializer> {
        self.initializers.iter_mut().find(|initializer| initializer.name == name)
    }

    /// The name of the value before a final softmax: where a loss that wants logits attaches.
    /// A graph that does not say has its first output here; one without outputs, nothing.
    pub fn logits(&self) -> Option<&str> {
        let declared = self.metadata.get(LOGITS_KEY).map(String::as_str);
        declared.or_else(|| self.outputs.first().map(|value| value.name.as_str()))
    }
}

impl Value {
    /// A value of known type and shape.
    pub fn new(name: impl Into<String>, element: ElementType, shape: Vec<Dim>) -> Self {
        Self { name: name.into(), element, shape, form: Form::Tensor }
    }
}

impl Node {
    /// A standard operator without attributes.
    pub fn new(name: impl Into<String>, operator: &str, inputs: &[&str], outputs: &[&str]) -> Self {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            name: name.into(),
            operator: operator.to_owned(),
            inputs: owned(inputs),
            outputs: owned(outputs),
            ..Self::default()
        }
    }

    /// The same node with one more attribute.
    #[must_use]
    pub fn with(mut self, name: &str, attribute: impl Into<Attribute>) -> Self {
        self.attributes.insert(name.to_owned(), attribute.into());
        self
    }

    /// The names of all values that it reads: its inputs, an empty one where it is absent, then what its bodies capture.
    pub fn reads(&self) -> impl Iterator<Item = &str> {
        let bodies = self.attributes.values().filter_map(Attribute::as_graph);
        let captured = bodies.flat_map(|body| &body.captures);
        self.inputs.iter().chain(captured).map(String::as_str)
    }

    /// The name of an input, or `None` where it is absent.
    pub fn input(&self, position: usize) -> Option<&str> {
        self.inputs.get(position).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// How messages call the node: its name, or its first output where it has none, and its operator.
    pub fn label(&self) -> String {
        let name = if self.name.is_empty() { self.outputs.first() } else { Some(&self.name) };
        format!("node `{}` ({})", name.map_or("", String::as_str), self.operator)
    }
}

impl Initializer {
    /// An initializer whose bytes are filled later.
    pub fn unset(name: impl Into<String>, element: ElementType, shape: Vec<usize>) -> Self {
        Self { name: name.into(), element, shape, data: Data::Unset }
    }

    /// Single-precision numbers, held in the graph.
    pub fn from_f32(name: impl Into<String>, shape: Vec<usize>, numbers: &[f32]) -> Self {
        let mut bytes = vec![0; size_of_val(numbers)];
        for (place, number) in bytes.as_chunks_mut().0.iter_mut().zip(numbers) {
            *place = number.to_le_bytes();
        }
        Self { name: name.into(), element: ElementType::F32, shape, data: Data::Inline(bytes) }
    }

    /// 64-bit integers, held in the graph: what shapes and axes are given as.
    pub fn from_i64(name: impl Into<String>, shape: Vec<usize>, numbers: &[i64]) -> Self {
        let bytes = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        Self { name: name.into(), element: ElementType::I64, shape, data: Data::Inline(bytes) }
    }

    /// Number of elements; 1 for a scalar. What no memory could hold is `usize::MAX`.
    pub fn count(&self) -> usize {
        self.shape.iter().copied().fold(1, usize::saturating_mul)
    }

    /// Number of bytes its elements take: those it has, where it is text. What no memory could hold is `usize::MAX`.
    pub fn byte_length(&self) -> usize {
        match (self.element, &self.data) {
            (ElementType::Text, Data::Inline(bytes)) => bytes.len(),
            _ => self.element.byte_length(self.count()).unwrap_or(usize::MAX),
        }
    }

    /// The bytes, where the graph itself holds them.
    pub fn inline(&self) -> Option<&[u8]> {
        match &self.data {
            Data::Inline(bytes) => Some(bytes),
            Data::Unset | Data::External { .. } => None,
        }
    }

    /// The integers of an inline `I64` or `I32` tensor.
    pub fn to_i64(&self) -> Option<Vec<i64>> {
        crate::attribute::integers(self.element, self.inline()?)
    }
}

impl Dim {
    /// The length, where it is known.
    pub fn fixed(&self) -> Option<usize> {
        match self {
            Self::Fixed(length) => Some(*length),
            Self::Dynamic(_) => None,
        }
    }
}

impl From<usize> for Dim {
    fn from(length: usize) -> Self {
        Self::Fixed(length)
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(length) => write!(f, "{length}"),
            Self::Dynamic(symbol) if symbol.is_empty() => f.write_str("?"),
            Self::Dynamic(symbol) => f.write_str(symbol),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.name, self.element, brackets(&self.shape))
    }
}

/// A shape as people write it: `[batch, 1, 8, 8]`.
pub fn brackets<T: fmt::Display>(shape: &[T]) -> String {
    let lengths: Vec<String> = shape.iter().map(T::to_string).collect();
    format!("[{}]", lengths.join(", "))
}
