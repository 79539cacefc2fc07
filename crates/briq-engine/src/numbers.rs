//! Reading elements out of little-endian bytes.

use half::{bf16, f16};

use crate::DataType;

/// Every element as `f64`; `None` for byte strings. Trailing bytes that make no element are left out.
pub(crate) fn to_f64(datatype: DataType, data: &[u8]) -> Option<Vec<f64>> {
    macro_rules! read {
        ($type:ty, $to:expr) => {{
            let (chunks, _) = data.as_chunks::<{ size_of::<$type>() }>();
            chunks.iter().map(|bytes| $to(<$type>::from_le_bytes(*bytes))).collect()
        }};
    }
    Some(match datatype {
        DataType::Bool => data.iter().map(|byte| f64::from(u8::from(*byte != 0))).collect(),
        DataType::Uint8 => read!(u8, f64::from),
        DataType::Uint16 => read!(u16, f64::from),
        DataType::Uint32 => read!(u32, f64::from),
        DataType::Uint64 => read!(u64, |value| value as f64),
        DataType::Int8 => read!(i8, f64::from),
        DataType::Int16 => read!(i16, f64::from),
        DataType::Int32 => read!(i32, f64::from),
        DataType::Int64 => read!(i64, |value| value as f64),
        DataType::Fp16 => read!(f16, f64::from),
        DataType::Bf16 => read!(bf16, f64::from),
        DataType::Fp32 => read!(f32, f64::from),
        DataType::Fp64 => read!(f64, f64::from),
        DataType::Bytes => return None,
    })
}

/// The byte strings of a BYTES tensor, or `None` when a length reaches past the end.
pub(crate) fn byte_strings(mut data: &[u8]) -> Option<Vec<&[u8]>> {
    let mut strings = Vec::new();
    while !data.is_empty() {
        let (length, rest) = data.split_first_chunk::<4>()?;
        let (string, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        strings.push(string);
        data = rest;
    }
    Some(strings)
}
