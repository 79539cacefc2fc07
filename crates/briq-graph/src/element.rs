//! The element types that tensors in a graph may have.

use std::fmt;

/// What one element of a tensor is.
///
/// Strings, complex numbers and the 8- and 4-bit floats of ONNX are not here: no operator that Briq runs takes them, and
/// a model that holds one is refused when it is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ElementType {
    /// One byte, 0 or 1.
    Bool,
    /// Unsigned, 8 bits.
    U8,
    /// Unsigned, 16 bits.
    U16,
    /// Unsigned, 32 bits.
    U32,
    /// Unsigned, 64 bits.
    U64,
    /// Signed, 8 bits.
    I8,
    /// Signed, 16 bits.
    I16,
    /// Signed, 32 bits.
    I32,
    /// Signed, 64 bits.
    I64,
    /// IEEE 754 half precision.
    F16,
    /// The upper half of an IEEE 754 single.
    BF16,
    /// IEEE 754 single precision.
    F32,
    /// IEEE 754 double precision.
    F64,
}

/// Each element type with its size in bytes, its `TensorProto.DataType` number and its name in safetensors.
const TABLE: [(ElementType, usize, i32, &str); 13] = [
    (ElementType::Bool, 1, 9, "BOOL"),
    (ElementType::U8, 1, 2, "U8"),
    (ElementType::U16, 2, 4, "U16"),
    (ElementType::U32, 4, 12, "U32"),
    (ElementType::U64, 8, 13, "U64"),
    (ElementType::I8, 1, 3, "I8"),
    (ElementType::I16, 2, 5, "I16"),
    (ElementType::I32, 4, 6, "I32"),
    (ElementType::I64, 8, 7, "I64"),
    (ElementType::F16, 2, 10, "F16"),
    (ElementType::BF16, 2, 16, "BF16"),
    (ElementType::F32, 4, 1, "F32"),
    (ElementType::F64, 8, 11, "F64"),
];

impl ElementType {
    /// Every element type, in declaration order.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.0)
    }

    /// Bytes of one element.
    pub fn size(self) -> usize {
        TABLE[self as usize].1
    }

    /// The number in ONNX's `TensorProto.DataType`.
    pub fn onnx_code(self) -> i32 {
        TABLE[self as usize].2
    }

    /// The type of an ONNX `TensorProto.DataType` number, if it is one that Briq knows.
    pub fn from_onnx_code(code: i32) -> Option<Self> {
        TABLE.iter().find(|row| row.2 == code).map(|row| row.0)
    }

    /// The name that a safetensors header gives the type, such as `F32`.
    pub fn name(self) -> &'static str {
        TABLE[self as usize].3
    }

    /// The type of a safetensors name.
    pub fn from_name(name: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.3 == name).map(|row| row.0)
    }

    /// Whether the type is a floating-point one.
    pub fn is_float(self) -> bool {
        matches!(self, Self::F16 | Self::BF16 | Self::F32 | Self::F64)
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_follows_the_declaration_order() {
        for (position, element) in ElementType::all().enumerate() {
            assert_eq!(element as usize, position);
        }
    }

    #[test]
    fn codes_and_names_lead_back() {
        for element in ElementType::all() {
            assert_eq!(ElementType::from_onnx_code(element.onnx_code()), Some(element));
            assert_eq!(ElementType::from_name(element.name()), Some(element));
        }
        assert_eq!(ElementType::from_onnx_code(8), None, "8 is a string");
    }
}
