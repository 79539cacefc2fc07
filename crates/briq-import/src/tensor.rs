//! Named tensors in memory.

use briq_graph::ElementType;
use half::{bf16, f16};

use crate::ImportError;

/// A tensor of another framework: little-endian, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// The name that the framework gives it, such as `fc1.weight`.
    pub name: String,
    /// What its elements are.
    pub element: ElementType,
    /// One length for each axis; empty for a scalar.
    pub shape: Vec<usize>,
    /// Its elements.
    pub data: Vec<u8>,
}

impl Tensor {
    /// Its numbers in single precision. Doubles and 64-bit integers are rounded.
    ///
    /// # Errors
    /// For elements that are no numbers of 8 bits or more.
    pub fn to_f32(&self) -> Result<Vec<f32>, ImportError> {
        fn each<const N: usize>(bytes: &[u8], read: impl Fn([u8; N]) -> f32) -> Vec<f32> {
            bytes.as_chunks().0.iter().map(|chunk| read(*chunk)).collect()
        }
        let bytes = &self.data;
        Ok(match self.element {
            ElementType::F32 => each(bytes, f32::from_le_bytes),
            ElementType::F64 => each(bytes, |chunk| f64::from_le_bytes(chunk) as f32),
            ElementType::F16 => each(bytes, |chunk| f16::from_le_bytes(chunk).to_f32()),
            ElementType::BF16 => each(bytes, |chunk| bf16::from_le_bytes(chunk).to_f32()),
            ElementType::I64 => each(bytes, |chunk| i64::from_le_bytes(chunk) as f32),
            ElementType::I32 => each(bytes, |chunk| i32::from_le_bytes(chunk) as f32),
            ElementType::I16 => each(bytes, |chunk| f32::from(i16::from_le_bytes(chunk))),
            ElementType::I8 => each(bytes, |chunk| f32::from(i8::from_le_bytes(chunk))),
            ElementType::U8 | ElementType::Bool => each(bytes, |[byte]| f32::from(byte)),
            other => return Err(ImportError::unsupported(format!("tensor `{}` holds {other}", self.name))),
        })
    }
}

/// The numbers of a tensor with its axes in another order: axis `i` of the result is axis `order[i]` of the tensor.
pub(crate) fn permuted(values: &[f32], shape: &[usize], order: &[usize]) -> Vec<f32> {
    debug_assert_eq!(values.len(), shape.iter().product::<usize>());
    let mut strides = vec![1; shape.len()];
    for axis in (0..shape.len().saturating_sub(1)).rev() {
        strides[axis] = strides[axis + 1] * shape[axis + 1];
    }
    let lengths: Vec<usize> = order.iter().map(|&axis| shape[axis]).collect();
    let steps: Vec<usize> = order.iter().map(|&axis| strides[axis]).collect();
    let mut index = vec![0; order.len()];
    let mut result = Vec::with_capacity(values.len());
    for _ in 0..values.len() {
        result.push(values[index.iter().zip(&steps).map(|(index, step)| index * step).sum::<usize>()]);
        advance(&mut index, &lengths);
    }
    result
}

/// The next index in row-major order.
pub(crate) fn advance(index: &mut [usize], lengths: &[usize]) {
    for axis in (0..lengths.len()).rev() {
        index[axis] += 1;
        if index[axis] < lengths[axis] {
            return;
        }
        index[axis] = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_change_places() {
        let values = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
        assert_eq!(permuted(&values, &[2, 3], &[1, 0]), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(permuted(&values, &[1, 2, 3], &[2, 0, 1]), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(permuted(&[7.0], &[], &[]), [7.0]);
    }
}
