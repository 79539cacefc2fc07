//! A single-precision tensor of flex as the memory that it is.

use briq_kernels::layout;
use briq_kernels::matrix::Transposed;
use burn::backend::{BackendTensor, BackendTypes, DispatchTensor, DispatchTensorKind, Flex, TensorMetadata as _};
use burn::tensor::{DType, Shape, TensorData};

use super::buffer::{buffer, recycled};
use crate::operator::{Call, Fault};
use crate::value::{DeviceTensor, Value};

type FlexTensor = <Flex as BackendTypes>::FloatTensorPrimitive;

/// A single-precision tensor of flex.
///
/// Images (`[batch, channels, …]`) may lie channels last in memory: their shape is the same, their strides tell.
/// What comes out of a convolution stays so until something needs rows.
pub(crate) struct Dense(FlexTensor);

/// How the elements of a tensor follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// The last axis moves fastest.
    Rows,
    /// Channels, the second axis, move fastest, then the last axis.
    ChannelsLast,
}

impl Order {
    /// Where an axis of a shape of so many is as the elements lie in memory.
    pub(crate) fn stored_axis(self, axis: usize, rank: usize) -> usize {
        match (self, axis) {
            (Self::Rows, axis) | (Self::ChannelsLast, axis @ 0) => axis,
            (Self::ChannelsLast, 1) => rank - 1,
            (Self::ChannelsLast, axis) => axis - 1,
        }
    }
}

impl Dense {
    /// Whether an input is there and can be taken as a dense tensor.
    pub(crate) fn fits(call: &Call, index: usize) -> bool {
        call.inputs.get(index).and_then(Option::as_ref).is_some_and(|value| match value {
            Value::Device(tensor) => tensor.dtype() == DType::F32 && on_flex(tensor),
            Value::Host(tensor) => tensor.element == briq_graph::ElementType::F32,
            _ => false,
        })
    }

    /// Takes an input.
    ///
    /// # Errors
    /// When it is absent or not of single precision on flex.
    pub(crate) fn take(call: &mut Call, index: usize) -> Result<Self, Fault> {
        match call.tensor(index)?.kind {
            DispatchTensorKind::Flex(BackendTensor::Float(tensor)) if tensor.dtype() == DType::F32 => Ok(Self(tensor)),
            _ => Err(Fault::WrongKind { index, expected: "single precision on the CPU" }),
        }
    }

    /// A value that is a tensor of single precision on flex.
    fn of(value: Value) -> Option<Self> {
        let Value::Device(tensor) = value else { return None };
        match tensor.kind {
            DispatchTensorKind::Flex(BackendTensor::Float(tensor)) if tensor.dtype() == DType::F32 => {
                Some(Self(tensor))
            }
            _ => None,
        }
    }

    /// Takes an input that the node may leave out.
    ///
    /// # Errors
    /// As [`Dense::take`].
    pub(crate) fn optional(call: &mut Call, index: usize) -> Result<Option<Self>, Fault> {
        if call.has(index) { Self::take(call, index).map(Some) } else { Ok(None) }
    }

    /// A tensor whose elements lie in the given order.
    pub(crate) fn new(shape: &[usize], order: Order, numbers: Vec<f32>) -> Self {
        let stored = match order {
            Order::Rows => shape.to_vec(),
            Order::ChannelsLast => last(shape),
        };
        let data = TensorData::from_bytes(recycled(numbers), Shape::from(stored), DType::F32);
        let tensor = FlexTensor::from_data(data);
        match order {
            Order::Rows => Self(tensor),
            Order::ChannelsLast => Self(tensor.permute(&first_again(shape.len()))),
        }
    }

    /// A tensor of a shape as it lies in memory: channels last, where the order says so.
    pub(crate) fn from_stored(stored: &[usize], order: Order, numbers: Vec<f32>) -> Self {
        let shape = match order {
            Order::Rows => stored.to_vec(),
            Order::ChannelsLast => first_again(stored.len()).iter().map(|&axis| stored[axis]).collect(),
        };
        Self::new(&shape, order, numbers)
    }

