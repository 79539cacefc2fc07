//! Rank-erased tensors on a device.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use burn::backend::ops::{BoolTensorOps, FloatTensorOps, IntTensorOps};
use burn::backend::{
    AutodiffBackend as _, Dispatch, DispatchAutodiffContext, DispatchDevice, DispatchTensor, TensorMetadata,
};
use burn::tensor::{DType, Shape, TensorData, read_sync};

/// A rank-erased tensor on a device.
pub(crate) type DeviceTensor = DispatchTensor;

pub(crate) fn dimensions(tensor: &DeviceTensor) -> Vec<usize> {
    tensor.shape().iter().copied().collect()
}

/// Uploads row-major `f32` values. A scalar becomes a vector of one: not every backend has rank zero.
pub(crate) fn upload(values: Vec<f32>, shape: &[usize], device: &DispatchDevice) -> DeviceTensor {
    let shape = if shape.is_empty() { vec![1] } else { shape.to_vec() };
    Dispatch::float_from_data(TensorData::new(values, Shape::from(shape)), device)
}

/// Downloads a tensor as row-major `f32` values.
///
/// # Errors
/// When the device fails while it finishes the work that the tensor waits for.
pub(crate) fn download(tensor: DeviceTensor) -> Result<Vec<f32>, String> {
    let data = read(tensor)?.convert::<f32>();
    Ok(data.as_slice::<f32>().map_or_else(|_| data.iter::<f32>().collect(), <[f32]>::to_vec))
}

/// Downloads a tensor in its own type. A device computes late: what panics then is a failure of the device.
///
/// # Errors
/// As [`download`].
pub(crate) fn read(tensor: DeviceTensor) -> Result<TensorData, String> {
    let work = || match tensor.dtype() {
        DType::Bool(_) => read_sync(Dispatch::bool_into_data(tensor)),
        dtype if dtype.is_int() || dtype.is_uint() => read_sync(Dispatch::int_into_data(tensor)),
        _ => read_sync(Dispatch::float_into_data(tensor)),
    };
    let outcome = catch_unwind(AssertUnwindSafe(work)).map_err(|panic| said(panic.as_ref()).to_owned())?;
    outcome.map_err(|error| error.to_string())
}

/// What a panic said.
pub(crate) fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it does not say why")
}

/// Whether the tensor is computed from parameters that are being learnt, so that a gradient flows back through it.
///
/// Tensors that are not take part in the same operations as constants.
pub(crate) fn is_learnt(tensor: &DeviceTensor) -> bool {
    tensor.autodiff != DispatchAutodiffContext::Disabled
}

/// The same numbers, as a constant.
pub(crate) fn detached(tensor: DeviceTensor) -> DeviceTensor {
    if is_learnt(&tensor) { Dispatch::inner(tensor) } else { tensor }
}

pub(crate) fn reshape(tensor: DeviceTensor, shape: &[usize]) -> DeviceTensor {
    if dimensions(&tensor) == shape {
        return tensor;
    }
    Dispatch::float_reshape(tensor, Shape::from(shape.to_vec()))
}

/// Gives both tensors the same rank by leading dimensions of one, as ONNX broadcasting asks;
/// the backends broadcast dimensions of one themselves.
pub(crate) fn align(left: DeviceTensor, right: DeviceTensor) -> (DeviceTensor, DeviceTensor) {
    let rank = dimensions(&left).len().max(dimensions(&right).len());
    (lead(left, rank), lead(right, rank))
}

fn lead(tensor: DeviceTensor, rank: usize) -> DeviceTensor {
    let shape = dimensions(&tensor);
    let mut padded = vec![1; rank - shape.len()];
    padded.extend(shape);
    reshape(tensor, &padded)
}
