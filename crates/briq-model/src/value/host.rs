//! Tensors in host memory, of every element type.

use briq_graph::ElementType;

use super::small_float;

/// A row-major tensor in host memory. Its numbers are kept wide and are always such that its element type holds them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HostTensor {
    pub(crate) element: ElementType,
    pub(crate) shape: Vec<usize>,
    pub(crate) data: Elements,
}

/// The elements of a [`HostTensor`]; truth values are integers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Elements {
    Floats(Vec<f64>),
    Integers(Vec<i128>),
    Texts(Vec<String>),
}

impl HostTensor {
    /// Numbers, rounded to a floating-point type or cut to an integer one.
    pub(crate) fn floats(element: ElementType, shape: &[usize], numbers: impl IntoIterator<Item = f64>) -> Self {
        let data = if element.is_float() {
            Elements::Floats(numbers.into_iter().map(|number| round(element, number)).collect())
        } else {
            Elements::Integers(numbers.into_iter().map(|number| truncate(element, number)).collect())
        };
        Self { element, shape: shape.to_vec(), data }
    }

    /// Whole numbers, wrapped around to an integer type or rounded to a floating-point one.
    pub(crate) fn integers(element: ElementType, shape: &[usize], numbers: impl IntoIterator<Item = i128>) -> Self {
        let data = if element.is_float() {
            Elements::Floats(numbers.into_iter().map(|number| round(element, number as f64)).collect())
        } else {
            Elements::Integers(numbers.into_iter().map(|number| wrap(element, number)).collect())
        };
        Self { element, shape: shape.to_vec(), data }
    }

    /// 64-bit integers: shapes, axes, indices.
    pub(crate) fn indices(shape: &[usize], numbers: impl IntoIterator<Item = usize>) -> Self {
        Self::integers(ElementType::I64, shape, numbers.into_iter().map(|number| number as i128))
    }

    /// Truth values.
    pub(crate) fn bools(shape: &[usize], truths: impl IntoIterator<Item = bool>) -> Self {
        Self::integers(ElementType::Bool, shape, truths.into_iter().map(i128::from))
    }

    /// Texts.
    pub(crate) fn texts(shape: &[usize], texts: Vec<String>) -> Self {
        Self { element: ElementType::Text, shape: shape.to_vec(), data: Elements::Texts(texts) }
    }

    /// Number of elements.
    pub(crate) fn count(&self) -> usize {
        match &self.data {
            Elements::Floats(numbers) => numbers.len(),
            Elements::Integers(numbers) => numbers.len(),
            Elements::Texts(texts) => texts.len(),
        }
    }

    /// The numbers, integers rounded to double precision; nothing for texts.
    pub(crate) fn to_floats(&self) -> Vec<f64> {
        match &self.data {
            Elements::Floats(numbers) => numbers.clone(),
            Elements::Integers(numbers) => numbers.iter().map(|number| *number as f64).collect(),
            Elements::Texts(_) => Vec::new(),
        }
    }

    /// The numbers, fractions cut off; nothing for texts.
    pub(crate) fn to_integers(&self) -> Vec<i128> {
        match &self.data {
            Elements::Floats(numbers) => numbers.iter().map(|number| *number as i128).collect(),
            Elements::Integers(numbers) => numbers.clone(),
            Elements::Texts(_) => Vec::new(),
        }
    }

    /// The truth values: what is not zero.
    pub(crate) fn to_bools(&self) -> Vec<bool> {
        match &self.data {
            Elements::Integers(numbers) => numbers.iter().map(|number| *number != 0).collect(),
            _ => self.to_floats().into_iter().map(|number| number != 0.0).collect(),
        }
    }

    /// The texts; nothing for numbers.
    pub(crate) fn as_texts(&self) -> &[String] {
        if let Elements::Texts(texts) = &self.data { texts } else { &[] }
    }

    /// The same elements in another shape of the same length.
    pub(crate) fn reshaped(self, shape: &[usize]) -> Self {
        Self { shape: shape.to_vec(), ..self }
    }

