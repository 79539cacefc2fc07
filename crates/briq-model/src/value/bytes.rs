//! Host tensors from and to the bytes that ONNX stores.

use briq_graph::{Data, ElementType, Initializer};

use super::host::{Elements, HostTensor};
use super::small_float;

impl HostTensor {
    /// Reads little-endian elements; `None` where there are not as many as the shape asks for.
    pub(crate) fn from_bytes(element: ElementType, shape: &[usize], bytes: &[u8]) -> Option<Self> {
        let count = shape.iter().copied().try_fold(1_usize, usize::checked_mul)?;
        if element == ElementType::Text {
            let texts = texts(bytes)?;
            return (texts.len() == count).then(|| Self::texts(shape, texts));
        }
        if element.byte_length(count)? != bytes.len() {
            return None;
        }
        let data = if element.is_float() {
            Elements::Floats(floats(element, bytes, count))
        } else {
            Elements::Integers(integers(element, bytes, count))
        };
        Some(Self { element, shape: shape.to_vec(), data })
    }

    /// The elements as ONNX stores them, under a name.
    pub(crate) fn to_initializer(&self, name: &str) -> Initializer {
        Initializer {
            name: name.to_owned(),
            element: self.element,
            shape: self.shape.clone(),
            data: Data::Inline(self.to_bytes()),
        }
    }

    /// Little-endian elements.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        match &self.data {
            Elements::Floats(numbers) if self.element == ElementType::F4E2M1 => {
                pack(numbers.iter().map(|&number| small_float::encode(self.element, number, false)))
            }
            Elements::Floats(numbers) => numbers.iter().flat_map(|&number| float(self.element, number)).collect(),
            Elements::Integers(numbers) if self.element.bits() == 4 => {
                pack(numbers.iter().map(|&number| (number & 15) as u8))
            }
            Elements::Integers(numbers) => {
                let size = self.element.bits() / 8;
                numbers.iter().flat_map(|number| number.to_le_bytes().into_iter().take(size)).collect()
            }
            Elements::Texts(texts) => texts.iter().flat_map(|text| counted(text)).collect(),
        }
    }
}

fn counted(text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    [&length.to_le_bytes(), text.as_bytes()].concat()
}

fn texts(mut bytes: &[u8]) -> Option<Vec<String>> {
    let mut texts = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let (text, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        texts.push(std::str::from_utf8(text).ok()?.to_owned());
        bytes = rest;
    }
    bytes.is_empty().then_some(texts)
}

fn pack(codes: impl Iterator<Item = u8>) -> Vec<u8> {
    let codes: Vec<u8> = codes.collect();
    codes.chunks(2).map(|pair| pair[0] | pair.get(1).copied().unwrap_or(0) << 4).collect()
}

fn unpack(bytes: &[u8], count: usize) -> impl Iterator<Item = u8> {
    bytes.iter().flat_map(|byte| [byte & 15, byte >> 4]).take(count)
}

fn float(element: ElementType, number: f64) -> Vec<u8> {
    match element {
        ElementType::F64 => number.to_le_bytes().to_vec(),
        ElementType::F32 => (number as f32).to_le_bytes().to_vec(),
        ElementType::F16 => half::f16::from_f64(number).to_le_bytes().to_vec(),
        ElementType::BF16 => half::bf16::from_f64(number).to_le_bytes().to_vec(),
        small => vec![small_float::encode(small, number, false)],
    }
}

fn floats(element: ElementType, bytes: &[u8], count: usize) -> Vec<f64> {
    match element {
        ElementType::F64 => bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
        ElementType::F32 => bytes.as_chunks().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect(),
        ElementType::F16 => bytes.as_chunks().0.iter().map(|b| half::f16::from_le_bytes(*b).to_f64()).collect(),
        ElementType::BF16 => bytes.as_chunks().0.iter().map(|b| half::bf16::from_le_bytes(*b).to_f64()).collect(),
        ElementType::F4E2M1 => unpack(bytes, count).map(|code| small_float::decode(element, code)).collect(),
        small => bytes.iter().map(|code| small_float::decode(small, *code)).collect(),
    }
}

fn integers(element: ElementType, bytes: &[u8], count: usize) -> Vec<i128> {
    if element.bits() == 4 {
        return unpack(bytes, count).map(|code| super::host::wrap(element, i128::from(code))).collect();
    }
    let wide = |chunk: &[u8]| {
        let mut number = [0; 16];
        number[..chunk.len()].copy_from_slice(chunk);
        super::host::wrap(element, i128::from_le_bytes(number))
    };
    bytes.chunks(element.bits() / 8).map(wide).collect()
}
