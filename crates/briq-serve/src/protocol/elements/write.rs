//! From little-endian bytes to a flat JSON array.

use briq_engine::{DataType, Tensor};
use serde::ser::Error as _;
use serde::{Serialize, Serializer};

/// A tensor's elements, to be written as a flat JSON array.
pub(crate) struct Elements<'a>(pub(crate) &'a Tensor);

impl Serialize for Elements<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        macro_rules! write {
            ($type:ty) => {{
                let (chunks, _) = self.0.data.as_chunks::<{ size_of::<$type>() }>();
                serializer.collect_seq(chunks.iter().map(|bytes| <$type>::from_le_bytes(*bytes)))
            }};
        }
        self.check().map_err(S::Error::custom)?;
        match self.0.datatype {
            DataType::Bool => serializer.collect_seq(self.0.data.iter().map(|byte| *byte != 0)),
            DataType::Uint8 => write!(u8),
            DataType::Uint16 => write!(u16),
            DataType::Uint32 => write!(u32),
            DataType::Uint64 => write!(u64),
            DataType::Int8 => write!(i8),
            DataType::Int16 => write!(i16),
            DataType::Int32 => write!(i32),
            DataType::Int64 => write!(i64),
            DataType::Fp32 => write!(f32),
            DataType::Fp64 => write!(f64),
            DataType::Bytes => self.write_strings(serializer),
            DataType::Fp16 | DataType::Bf16 => Err(S::Error::custom(self.binary_only("is of a half-precision type"))),
        }
    }
}

impl Elements<'_> {
    /// JSON has no NaN and no infinity; a null in their place would be a silent loss.
    fn check(&self) -> Result<(), String> {
        let data = &self.0.data;
        let finite = match self.0.datatype {
            DataType::Fp32 => data.as_chunks().0.iter().all(|bytes| f32::from_le_bytes(*bytes).is_finite()),
            DataType::Fp64 => data.as_chunks().0.iter().all(|bytes| f64::from_le_bytes(*bytes).is_finite()),
            _ => true,
        };
        if finite { Ok(()) } else { Err(self.binary_only("holds NaN or an infinity")) }
    }

    fn write_strings<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let strings = self.0.as_byte_strings().map_err(S::Error::custom)?;
        let texts: Result<Vec<_>, _> = strings.into_iter().map(std::str::from_utf8).collect();
        let texts = texts.map_err(|_| S::Error::custom(self.binary_only("holds strings that are not UTF-8")))?;
        serializer.collect_seq(texts)
    }

    fn binary_only(&self, what: &str) -> String {
        let name = &self.0.name;
        format!("output `{name}` {what}, which JSON cannot carry; ask for it with \"binary_data\": true")
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn what_json_cannot_carry_is_said_rather_than_lost() {
        let tensor = Tensor::from_f32("y", &[1], &[f32::NAN]);
        let error = serde_json::to_string(&Elements(&tensor)).unwrap_err();
        assert!(error.to_string().contains("binary_data"));
    }
}
