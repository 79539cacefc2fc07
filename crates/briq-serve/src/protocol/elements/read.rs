//! From a JSON array to little-endian bytes.

use std::fmt;
use std::marker::PhantomData;

use briq_engine::DataType;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, SeqAccess, Visitor};

/// Reads the elements of a tensor into little-endian bytes.
///
/// # Errors
/// When the text is no array of that datatype, or neither flat with as many elements as the shape says nor nested
/// exactly as the shape is.
pub(crate) fn read(text: &str, datatype: DataType, shape: &[usize]) -> Result<Vec<u8>, serde_json::Error> {
    let read = match datatype {
        DataType::Bool => read_as::<Boolean>,
        DataType::Uint8 => read_as::<u8>,
        DataType::Uint16 => read_as::<u16>,
        DataType::Uint32 => read_as::<u32>,
        DataType::Uint64 => read_as::<u64>,
        DataType::Int8 => read_as::<i8>,
        DataType::Int16 => read_as::<i16>,
        DataType::Int32 => read_as::<i32>,
        DataType::Int64 => read_as::<i64>,
        DataType::Fp32 => read_as::<Single>,
        DataType::Fp64 => read_as::<f64>,
        DataType::Bytes => read_as::<String>,
        DataType::Fp16 | DataType::Bf16 => {
            return Err(serde_json::Error::custom("this datatype is sent as binary data only"));
        }
    };
    read(text, shape)
}

fn read_as<E: Element>(text: &str, shape: &[usize]) -> Result<Vec<u8>, serde_json::Error> {
    let count = shape.iter().fold(1, |count: usize, size| count.saturating_mul(*size));
    // An element takes two characters at least, which bounds what a shape can make us allocate.
    let mut out = Vec::with_capacity(count.min(text.len() / 2 + 1) * E::SIZE);
    let nested = text.trim_start().strip_prefix('[').is_some_and(|rest| rest.trim_start().starts_with('['));
    let flat = [count];
    let levels = if nested { shape } else { &flat };
    let mut json = serde_json::Deserializer::from_str(text);
    Level::<E> { levels, out: &mut out, element: PhantomData }.deserialize(&mut json)?;
    json.end().map(|()| out)
}

/// One level of nesting; `levels` are the lengths of this array and of those inside it.
struct Level<'a, E> {
    levels: &'a [usize],
    out: &'a mut Vec<u8>,
    element: PhantomData<E>,
}

impl<'de, E: Element> DeserializeSeed<'de> for Level<'_, E> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, E: Element> Visitor<'de> for Level<'_, E> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array, flat or nested as the shape is")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
        let Some((&length, inner)) = self.levels.split_first() else {
            return Err(A::Error::custom("data is nested deeper than its shape"));
        };
        let mut count = 0_usize;
        while next::<E, A>(&mut array, inner, self.out)? {
            count += 1;
        }
        match count == length {
            true => Ok(()),
            false => Err(A::Error::custom(format!("an array has {count} elements where the shape says {length}"))),
        }
    }
}

/// Reads one element or, where there are levels inside, one array; false at the end.
fn next<'de, E: Element, A: SeqAccess<'de>>(
    array: &mut A,
    inner: &[usize],
    out: &mut Vec<u8>,
) -> Result<bool, A::Error> {
    if !inner.is_empty() {
        let level = Level::<E> { levels: inner, out, element: PhantomData };
        return Ok(array.next_element_seed(level)?.is_some());
    }
    let element = array.next_element::<E>()?;
    element.map_or(Ok(false), |element| element.push(out).map(|()| true).map_err(A::Error::custom))
}

/// An element as JSON has it.
trait Element: for<'de> Deserialize<'de> {
    /// Bytes that one takes, or may take at least.
    const SIZE: usize;

    fn push(self, out: &mut Vec<u8>) -> Result<(), String>;
}

macro_rules! number {
    ($($type:ty),*) => {$(
        impl Element for $type {
            const SIZE: usize = size_of::<$type>();

            fn push(self, out: &mut Vec<u8>) -> Result<(), String> {
                out.extend_from_slice(&self.to_le_bytes());
                Ok(())
            }
        }
    )*};
}
number!(u8, u16, u32, u64, i8, i16, i32, i64, f64);

#[derive(Deserialize)]
struct Boolean(bool);

impl Element for Boolean {
    const SIZE: usize = 1;

    fn push(self, out: &mut Vec<u8>) -> Result<(), String> {
        out.push(u8::from(self.0));
        Ok(())
    }
}

/// An FP32, read as `f64` so that a number beyond its range is seen rather than made an infinity.
#[derive(Deserialize)]
struct Single(f64);

impl Element for Single {
    const SIZE: usize = 4;

    fn push(self, out: &mut Vec<u8>) -> Result<(), String> {
        let single = self.0 as f32;
        if single.is_infinite() {
            return Err(format!("{:e} is beyond the range of FP32", self.0));
        }
        out.extend_from_slice(&single.to_le_bytes());
        Ok(())
    }
}

impl Element for String {
    const SIZE: usize = 4;

    fn push(self, out: &mut Vec<u8>) -> Result<(), String> {
        let length = u32::try_from(self.len()).map_err(|_| "a string is longer than 4 GiB".to_owned())?;
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(self.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    fn refusal(text: &str, datatype: DataType, shape: &[usize]) -> String {
        read(text, datatype, shape).unwrap_err().to_string()
    }

    #[test]
    fn flat_and_nested_are_the_same_bytes() {
        let flat = read("[1, 2, 3, 4, 5, 6]", DataType::Int16, &[2, 3]).unwrap();
        let nested = read(" [ [1,2,3], [4,5,6] ]", DataType::Int16, &[2, 3]).unwrap();
        assert_eq!(flat, [1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0]);
        assert_eq!(flat, nested);
    }

    #[test]
    fn rejects_what_does_not_follow_the_shape() {
        let short = refusal("[1, 2]", DataType::Fp32, &[3]);
        assert!(short.starts_with("an array has 2 elements where the shape says 3"), "{short}");
        let ragged = refusal("[[1, 2], [3]]", DataType::Fp32, &[2, 2]);
        assert!(ragged.starts_with("an array has 1 elements where the shape says 2"), "{ragged}");
        for text in ["[[1, 2, 3, 4]]", "[[[1],[2]],[[3],[4]]]", "[[1, 2], 3, 4]", "4", "{}", "[1,2,3,4] 5", ""] {
            assert!(read(text, DataType::Fp32, &[2, 2]).is_err(), "{text}");
        }
    }

    #[test]
    fn rejects_elements_beyond_their_datatype() {
        let beyond = refusal("[1e39]", DataType::Fp32, &[1]);
        assert!(beyond.starts_with("1e39 is beyond the range of FP32"), "{beyond}");
        for (text, datatype) in [
            ("[256]", DataType::Uint8),
            ("[-1]", DataType::Uint64),
            ("[1.5]", DataType::Int32),
            ("[1]", DataType::Bool),
            ("[\"1\"]", DataType::Fp32),
            ("[1]", DataType::Bytes),
            ("[null]", DataType::Fp64),
        ] {
            assert!(read(text, datatype, &[1]).is_err(), "{text} as {datatype}");
        }
        assert!(refusal("[1]", DataType::Bf16, &[1]).contains("binary"));
    }

    #[test]
    fn rejects_nesting_without_end_before_the_stack_does() {
        let text = "[".repeat(100_000);
        assert!(read(&text, DataType::Fp32, &[1; 200]).is_err());
    }
}