    /// The shape as the elements lie in memory.
    pub(crate) fn stored(&self, order: Order) -> Vec<usize> {
        match order {
            Order::Rows => self.shape().to_vec(),
            Order::ChannelsLast => last(self.shape()),
        }
    }

    /// The same tensor with leading dimensions of one up to a rank.
    pub(crate) fn led(self, rank: usize) -> Self {
        let missing = rank - self.shape().len();
        if missing == 0 {
            return self;
        }
        let shape = [&vec![1; missing], self.shape()].concat();
        Self(self.rows().0.reshape(Shape::from(shape)))
    }

    /// The matrices of the last two axes, one behind the other as they are or each transposed, however they lay before.
    pub(crate) fn matrices(self) -> (Self, Transposed) {
        let rank = self.shape().len();
        let axes: Vec<usize> = (0..rank - 2).chain([rank - 1, rank - 2]).collect();
        let turned = Self(self.0.permute(&axes));
        if self.order() != Some(Order::Rows) && turned.order() == Some(Order::Rows) {
            return (turned, Transposed::Yes);
        }
        (self.rows(), Transposed::No)
    }

    /// The same elements under a shape of as many.
    pub(crate) fn reshaped(self, shape: &[usize]) -> Self {
        Self(self.rows().0.reshape(Shape::from(shape.to_vec())))
    }

    pub(crate) fn shape(&self) -> &[usize] {
        self.0.layout().shape()
    }

    pub(crate) fn count(&self) -> usize {
        self.shape().iter().product()
    }

    /// The order of the elements, where it is one of the two; rows where it is both.
    pub(crate) fn order(&self) -> Option<Order> {
        if self.0.is_contiguous() {
            return Some(Order::Rows);
        }
        self.is_channels_last().then_some(Order::ChannelsLast)
    }

    pub(crate) fn is_channels_last(&self) -> bool {
        let layout = self.0.layout();
        let (shape, strides) = (layout.shape(), layout.strides());
        if shape.len() < 3 {
            return false;
        }
        let mut expected = 1;
        let axes = std::iter::once(1).chain((2..shape.len()).rev()).chain([0]);
        for axis in axes {
            if shape[axis] != 1 && strides[axis] != expected {
                return false;
            }
            expected *= shape[axis] as isize;
        }
        true
    }

    /// The same tensor with its rows in order.
    pub(crate) fn rows(self) -> Self {
        match self.order() {
            Some(Order::Rows) => self,
            Some(Order::ChannelsLast) => {
                let shape = self.shape().to_vec();
                let mut numbers = buffer(self.count());
                let (batch, channels, points) = image(&shape);
                layout::to_channels_first(self.numbers(), batch, channels, points, &mut numbers);
                Self::new(&shape, Order::Rows, numbers)
            }
            None => Self(self.0.to_contiguous()),
        }
    }

    /// The same tensor with its channels last in memory. It has three dimensions or more.
    pub(crate) fn channels_last(self) -> Self {
        if self.is_channels_last() {
            return self;
        }
        let this = self.rows();
        let shape = this.shape().to_vec();
        let mut numbers = buffer(this.count());
        let (batch, channels, points) = image(&shape);
        layout::to_channels_last(this.numbers(), batch, channels, points, &mut numbers);
        Self::new(&shape, Order::ChannelsLast, numbers)
    }

    /// In the given order.
    pub(crate) fn ordered(self, order: Order) -> Self {
        match order {
            Order::Rows => self.rows(),
            Order::ChannelsLast => self.channels_last(),
        }
    }

    /// The elements as they lie in memory, of a tensor that is in one of the two orders.
    pub(crate) fn numbers(&self) -> &[f32] {
        let start = self.0.layout().start_offset();
        &self.0.storage::<f32>()[start..start + self.count()]
    }

