//! Tensors of flex whose numbers stay in the memory map of a package.

use std::mem::MaybeUninit;
use std::ops::Range;

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
}

impl Mapped {
    /// The part of an entry, if it has it.
    #[must_use]
    pub fn new(entry: Shared, range: Range<usize>) -> Option<Self> {
        entry.get(range.clone())?;
        Some(Self { entry, range })
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.entry[self.range.clone()]
    }

    /// A tensor of flex over these very bytes, where they are as many as the shape needs and lie as numbers have to.
    pub(crate) fn tensor(&self, shape: &[usize]) -> Option<DeviceTensor> {
        let bytes = self.bytes();
        let length = shape.iter().try_fold(size_of::<f32>(), |length, axis| length.checked_mul(*axis));
        if length != Some(bytes.len()) || !bytes.as_ptr().cast::<f32>().is_aligned() || cfg!(target_endian = "big") {
            return None;
        }
        let memory = Memory { mapped: self.clone(), copy: None };
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
    copy: Option<Vec<f32>>,
}

impl Memory {
    fn copied(&mut self) -> &mut [f32] {
        self.copy.get_or_insert_with(|| {
            self.mapped.bytes().as_chunks().0.iter().map(|number| f32::from_le_bytes(*number)).collect()
        })
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
        if self.copy.is_none() && !policy.copy_allowed() {
            return Err(AccessError::WouldCopy);
        }
        let numbers = self.copied();
        // SAFETY: the same memory; the caller promises to write initialised bytes only, and any four are a number.
        Ok(unsafe { std::slice::from_raw_parts_mut(numbers.as_mut_ptr().cast(), size_of_val(numbers)) })
    }

    fn memory(&self, _: AccessPolicy) -> Result<&[MaybeUninit<u8>], AccessError> {
        let (start, length) = match &self.copy {
            Some(numbers) => (numbers.as_ptr().cast::<u8>(), size_of_val(numbers.as_slice())),
            None => (self.mapped.bytes().as_ptr(), self.mapped.bytes().len()),
        };
        // SAFETY: initialised bytes of memory that this value owns or keeps mapped.
        Ok(unsafe { std::slice::from_raw_parts(start.cast(), length) })
    }
}
