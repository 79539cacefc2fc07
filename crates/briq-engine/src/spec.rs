//! What a model says of one of its inputs or outputs.

use crate::{DataType, EngineError, Tensor};

/// Name, type and shape of an input or output; a dimension of -1 may have any size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// The name by which requests refer to it.
    pub name: String,
    /// The type of its elements.
    pub datatype: DataType,
    /// Its dimensions, outermost first; -1 where the size is the caller's choice.
    pub shape: Vec<i64>,
}

impl TensorSpec {
    /// A spec from its parts.
    pub fn new(name: impl Into<String>, datatype: DataType, shape: &[i64]) -> Self {
        Self { name: name.into(), datatype, shape: shape.to_vec() }
    }

    /// Whether a tensor of this shape fits.
    pub fn admits(&self, shape: &[usize]) -> bool {
        let fits = |(want, have): (&i64, &usize)| *want < 0 || usize::try_from(*want) == Ok(*have);
        self.shape.len() == shape.len() && self.shape.iter().zip(shape).all(fits)
    }

    /// Checks that the tensor is well formed and fits this spec in type and shape.
    ///
    /// # Errors
    /// [`EngineError::is_invalid_input`], naming the tensor and both types or shapes.
    pub fn check(&self, tensor: &Tensor) -> Result<(), EngineError> {
        if tensor.datatype != self.datatype {
            return Err(EngineError::invalid_input(format!(
                "input `{}` has datatype {} where the model takes {}",
                self.name, tensor.datatype, self.datatype
            )));
        }
        if !self.admits(&tensor.shape) {
            return Err(EngineError::invalid_input(format!(
                "input `{}` has shape {:?} where the model takes {:?}",
                self.name, tensor.shape, self.shape
            )));
        }
        tensor.validate()
    }
}
