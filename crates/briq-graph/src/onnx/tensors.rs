//! Tensors of a model file: raw, typed or external.

use super::{MAX_RANK, proto};
use crate::{Data, ElementType, GraphError, GraphErrorKind, Initializer};

/// How many bytes one tensor may describe: what a file offset can reach.
const MAX_TENSOR_BYTES: u64 = i64::MAX as u64;

pub(super) fn encode(tensor: &Initializer) -> Result<proto::Tensor, GraphError> {
    let refuse = |kind, reason: &str| Err(GraphError::new(kind, "encode", label(&tensor.name), reason));
    let mut encoded = proto::Tensor {
        name: tensor.name.clone(),
        dims: tensor.shape.iter().map(|&length| length as i64).collect(),
        data_type: tensor.element.onnx_code(),
        ..proto::Tensor::default()
    };
    match &tensor.data {
        Data::Unset => return refuse(GraphErrorKind::Incomplete, "its values were never filled"),
        Data::Inline(bytes) if bytes.len() != tensor.byte_length() => {
            return refuse(GraphErrorKind::Shape, "its bytes do not follow from its shape");
        }
        Data::Inline(bytes) if tensor.element == ElementType::Text => {
            let Some(texts) = split_texts(bytes) else {
                return refuse(GraphErrorKind::Malformed, "its texts are cut short");
            };
            encoded.string_data = texts;
        }
        Data::Inline(bytes) => encoded.raw_data = Some(bytes.clone()),
        Data::External { location, offset, length } => {
            encoded.data_location = proto::EXTERNAL;
            encoded.external_data = external(location, *offset, *length);
        }
    }
    Ok(encoded)
}

fn external(location: &str, offset: u64, length: u64) -> Vec<proto::Entry> {
    let entries = [("location", location.to_owned()), ("offset", offset.to_string()), ("length", length.to_string())];
    entries.into_iter().map(|(key, value)| proto::Entry { key: key.to_owned(), value }).collect()
}

pub(super) fn decode(tensor: proto::Tensor) -> Result<Initializer, GraphError> {
    let element = element(&tensor)?;
    let shape = shape(&tensor)?;
    if element == ElementType::Text {
        let data = Data::Inline(decode_texts(&tensor, &shape)?);
        return Ok(Initializer { name: tensor.name, element, shape, data });
    }
    let length = byte_length(&tensor, element, &shape)?;
    let data = if tensor.data_location == proto::EXTERNAL {
        decode_external(&tensor, length)?
    } else {
        Data::Inline(decode_inline(&tensor, element, length)?)
    };
    Ok(Initializer { name: tensor.name, element, shape, data })
}

fn label(name: &str) -> String {
    format!("tensor `{name}`")
}

fn refuse(tensor: &proto::Tensor, kind: GraphErrorKind, reason: impl Into<String>) -> GraphError {
    GraphError::new(kind, "decode", label(&tensor.name), reason)
}

fn malformed(tensor: &proto::Tensor, reason: impl Into<String>) -> GraphError {
    refuse(tensor, GraphErrorKind::Malformed, reason)
}

fn element(tensor: &proto::Tensor) -> Result<ElementType, GraphError> {
    if tensor.segment.is_some() {
        return Err(refuse(tensor, GraphErrorKind::Unsupported, "it is stored in segments"));
    }
    let unknown = || {
        let reason = format!("its element type is number {} of TensorProto.DataType", tensor.data_type);
        refuse(tensor, GraphErrorKind::Unsupported, reason)
    };
    ElementType::from_onnx_code(tensor.data_type).ok_or_else(unknown)
}

fn shape(tensor: &proto::Tensor) -> Result<Vec<usize>, GraphError> {
    if tensor.dims.len() > MAX_RANK {
        let reason = format!("it has {} axes, {MAX_RANK} are allowed", tensor.dims.len());
        return Err(refuse(tensor, GraphErrorKind::Limit, reason));
    }
    let length = |&dim: &i64| usize::try_from(dim).map_err(|_| malformed(tensor, format!("an axis has length {dim}")));
    tensor.dims.iter().map(length).collect()
}

fn byte_length(tensor: &proto::Tensor, element: ElementType, shape: &[usize]) -> Result<u64, GraphError> {
    let count = shape.iter().copied().try_fold(1_usize, usize::checked_mul);
    let bytes = count.and_then(|count| element.byte_length(count)).map(|bytes| bytes as u64);
    let fits = bytes.filter(|&bytes| bytes <= MAX_TENSOR_BYTES);
    fits.ok_or_else(|| refuse(tensor, GraphErrorKind::Limit, "its shape has more elements than any file holds"))
}

