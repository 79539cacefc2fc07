//! The element types that tensors in a graph may have.

use std::fmt;

/// What one element of a tensor is.
///
/// Complex numbers are not here: no operator of ONNX takes them, and a model that holds one is refused when it is decoded.
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
    /// Signed, 4 bits, two to a byte, the first in the low half.
    I4,
    /// Unsigned, 4 bits, packed as [`ElementType::I4`].
    U4,
    /// 4 exponent and 3 mantissa bits, finite only (Micikevicius et al., 2022).
    F8E4M3,
    /// As [`ElementType::F8E4M3`], with one zero and one NaN (Noune et al., 2022).
    F8E4M3Fnuz,
    /// 5 exponent and 2 mantissa bits, with infinities (Micikevicius et al., 2022).
    F8E5M2,
    /// As [`ElementType::F8E5M2`], with one zero, one NaN and no infinity (Noune et al., 2022).
    F8E5M2Fnuz,
    /// A power of two: the scale of the OCP Microscaling formats.
    F8E8M0,
    /// 2 exponent and 1 mantissa bits, packed as [`ElementType::I4`] (OCP Microscaling formats).
    F4E2M1,
    /// UTF-8; each element is its length in bytes as a little-endian `u32`, then the bytes.
    Text,
}

use ElementType as E;

/// Each element type with its size in bits, its `TensorProto.DataType` number and its name in safetensors.
const TABLE: [(ElementType, usize, i32, &str); 22] = [
    (E::Bool, 8, 9, "BOOL"),
    (E::U8, 8, 2, "U8"),
    (E::U16, 16, 4, "U16"),
    (E::U32, 32, 12, "U32"),
    (E::U64, 64, 13, "U64"),
    (E::I8, 8, 3, "I8"),
    (E::I16, 16, 5, "I16"),
    (E::I32, 32, 6, "I32"),
    (E::I64, 64, 7, "I64"),
    (E::F16, 16, 10, "F16"),
    (E::BF16, 16, 16, "BF16"),
    (E::F32, 32, 1, "F32"),
    (E::F64, 64, 11, "F64"),
    (E::I4, 4, 22, "I4"),
    (E::U4, 4, 21, "U4"),
    (E::F8E4M3, 8, 17, "F8_E4M3"),
    (E::F8E4M3Fnuz, 8, 18, "F8_E4M3FNUZ"),
    (E::F8E5M2, 8, 19, "F8_E5M2"),
    (E::F8E5M2Fnuz, 8, 20, "F8_E5M2FNUZ"),
    (E::F8E8M0, 8, 24, "F8_E8M0"),
    (E::F4E2M1, 4, 23, "F4"),
    (E::Text, 0, 8, "TEXT"),
];

impl ElementType {
    /// Every element type, in declaration order.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.0)
    }

    /// Bits of one element; zero for text, whose elements differ in length.
    pub fn bits(self) -> usize {
        TABLE[self as usize].1
    }

    /// Bytes that so many elements take; `None` for text and for what no memory could hold.
    pub fn byte_length(self, count: usize) -> Option<usize> {
        let whole = count.checked_mul(self.bits() / 8);
        match self.bits() {
            0 => None,
            4 => Some(count.div_ceil(2)),
            _ => whole,
        }
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
        matches!(self, Self::F16 | Self::BF16 | Self::F32 | Self::F64) || self.is_small_float()
    }

    /// Whether the type is a floating-point one of 8 or 4 bits.
    pub fn is_small_float(self) -> bool {
        (E::F8E4M3..=E::F4E2M1).contains(&self)
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
        assert_eq!(ElementType::from_onnx_code(14), None, "14 is a complex number");
    }
}
