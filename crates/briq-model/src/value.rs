//! What flows along the edges of a graph: tensors whose rank and element type are known only at run time.

mod bytes;
mod device;
mod host;
mod mapped;
mod small_float;

use briq_graph::ElementType;
use burn::backend::DispatchDevice;

pub(crate) use device::{DeviceTensor, align, detached, dimensions, download, is_learnt, read, reshape, said, upload};
pub(crate) use host::{Elements, HostTensor, limits};
pub use mapped::Mapped;
pub(crate) use small_float::round as round_small;

/// What flows along an edge of the graph.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// A single-precision tensor on the backend's device: what networks compute and learn with.
    Device(DeviceTensor),
    /// A tensor of any type in host memory: shapes, indices, masks, scalars, other precisions.
    Host(HostTensor),
    /// A list of tensors.
    Sequence(Vec<Value>),
    /// An option that holds nothing.
    Absent,
}

impl Value {
    pub(crate) fn shape(&self) -> Vec<usize> {
        match self {
            Self::Device(tensor) => dimensions(tensor),
            Self::Host(tensor) => tensor.shape.clone(),
            Self::Sequence(list) => vec![list.len()],
            Self::Absent => Vec::new(),
        }
    }

    pub(crate) fn element(&self) -> ElementType {
        match self {
            Self::Host(tensor) => tensor.element,
            Self::Sequence(list) => list.first().map_or(ElementType::F32, Self::element),
            Self::Device(_) | Self::Absent => ElementType::F32,
        }
    }

    /// Puts single-precision numbers on the device, where every backend has tensors of their shape.
    pub(crate) fn placed(tensor: HostTensor, device: &DispatchDevice) -> Self {
        if tensor.element != ElementType::F32 || !on_every_backend(&tensor.shape) {
            return Self::Host(tensor);
        }
        let numbers = tensor.to_floats().into_iter().map(|number| number as f32).collect();
        Self::Device(upload(numbers, &tensor.shape, device))
    }
}

/// The most dimensions that every backend has.
pub(crate) const MAX_RANK: usize = 6;

/// Not every backend has scalars, empty tensors, or tensors of more than six dimensions.
pub(crate) fn on_every_backend(shape: &[usize]) -> bool {
    (1..=MAX_RANK).contains(&shape.len()) && !shape.contains(&0)
}

impl From<HostTensor> for Value {
    fn from(tensor: HostTensor) -> Self {
        Self::Host(tensor)
    }
}