fn decode_external(tensor: &proto::Tensor, expected: u64) -> Result<Data, GraphError> {
    let find = |key: &str| tensor.external_data.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str());
    let number = |key: &str, otherwise: u64| match find(key) {
        Some(text) => text.parse().map_err(|_| malformed(tensor, format!("its external {key} is `{text}`"))),
        None => Ok(otherwise),
    };
    let location = find("location").ok_or_else(|| malformed(tensor, "its external location is missing"))?;
    if !is_inside(location) {
        return Err(malformed(tensor, format!("its external location `{location}` is not a file beside the model")));
    }
    let (offset, length) = (number("offset", 0)?, number("length", expected)?);
    if length != expected {
        return Err(malformed(tensor, format!("its shape takes {expected} bytes, its external length is {length}")));
    }
    if offset.checked_add(length).is_none_or(|end| end > MAX_TENSOR_BYTES) {
        return Err(malformed(tensor, "its external range ends beyond any file"));
    }
    Ok(Data::External { location: location.to_owned(), offset, length })
}

/// Whether a location names a file in or below the model's own directory.
fn is_inside(location: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    let forbidden = |c: char| c == '\\' || c == ':' || c.is_control();
    !location.contains(forbidden) && location.split('/').all(plain)
}

fn decode_inline(tensor: &proto::Tensor, element: ElementType, length: u64) -> Result<Vec<u8>, GraphError> {
    let bytes = match &tensor.raw_data {
        Some(raw) => raw.clone(),
        None => typed(tensor, element)?,
    };
    if bytes.len() as u64 == length {
        return Ok(bytes);
    }
    let shape = crate::brackets(&tensor.dims);
    Err(malformed(tensor, format!("{element}{shape} takes {length} bytes, it holds {}", bytes.len())))
}

/// The typed fields of `TensorProto`, as little-endian bytes. Types narrower than 32 bits travel in `int32_data`.
fn typed(tensor: &proto::Tensor, element: ElementType) -> Result<Vec<u8>, GraphError> {
    use ElementType as E;
    match element {
        E::F32 => Ok(flat(&tensor.float_data, |number| number.to_le_bytes())),
        E::F64 => Ok(flat(&tensor.double_data, |number| number.to_le_bytes())),
        E::I32 => Ok(flat(&tensor.int32_data, |number| number.to_le_bytes())),
        E::I64 => Ok(flat(&tensor.int64_data, |number| number.to_le_bytes())),
        E::U64 => Ok(flat(&tensor.uint64_data, |number| number.to_le_bytes())),
        E::U32 => narrow(tensor, &tensor.uint64_data, |n| u32::try_from(n).map(u32::to_le_bytes)),
        E::U8 => narrow(tensor, &tensor.int32_data, |n| u8::try_from(n).map(u8::to_le_bytes)),
        E::I8 => narrow(tensor, &tensor.int32_data, |n| i8::try_from(n).map(i8::to_le_bytes)),
        E::I16 => narrow(tensor, &tensor.int32_data, |n| i16::try_from(n).map(i16::to_le_bytes)),
        E::U16 | E::F16 | E::BF16 => narrow(tensor, &tensor.int32_data, |n| u16::try_from(n).map(u16::to_le_bytes)),
        E::I4 | E::U4 | E::F4E2M1 | E::F8E4M3 | E::F8E4M3Fnuz | E::F8E5M2 | E::F8E5M2Fnuz | E::F8E8M0 => {
            narrow(tensor, &tensor.int32_data, |n| u8::try_from(n).map(u8::to_le_bytes))
        }
        E::Text => Ok(Vec::new()),
        E::Bool => narrow(tensor, &tensor.int32_data, |n| u8::try_from(n).map(|n| [u8::from(n != 0)])),
    }
}

fn decode_texts(tensor: &proto::Tensor, shape: &[usize]) -> Result<Vec<u8>, GraphError> {
    let count = shape.iter().copied().try_fold(1_usize, usize::checked_mul);
    if count != Some(tensor.string_data.len()) {
        let reason = format!("a shape of {} has {} texts", crate::brackets(shape), tensor.string_data.len());
        return Err(malformed(tensor, reason));
    }
    let mut bytes = Vec::new();
    for text in &tensor.string_data {
        std::str::from_utf8(text).map_err(|error| malformed(tensor, "a text is not UTF-8").because(error))?;
        let length = u32::try_from(text.len()).map_err(|_| malformed(tensor, "a text is too long"))?;
        bytes.extend(length.to_le_bytes());
        bytes.extend(text);
    }
    Ok(bytes)
}

/// Takes the elements of a text tensor apart; `None` where one ends early.
fn split_texts(mut bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut texts = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let (text, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        texts.push(text.to_vec());
        bytes = rest;
    }
    bytes.is_empty().then_some(texts)
}

fn flat<T: Copy, const N: usize>(numbers: &[T], bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    numbers.iter().flat_map(|&number| bytes(number)).collect()
}

fn narrow<T: Copy + std::fmt::Display, E, const N: usize>(
    tensor: &proto::Tensor,
    numbers: &[T],
    bytes: impl Fn(T) -> Result<[u8; N], E>,
) -> Result<Vec<u8>, GraphError> {
    let one =
        |&number: &T| bytes(number).map_err(|_| malformed(tensor, format!("{number} is out of its type's range")));
    let all: Vec<[u8; N]> = numbers.iter().map(one).collect::<Result<_, _>>()?;
    Ok(all.concat())
}