    /// A tensor of the same type whose elements are taken from those of this one by position.
    pub(crate) fn pick(&self, shape: &[usize], positions: impl IntoIterator<Item = usize>) -> Self {
        fn take<T: Clone>(from: &[T], positions: impl IntoIterator<Item = usize>) -> Vec<T> {
            positions.into_iter().map(|position| from[position].clone()).collect()
        }
        let data = match &self.data {
            Elements::Floats(numbers) => Elements::Floats(take(numbers, positions)),
            Elements::Integers(numbers) => Elements::Integers(take(numbers, positions)),
            Elements::Texts(texts) => Elements::Texts(take(texts, positions)),
        };
        Self { element: self.element, shape: shape.to_vec(), data }
    }

    /// The elements of both, one after the other, as a list. The types are the same.
    pub(crate) fn append(&mut self, other: &Self) {
        match (&mut self.data, &other.data) {
            (Elements::Floats(own), Elements::Floats(more)) => own.extend(more),
            (Elements::Integers(own), Elements::Integers(more)) => own.extend(more),
            (Elements::Texts(own), Elements::Texts(more)) => own.extend_from_slice(more),
            _ => {}
        }
        self.shape = vec![self.count()];
    }

    /// Overwrites one element by one of another tensor of the same type.
    pub(crate) fn put(&mut self, position: usize, other: &Self, from: usize) {
        match (&mut self.data, &other.data) {
            (Elements::Floats(own), Elements::Floats(more)) => own[position] = more[from],
            (Elements::Integers(own), Elements::Integers(more)) => own[position] = more[from],
            (Elements::Texts(own), Elements::Texts(more)) => own[position].clone_from(&more[from]),
            _ => {}
        }
    }

    /// The same numbers as another type.
    pub(crate) fn cast(&self, element: ElementType) -> Self {
        match &self.data {
            _ if element == self.element => self.clone(),
            Elements::Floats(numbers) if element == ElementType::Bool => {
                Self::bools(&self.shape, numbers.iter().map(|number| *number != 0.0))
            }
            Elements::Integers(numbers) if element == ElementType::Bool => {
                Self::bools(&self.shape, numbers.iter().map(|number| *number != 0))
            }
            Elements::Floats(numbers) => Self::floats(element, &self.shape, numbers.iter().copied()),
            Elements::Integers(numbers) => Self::integers(element, &self.shape, numbers.iter().copied()),
            Elements::Texts(_) => self.clone(),
        }
    }
}

/// The number of a floating-point type that is nearest, ties to even; what is too large becomes infinite or the largest.
pub(crate) fn round(element: ElementType, number: f64) -> f64 {
    match element {
        ElementType::F64 => number,
        ElementType::F32 => f64::from(number as f32),
        ElementType::F16 => half::f16::from_f64(number).to_f64(),
        ElementType::BF16 => f64::from(half::bf16::from_f32(number as f32)),
        small => small_float::round(small, number, true),
    }
}

fn truncate(element: ElementType, number: f64) -> i128 {
    if element == ElementType::Bool { i128::from(number != 0.0) } else { wrap(element, number as i128) }
}

/// Two's complement of the type's width.
pub(crate) fn wrap(element: ElementType, number: i128) -> i128 {
    use ElementType as E;
    match element {
        E::Bool => i128::from(number != 0),
        E::U8 => i128::from(number as u8),
        E::U16 => i128::from(number as u16),
        E::U32 => i128::from(number as u32),
        E::U64 => i128::from(number as u64),
        E::I8 => i128::from(number as i8),
        E::I16 => i128::from(number as i16),
        E::I32 => i128::from(number as i32),
        E::U4 => number & 15,
        E::I4 => ((number + 8) & 15) - 8,
        _ => i128::from(number as i64),
    }
}

/// The least and greatest number of an integer type.
pub(crate) fn limits(element: ElementType) -> (i128, i128) {
    let bits = element.bits() as u32;
    match element {
        ElementType::Bool => (0, 1),
        ElementType::U4 | ElementType::U8 | ElementType::U16 | ElementType::U32 | ElementType::U64 => {
            (0, (1 << bits) - 1)
        }
        _ => (-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
    }
}
