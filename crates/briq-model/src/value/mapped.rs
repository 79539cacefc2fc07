//! Tensors of flex whose numbers stay in the memory map of a package.

use std::borrow::Cow;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use briq_package::Shared;
use burn::backend::{BackendTensor, BackendTypes, DispatchTensor, DispatchTensorKind, Flex};
use burn::tensor::{DType, Shape, TensorData};
use burn_std::{AccessError, AccessPolicy, AllocationController, AllocationProperty, Bytes};

use super::DeviceTensor;

/// A part of an entry of an open package.
#[derive(Clone, Debug)]
pub struct Mapped {
    entry: Shared,
    range: Range<usize>,
    /// What the numbers are multiplied with when they are read.
    scale: Option<Arc<Scale>>,
}

/// One factor for each index of an axis.
#[derive(Debug)]
struct Scale {
    factors: Vec<f32>,
    /// Neighbouring numbers that have the same factor.
    run: usize,
}

impl Mapped {
    /// The part of an entry, if it has it.
    #[must_use]
    pub fn new(entry: Shared, range: Range<usize>) -> Option<Self> {
        entry.get(range.clone())?;
        Some(Self { entry, range, scale: None })
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> Cow<'_, [u8]> {
        match &self.scale {
            None => Cow::Borrowed(self.stored()),
            Some(scale) => Cow::Owned(self.scaled(scale).into_iter().flat_map(f32::to_le_bytes).collect()),
        }
    }

    /// The bytes as they lie in the package.
    fn stored(&self) -> &[u8] {
        &self.entry[self.range.clone()]
    }

    /// The numbers as they lie in the package, and the factor of each index of `axis`, where they are multiplied when they
    /// are read.
    pub(crate) fn factored(&self, shape: &[usize], axis: usize) -> Option<(&[f32], &[f32])> {
        let scale = self.scale.as_deref()?;
        let along = scale.run == shape[axis + 1..].iter().product::<usize>() && scale.factors.len() == shape[axis];
        // SAFETY: any four bytes are a number.
        let (before, numbers, after) = unsafe { self.stored().align_to::<f32>() };
        let whole = before.is_empty() && after.is_empty() && cfg!(target_endian = "little");
        (along && whole).then_some((numbers, &scale.factors))
    }

    /// The numbers in single precision.
    fn numbers(&self) -> Vec<f32> {
        match &self.scale {
            None => self.stored().as_chunks().0.iter().map(|number| f32::from_le_bytes(*number)).collect(),
            Some(scale) => self.scaled(scale),
        }
    }

    fn scaled(&self, scale: &Scale) -> Vec<f32> {
        let stored = self.stored().as_chunks().0;
        let mut numbers = Vec::with_capacity(stored.len());
        for (run, factor) in stored.chunks(scale.run).zip(scale.factors.iter().cycle()) {
            numbers.extend(run.iter().map(|number| f32::from_le_bytes(*number) * factor));
        }
        numbers
    }

    /// The same numbers of single precision, each times the factor of its index on an axis of `shape`, which are multiplied
    /// when they are read. `None` where they are multiplied already.
    pub(crate) fn times(&self, shape: &[usize], axis: usize, factors: Vec<f32>) -> Option<Self> {
        let run = shape[axis + 1..].iter().product::<usize>();
        let fits = self.scale.is_none() && run > 0 && factors.len() == shape[axis];
        fits.then(|| Self { scale: Some(Arc::new(Scale { factors, run })), ..self.clone() })
    }

    /// A tensor of flex over these very bytes, where they are as many as the shape needs and lie as numbers have to.
    pub(crate) fn tensor(&self, shape: &[usize]) -> Option<DeviceTensor> {
        let bytes = self.stored();
        let length = shape.iter().try_fold(size_of::<f32>(), |length, axis| length.checked_mul(*axis));
        if length != Some(bytes.len()) || !bytes.as_ptr().cast::<f32>().is_aligned() || cfg!(target_endian = "big") {
            return None;
        }
        let memory = Memory { mapped: self.clone(), copy: OnceLock::new() };
        // SAFETY: all of the mapped bytes are initialised, and there are so many.
        let bytes = unsafe { Bytes::from_controller(Box::new(memory), bytes.len()) };
        let data = TensorData::from_bytes(bytes, Shape::from(shape.to_vec()), DType::F32);
        let tensor = <Flex as BackendTypes>::FloatTensorPrimitive::from_data(data);
        let kind = DispatchTensorKind::Flex(BackendTensor::Float(tensor));
        Some(DispatchTensor { kind, autodiff: Default::default() })
    }
}

/// Memory that is only read, and copied before anything is written to it.
struct Memory {
    mapped: Mapped,
    /// In units of a number, so that it lies as numbers have to.
    copy: OnceLock<Vec<f32>>,
}

impl Memory {
    fn copied(&mut self) -> &mut [f32] {
        self.copy.get_or_init(|| self.mapped.numbers());
        self.copy.get_mut().expect("it was made just now")
    }
}

impl AllocationController for Memory {
    fn alloc_align(&self) -> usize {
        align_of::<f32>()
    }

    fn property(&self) -> AllocationProperty {
        AllocationProperty::File
    }

    unsafe fn memory_mut(&mut self, policy: AccessPolicy) -> Result<&mut [MaybeUninit<u8>], AccessError> {
        if self.copy.get().is_none() && !policy.copy_allowed() {
            return Err(AccessError::WouldCopy);
        }
        let numbers = self.copied();
        // SAFETY: the same memory; the caller promises to write initialised bytes only, and any four are a number.
        Ok(unsafe { std::slice::from_raw_parts_mut(numbers.as_mut_ptr().cast(), size_of_val(numbers)) })
    }

    fn memory(&self, _: AccessPolicy) -> Result<&[MaybeUninit<u8>], AccessError> {
        if self.mapped.scale.is_some() {
            self.copy.get_or_init(|| self.mapped.numbers());
        }
        let (start, length) = match self.copy.get() {
            Some(numbers) => (numbers.as_ptr().cast::<u8>(), size_of_val(numbers.as_slice())),
            None => (self.mapped.stored().as_ptr(), self.mapped.stored().len()),
        };
        // SAFETY: initialised bytes of memory that this value owns or keeps mapped.
        Ok(unsafe { std::slice::from_raw_parts(start.cast(), length) })
    }
}