    /// The memory from the first element on, and how much further the next one along each axis lies, in whatever order that
    /// is. `None` where an axis goes backwards.
    pub(crate) fn strided(&self) -> Option<(&[f32], Vec<usize>)> {
        let layout = self.0.layout();
        let strides = layout.strides().iter().map(|&stride| usize::try_from(stride).ok());
        Some((&self.0.storage::<f32>()[layout.start_offset()..], strides.collect::<Option<_>>()?))
    }

    /// The same elements with the axes in another order.
    pub(crate) fn permuted(self, axes: &[usize]) -> Self {
        Self(self.0.permute(axes))
    }

    /// The memory itself, where nothing else reads it.
    pub(crate) fn numbers_mut(&mut self) -> Option<&mut [f32]> {
        let (start, count) = (self.0.layout().start_offset(), self.count());
        self.0.try_storage_mut::<f32>().map(|numbers| &mut numbers[start..start + count])
    }
}

/// What `take` makes of the shape and the numbers of a tensor of ours, where they lie; nothing of any other value.
pub(crate) fn read<T>(value: &Value, take: impl FnOnce(&[usize], &[f32]) -> T) -> Option<T> {
    let dense = Dense::of(value.clone())?.rows();
    Some(take(dense.shape(), dense.numbers()))
}

/// Each of `count` examples of some inputs, whose first axis is the batch. Nothing where one is not a tensor of ours, or has
/// another batch.
pub(crate) fn examples(inputs: &[Value], count: usize) -> Option<Vec<Vec<Value>>> {
    let mut examples = vec![Vec::with_capacity(inputs.len()); count];
    for input in inputs {
        let input = Dense::of(input.clone())?.rows();
        if input.shape().first() != Some(&count) {
            return None;
        }
        for (index, example) in examples.iter_mut().enumerate() {
            example.push(Dense(input.0.narrow(0, index, 1)).into());
        }
    }
    Some(examples)
}

/// Several examples of a value, one behind the other, as the first of them lies in memory. Nothing where one is no tensor of ours.
pub(crate) fn joined(examples: Vec<Value>) -> Option<Value> {
    let mut parts = examples.into_iter().map(Dense::of).collect::<Option<Vec<_>>>()?;
    let order = parts.first()?.order().unwrap_or(Order::Rows);
    parts = parts.into_iter().map(|part| part.ordered(order)).collect();
    let lengths = parts.iter().map(|part| part.shape()[0]).sum();
    let shape = [&[lengths], &parts[0].shape()[1..]].concat();
    let mut numbers = buffer(shape.iter().product());
    let mut rest = &mut numbers[..];
    for part in &parts {
        let (own, next) = rest.split_at_mut(part.count());
        own.copy_from_slice(part.numbers());
        rest = next;
    }
    Some(Dense::new(&shape, order, numbers).into())
}

impl From<Dense> for Value {
    fn from(dense: Dense) -> Self {
        let kind = DispatchTensorKind::Flex(BackendTensor::Float(dense.0));
        Self::Device(DispatchTensor { kind, autodiff: Default::default() })
    }
}

/// Whether a tensor is one of flex, outside of training.
pub(crate) fn on_flex(tensor: &DeviceTensor) -> bool {
    matches!(tensor.kind, DispatchTensorKind::Flex(BackendTensor::Float(_)))
}

/// Batch, channels, and the points of the other dimensions together.
fn image(shape: &[usize]) -> (usize, usize, usize) {
    (shape[0], shape[1], shape[2..].iter().product())
}

/// `[batch, channels, …]` as `[batch, …, channels]`.
fn last(shape: &[usize]) -> Vec<usize> {
    [&shape[..1], &shape[2..], &shape[1..2]].concat()
}

/// The axes that bring the channels back to the second place.
fn first_again(rank: usize) -> Vec<usize> {
    std::iter::once(0).chain([rank - 1]).chain(1..rank - 1).collect()
}
