//! The plain tensor that travels between a server and an engine.

use crate::numbers;
use crate::{DataType, EngineError};

/// A named tensor: row-major, little-endian, as on the wire.
///
/// Elements of [`DataType::Bytes`] are each a `u32` length and that many bytes; those of [`DataType::Bool`] one byte.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// The name of the input or output that it stands for.
    pub name: String,
    /// The type of its elements.
    pub datatype: DataType,
    /// Its dimensions, outermost first; an empty shape is a scalar.
    pub shape: Vec<usize>,
    /// Its elements, row-major and little-endian.
    pub data: Vec<u8>,
}

impl Tensor {
    /// A tensor from its parts, checked.
    ///
    /// # Errors
    /// See [`Tensor::validate`].
    pub fn new(
        name: impl Into<String>,
        datatype: DataType,
        shape: &[usize],
        data: Vec<u8>,
    ) -> Result<Self, EngineError> {
        let tensor = Self { name: name.into(), datatype, shape: shape.to_vec(), data };
        tensor.validate().map(|()| tensor)
    }

    /// An FP32 tensor. The caller answers for `values.len()` being the product of `shape`; [`Tensor::validate`] tells.
    pub fn from_f32(name: impl Into<String>, shape: &[usize], values: &[f32]) -> Self {
        let data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { name: name.into(), datatype: DataType::Fp32, shape: shape.to_vec(), data }
    }

    /// An INT64 tensor, under the same condition as [`Tensor::from_f32`].
    pub fn from_i64(name: impl Into<String>, shape: &[usize], values: &[i64]) -> Self {
        let data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { name: name.into(), datatype: DataType::Int64, shape: shape.to_vec(), data }
    }

    /// A tensor of zeros; of empty strings when the type is [`DataType::Bytes`].
    pub fn zeros(name: impl Into<String>, datatype: DataType, shape: &[usize]) -> Self {
        let bytes = shape.iter().product::<usize>() * datatype.size().unwrap_or(size_of::<u32>());
        Self { name: name.into(), datatype, shape: shape.to_vec(), data: vec![0; bytes] }
    }

    /// The elements of an FP32 tensor.
    ///
    /// # Errors
    /// [`EngineError::is_invalid_input`] when the tensor is of another type or malformed.
    pub fn as_f32(&self) -> Result<Vec<f32>, EngineError> {
        self.expect_datatype(DataType::Fp32)?;
        Ok(self.data.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }

    /// The elements of an INT64 tensor.
    ///
    /// # Errors
    /// [`EngineError::is_invalid_input`] when the tensor is of another type or malformed.
    pub fn as_i64(&self) -> Result<Vec<i64>, EngineError> {
        self.expect_datatype(DataType::Int64)?;
        Ok(self.data.as_chunks::<8>().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect())
    }

    /// The elements of a numeric or boolean tensor as `f64`; INT64 and UINT64 beyond 2^53 are rounded.
    ///
    /// # Errors
    /// [`EngineError::is_invalid_input`] when the tensor holds byte strings or is malformed.
    pub fn to_f64(&self) -> Result<Vec<f64>, EngineError> {
        self.validate()?;
        numbers::to_f64(self.datatype, &self.data).ok_or_else(|| {
            EngineError::invalid_input(format!("tensor `{}` holds byte strings, not numbers", self.name))
        })
    }

    /// The elements of a BYTES tensor, borrowed.
    ///
    /// # Errors
    /// [`EngineError::is_invalid_input`] when the tensor is of another type or malformed.
    pub fn as_byte_strings(&self) -> Result<Vec<&[u8]>, EngineError> {
        self.expect_datatype(DataType::Bytes)?;
        numbers::byte_strings(&self.data).ok_or_else(|| self.malformed("its byte strings do not fill its data"))
    }

    /// How many elements the shape says; saturates rather than overflows.
    pub fn element_count(&self) -> usize {
        let multiply = |count: usize, dimension: &usize| count.saturating_mul(*dimension);
        if self.shape.contains(&0) { 0 } else { self.shape.iter().fold(1, multiply) }
    }

    /// Checks that the data is as long as shape and type say.
    ///
    /// # Errors
    /// [`EngineError::is_invalid_input`], naming the tensor and both lengths.
    pub fn validate(&self) -> Result<(), EngineError> {
        let count = self.element_count();
        match self.datatype.size() {
            Some(size) if count.checked_mul(size) == Some(self.data.len()) => Ok(()),
            Some(_) => Err(self.malformed(&format!("its data has {} bytes", self.data.len()))),
            None => self.validate_byte_strings(count),
        }
    }

    fn validate_byte_strings(&self, count: usize) -> Result<(), EngineError> {
        match numbers::byte_strings(&self.data) {
            Some(strings) if strings.len() == count => Ok(()),
            Some(strings) => Err(self.malformed(&format!("it holds {} byte strings", strings.len()))),
            None => Err(self.malformed("its byte strings do not fill its data")),
        }
    }

    fn expect_datatype(&self, datatype: DataType) -> Result<(), EngineError> {
        if self.datatype == datatype {
            return self.validate();
        }
        let (name, have) = (&self.name, self.datatype);
        Err(EngineError::invalid_input(format!("tensor `{name}` is {have}, not {datatype}")))
    }

    fn malformed(&self, what: &str) -> EngineError {
        let Self { name, datatype, shape, .. } = self;
        EngineError::invalid_input(format!("tensor `{name}` is declared {datatype} {shape:?}, but {what}"))
    }
}
