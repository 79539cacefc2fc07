//! Values beside a model: the inputs and outputs that ONNX stores as files of their own.

use prost::Message;

use super::{proto, tensors};
use crate::{Form, GraphError, GraphErrorKind, Initializer};

/// What a value holds while a network runs: a tensor, a list of them, or nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Datum {
    /// One tensor, whose bytes are [`crate::Data::Inline`].
    Tensor(Initializer),
    /// A list of tensors.
    Sequence(Vec<Initializer>),
    /// An option that holds nothing.
    Absent,
}

impl Datum {
    /// Reads a `TensorProto`, a `SequenceProto` or an `OptionalProto`; the form of the value says which.
    ///
    /// # Errors
    /// Bytes that are not that message, and tensors whose bytes do not follow from their shape.
    pub fn decode(bytes: &[u8], form: Form) -> Result<Self, GraphError> {
        match form {
            Form::Tensor => tensors::decode(message(bytes)?).map(Self::Tensor),
            Form::Sequence => sequence(message(bytes)?),
            Form::Optional | Form::OptionalSequence => optional(message(bytes)?),
        }
    }
}

fn message<M: Message + Default>(bytes: &[u8]) -> Result<M, GraphError> {
    M::decode(bytes).map_err(|error| GraphError::new(GraphErrorKind::Malformed, "decode", "value", "").because(error))
}

fn sequence(list: proto::Sequence) -> Result<Datum, GraphError> {
    list.tensor_values.into_iter().map(tensors::decode).collect::<Result<_, _>>().map(Datum::Sequence)
}

fn optional(option: proto::Optional) -> Result<Datum, GraphError> {
    match (option.tensor_value, option.sequence_value) {
        (Some(tensor), _) => tensors::decode(tensor).map(Datum::Tensor),
        (None, Some(list)) => sequence(list),
        (None, None) => Ok(Datum::Absent),
    }
}
