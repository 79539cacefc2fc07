//! Constants attached to nodes.

use crate::{ElementType, Graph, Initializer};

/// A constant of a node.
#[derive(Debug, Clone, PartialEq)]
pub enum Attribute {
    /// One number.
    Float(f32),
    /// One integer; flags are integers too.
    Int(i64),
    /// Text.
    String(String),
    /// A constant tensor, never external.
    Tensor(Initializer),
    /// Numbers.
    Floats(Vec<f32>),
    /// Integers.
    Ints(Vec<i64>),
    /// Texts.
    Strings(Vec<String>),
    /// A body: what `If`, `Loop` and `Scan` carry out.
    Graph(Box<Graph>),
}

impl Attribute {
    /// The number, if it is one.
    pub fn as_float(&self) -> Option<f32> {
        if let Self::Float(number) = self { Some(*number) } else { None }
    }

    /// The integer, if it is one.
    pub fn as_int(&self) -> Option<i64> {
        if let Self::Int(number) = self { Some(*number) } else { None }
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The integers, if it holds some.
    pub fn as_ints(&self) -> Option<&[i64]> {
        if let Self::Ints(numbers) = self { Some(numbers) } else { None }
    }

    /// The numbers, if it holds some.
    pub fn as_floats(&self) -> Option<&[f32]> {
        if let Self::Floats(numbers) = self { Some(numbers) } else { None }
    }

    /// The body, if it is one.
    pub fn as_graph(&self) -> Option<&Graph> {
        if let Self::Graph(body) = self { Some(body) } else { None }
    }

    /// The body, if it is one, to be changed.
    pub fn as_graph_mut(&mut self) -> Option<&mut Graph> {
        if let Self::Graph(body) = self { Some(body) } else { None }
    }

    /// The tensor, if it is one.
    pub fn as_tensor(&self) -> Option<&Initializer> {
        if let Self::Tensor(tensor) = self { Some(tensor) } else { None }
    }
}

impl From<f32> for Attribute {
    fn from(number: f32) -> Self {
        Self::Float(number)
    }
}

impl From<i64> for Attribute {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<&str> for Attribute {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<Vec<i64>> for Attribute {
    fn from(numbers: Vec<i64>) -> Self {
        Self::Ints(numbers)
    }
}

impl From<Initializer> for Attribute {
    fn from(tensor: Initializer) -> Self {
        Self::Tensor(tensor)
    }
}

/// Little-endian integers of either width, widened.
pub(crate) fn integers(element: ElementType, bytes: &[u8]) -> Option<Vec<i64>> {
    match element {
        ElementType::I64 => Some(bytes.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b)).collect()),
        ElementType::I32 => Some(bytes.as_chunks().0.iter().map(|b| i64::from(i32::from_le_bytes(*b))).collect()),
        _ => None,
    }
}
