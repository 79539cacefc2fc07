//! The element types of the Open Inference Protocol.

use std::fmt;
use std::str::FromStr;

/// The type of a tensor's elements, with the names of the Open Inference Protocol v2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DataType {
    /// One byte, 0 or 1.
    Bool,
    /// Unsigned, 1 byte.
    Uint8,
    /// Unsigned, 2 bytes.
    Uint16,
    /// Unsigned, 4 bytes.
    Uint32,
    /// Unsigned, 8 bytes.
    Uint64,
    /// Signed, 1 byte.
    Int8,
    /// Signed, 2 bytes.
    Int16,
    /// Signed, 4 bytes.
    Int32,
    /// Signed, 8 bytes.
    Int64,
    /// IEEE 754 binary16.
    Fp16,
    /// The upper half of a binary32.
    Bf16,
    /// IEEE 754 binary32.
    Fp32,
    /// IEEE 754 binary64.
    Fp64,
    /// Byte strings, each preceded by its length as a little-endian `u32`.
    Bytes,
}

/// Every data type with its protocol name and the bytes of one element.
const TABLE: [(DataType, &str, Option<usize>); 14] = [
    (DataType::Bool, "BOOL", Some(1)),
    (DataType::Uint8, "UINT8", Some(1)),
    (DataType::Uint16, "UINT16", Some(2)),
    (DataType::Uint32, "UINT32", Some(4)),
    (DataType::Uint64, "UINT64", Some(8)),
    (DataType::Int8, "INT8", Some(1)),
    (DataType::Int16, "INT16", Some(2)),
    (DataType::Int32, "INT32", Some(4)),
    (DataType::Int64, "INT64", Some(8)),
    (DataType::Fp16, "FP16", Some(2)),
    (DataType::Bf16, "BF16", Some(2)),
    (DataType::Fp32, "FP32", Some(4)),
    (DataType::Fp64, "FP64", Some(8)),
    (DataType::Bytes, "BYTES", None),
];

impl DataType {
    /// Every data type, in the protocol's order.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.0)
    }

    /// The name that the protocol uses, such as `FP32`.
    pub fn name(self) -> &'static str {
        TABLE[self as usize].1
    }

    /// Bytes of one element; `None` for [`DataType::Bytes`], whose elements differ in length.
    pub fn size(self) -> Option<usize> {
        TABLE[self as usize].2
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no data type of the protocol.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown datatype `{0}`")]
pub struct UnknownDataType(pub String);

impl FromStr for DataType {
    type Err = UnknownDataType;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let row = TABLE.iter().find(|row| row.1 == name);
        row.map(|row| row.0).ok_or_else(|| UnknownDataType(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for (index, row) in TABLE.iter().enumerate() {
            assert_eq!(row.0 as usize, index);
            assert_eq!(row.1.parse(), Ok(row.0));
        }
    }
}
