//! One call of an operator: what it reads, and how it reads it.

use briq_graph::{Attribute, ElementType, Node};
use burn::backend::ops::FloatTensorOps;
use burn::backend::{Dispatch, DispatchDevice, TensorMetadata};
use burn::tensor::{DType, Shape, TensorData};

use super::{Fault, Outcome, Run};
use crate::network::{Bodies, Body};
use crate::value::{
    DeviceTensor, HostTensor, MAX_RANK, Value, detached, dimensions, download, is_learnt, read, upload,
};

/// One call of an operator: its node, its inputs in order, and what the run carries along.
pub(crate) struct Call<'a> {
    pub(crate) node: &'a Node,
    pub(crate) inputs: Vec<Option<Value>>,
    pub(crate) run: &'a mut Run,
    pub(crate) device: &'a DispatchDevice,
    pub(crate) opset: u32,
    bodies: &'a Bodies,
    /// The type of the first input that had to be made single precision.
    promoted: Option<ElementType>,
}

impl<'a> Call<'a> {
    pub(crate) fn new(
        node: &'a Node,
        inputs: Vec<Option<Value>>,
        run: &'a mut Run,
        bodies: &'a Bodies,
        (device, opset): (&'a DispatchDevice, u32),
    ) -> Self {
        Self { node, inputs, run, device, opset, bodies, promoted: None }
    }

    /// Gives results the precision of the inputs, where these were promoted.
    pub(crate) fn settled(&self, values: Vec<Value>) -> Outcome {
        let Some(element) = self.promoted else { return Ok(values) };
        let settle = |value| match value {
            Value::Device(tensor) => Ok(Value::Host(fetch(tensor)?.cast(element))),
            other => Ok(other),
        };
        values.into_iter().map(settle).collect()
    }

    /// Takes an input as it is.
    pub(crate) fn value(&mut self, index: usize) -> Result<Value, Fault> {
        self.inputs.get_mut(index).and_then(Option::take).ok_or(Fault::MissingInput(index))
    }

    /// Whether the input is there.
    pub(crate) fn has(&self, index: usize) -> bool {
        matches!(self.inputs.get(index), Some(Some(_)))
    }

    /// Whether the input is on the device.
    pub(crate) fn on_device(&self, index: usize) -> bool {
        matches!(self.inputs.get(index), Some(Some(Value::Device(_))))
    }

    /// Whether any input is on the device, and the device has room for the dimensions of all of them.
    pub(crate) fn any_on_device(&self) -> bool {
        let deep = self.inputs.iter().flatten().any(|value| value.shape().len() > MAX_RANK);
        !deep && (0..self.inputs.len()).any(|index| self.on_device(index))
    }

    /// Whether a gradient flows back through the input.
    pub(crate) fn learns(&self, index: usize) -> bool {
        matches!(self.inputs.get(index), Some(Some(Value::Device(tensor))) if is_learnt(tensor))
    }

    /// Whether a gradient flows back through any input.
    pub(crate) fn any_learns(&self) -> bool {
        (0..self.inputs.len()).any(|index| self.learns(index))
    }

    /// The element type of an input.
    pub(crate) fn element(&self, index: usize) -> Result<ElementType, Fault> {
        let value = self.inputs.get(index).and_then(Option::as_ref);
        value.map(Value::element).ok_or(Fault::MissingInput(index))
    }

    /// The shape of an input.
    pub(crate) fn shape(&self, index: usize) -> Result<Vec<usize>, Fault> {
        let value = self.inputs.get(index).and_then(Option::as_ref);
        value.map(Value::shape).ok_or(Fault::MissingInput(index))
    }

    /// Takes a floating-point input, on the device.
    pub(crate) fn tensor(&mut self, index: usize) -> Result<DeviceTensor, Fault> {
        self.optional(index)?.ok_or(Fault::MissingInput(index))
    }

    /// Takes a floating-point input that the node may leave out.
    pub(crate) fn optional(&mut self, index: usize) -> Result<Option<DeviceTensor>, Fault> {
        match self.inputs.get_mut(index).and_then(Option::take) {
            None => Ok(None),
            Some(Value::Device(tensor)) => Ok(Some(tensor)),
            Some(Value::Host(tensor)) if tensor.element.is_float() => Ok(Some(self.promote(&tensor))),
            Some(_) => Err(Fault::WrongKind { index, expected: "floating point" }),
        }
    }

    /// Other precisions compute in single precision, double in its own.
    fn promote(&mut self, tensor: &HostTensor) -> DeviceTensor {
        if tensor.element != ElementType::F32 {
            self.promoted.get_or_insert(tensor.element);
        }
        if tensor.element == ElementType::F64 {
            let shape = if tensor.shape.is_empty() { vec![1] } else { tensor.shape.clone() };
            return Dispatch::float_from_data(TensorData::new(tensor.to_floats(), Shape::from(shape)), self.device);
        }
        self.upload(tensor.to_floats().into_iter().map(|number| number as f32).collect(), &tensor.shape)
    }

    /// Puts numbers where the other tensors of this run are.
    pub(crate) fn upload(&self, numbers: Vec<f32>, shape: &[usize]) -> DeviceTensor {
        upload(numbers, shape, self.device)
    }

    /// Takes an input into host memory.
    ///
    /// # Errors
    /// An input that a gradient flows back through: none would come back.
    pub(crate) fn host(&mut self, index: usize) -> Result<HostTensor, Fault> {
        self.host_or_none(index)?.ok_or(Fault::MissingInput(index))
    }

    /// Takes an input that the node may leave out into host memory.
    ///
    /// # Errors
    /// As [`Call::host`].
    pub(crate) fn host_or_none(&mut self, index: usize) -> Result<Option<HostTensor>, Fault> {
        match self.inputs.get_mut(index).and_then(Option::take) {
            None => Ok(None),
            Some(Value::Host(tensor)) => Ok(Some(tensor)),
            Some(Value::Device(tensor)) => fetch(tensor).map(Some),
            Some(_) => Err(Fault::WrongKind { index, expected: "a tensor" }),
        }
    }

    /// Takes an input whose changes do not change the result, but where it jumps: what is compared, ranked, made whole.
    pub(crate) fn detached(&mut self, index: usize) -> Result<HostTensor, Fault> {
        match self.value(index)? {
            Value::Device(tensor) => fetch(detached(tensor)),
            Value::Host(tensor) => Ok(tensor),
            _ => Err(Fault::WrongKind { index, expected: "a tensor" }),
        }
    }

    /// Takes all inputs into host memory.
    pub(crate) fn hosts(&mut self) -> Result<Vec<HostTensor>, Fault> {
        (0..self.inputs.len()).map(|index| self.host(index)).collect()
    }

    /// Takes numbers that are constants to the gradient: a ratio, bounds, scales.
    pub(crate) fn constants(&mut self, index: usize) -> Result<Option<Vec<f64>>, Fault> {
        match self.inputs.get_mut(index).and_then(Option::take) {
            None => Ok(None),
            Some(Value::Host(tensor)) => Ok(Some(tensor.to_floats())),
            Some(Value::Device(tensor)) => fetch(detached(tensor)).map(|tensor| Some(tensor.to_floats())),
            Some(_) => Err(Fault::WrongKind { index, expected: "a tensor" }),
        }
    }

    /// The first of [`Call::constants`].
    pub(crate) fn constant(&mut self, index: usize) -> Result<Option<f64>, Fault> {
        Ok(self.constants(index)?.and_then(|numbers| numbers.first().copied()))
    }

    /// Takes whole numbers: a shape, axes.
    pub(crate) fn integers(&mut self, index: usize) -> Result<Option<Vec<i64>>, Fault> {
        match self.inputs.get_mut(index).and_then(Option::take) {
            None => Ok(None),
            Some(Value::Host(tensor)) if !tensor.element.is_float() => {
                Ok(Some(tensor.to_integers().into_iter().map(|number| number as i64).collect()))
            }
            Some(_) => Err(Fault::WrongKind { index, expected: "integers" }),
        }
    }

    /// Axes or sizes, which newer operator sets give as an input and older ones as an attribute.
    pub(crate) fn integers_or(&mut self, index: usize, name: &'static str) -> Result<Option<Vec<i64>>, Fault> {
        match self.integers(index)? {
            None => self.ints(name),
            given => Ok(given),
        }
    }

    /// Takes a list of tensors.
    pub(crate) fn sequence(&mut self, index: usize) -> Result<Vec<Value>, Fault> {
        match self.value(index)? {
            Value::Sequence(list) => Ok(list),
            _ => Err(Fault::WrongKind { index, expected: "a sequence" }),
        }
    }

    /// A body, with what it captures: the values after the node's own inputs.
    pub(crate) fn body(&mut self, name: &'static str) -> Result<(&'a Body, Vec<Value>), Fault> {
        let missing = Fault::WrongAttribute { name, expected: "a graph" };
        let body = self.bodies.get(name).ok_or(missing)?;
        let before = self.node.attributes.iter().take_while(|(other, _)| other.as_str() < name);
        let before = before.filter_map(|(_, other)| other.as_graph());
        let start = self.node.inputs.len() + before.map(|graph| graph.captures.len()).sum::<usize>();
        let captured = (start..start + body.graph().captures.len()).map(|index| self.value(index));
        Ok((body, captured.collect::<Result<_, _>>()?))
    }

    pub(crate) fn int(&self, name: &'static str, default: i64) -> Result<i64, Fault> {
        match self.node.attributes.get(name) {
            None => Ok(default),
            Some(Attribute::Int(value)) => Ok(*value),
            Some(_) => Err(Fault::WrongAttribute { name, expected: "an integer" }),
        }
    }

    /// A switch: an integer that is not zero.
    pub(crate) fn flag(&self, name: &'static str, default: bool) -> Result<bool, Fault> {
        Ok(self.int(name, i64::from(default))? != 0)
    }

    /// A count: an integer from zero.
    pub(crate) fn size(&self, name: &'static str, default: usize) -> Result<usize, Fault> {
        let wrong = |_| Fault::WrongAttribute { name, expected: "an integer from zero" };
        usize::try_from(self.int(name, default as i64)?).map_err(wrong)
    }

    pub(crate) fn float(&self, name: &'static str, default: f32) -> Result<f32, Fault> {
        match self.node.attributes.get(name) {
            None => Ok(default),
            Some(Attribute::Float(value)) => Ok(*value),
            Some(_) => Err(Fault::WrongAttribute { name, expected: "a float" }),
        }
    }

    /// A float attribute, in double precision.
    pub(crate) fn number(&self, name: &'static str, default: f64) -> Result<f64, Fault> {
        if self.node.attributes.contains_key(name) { self.float(name, 0.0).map(f64::from) } else { Ok(default) }
    }

    pub(crate) fn ints(&self, name: &'static str) -> Result<Option<Vec<i64>>, Fault> {
        match self.node.attributes.get(name) {
            None => Ok(None),
            Some(Attribute::Ints(values)) => Ok(Some(values.clone())),
            Some(_) => Err(Fault::WrongAttribute { name, expected: "a list of integers" }),
        }
    }

    /// A list of integers from zero.
    pub(crate) fn sizes(&self, name: &'static str) -> Result<Option<Vec<usize>>, Fault> {
        let Some(values) = self.ints(name)? else { return Ok(None) };
        let wrong = |_| Fault::WrongAttribute { name, expected: "a list of integers from zero" };
        values.into_iter().map(|value| usize::try_from(value).map_err(wrong)).collect::<Result<_, _>>().map(Some)
    }

    pub(crate) fn numbers(&self, name: &'static str) -> Result<Option<Vec<f64>>, Fault> {
        match self.node.attributes.get(name) {
            None => Ok(None),
            Some(Attribute::Floats(values)) => Ok(Some(values.iter().map(|value| f64::from(*value)).collect())),
            Some(_) => Err(Fault::WrongAttribute { name, expected: "a list of floats" }),
        }
    }

    pub(crate) fn string(&self, name: &'static str) -> Result<Option<&'a str>, Fault> {
        match self.node.attributes.get(name) {
            None => Ok(None),
            Some(Attribute::String(value)) => Ok(Some(value)),
            Some(_) => Err(Fault::WrongAttribute { name, expected: "a string" }),
        }
    }

    pub(crate) fn strings(&self, name: &'static str) -> Result<Option<&'a [String]>, Fault> {
        match self.node.attributes.get(name) {
            None => Ok(None),
            Some(Attribute::Strings(values)) => Ok(Some(values)),
            Some(_) => Err(Fault::WrongAttribute { name, expected: "a list of strings" }),
        }
    }

    /// A constant tensor among the attributes.
    pub(crate) fn literal(&self, name: &'static str) -> Result<Option<HostTensor>, Fault> {
        let wrong = || Fault::WrongAttribute { name, expected: "a tensor" };
        let Some(attribute) = self.node.attributes.get(name) else { return Ok(None) };
        let tensor = attribute.as_tensor().ok_or_else(wrong)?;
        let bytes = tensor.inline().ok_or_else(wrong)?;
        HostTensor::from_bytes(tensor.element, &tensor.shape, bytes).ok_or_else(wrong).map(Some)
    }

    /// An element type, as its number in `TensorProto.DataType`.
    pub(crate) fn datatype(&self, name: &'static str) -> Result<Option<ElementType>, Fault> {
        if !self.node.attributes.contains_key(name) {
            return Ok(None);
        }
        let code = i32::try_from(self.int(name, 0)?).ok();
        let known = code.and_then(ElementType::from_onnx_code);
        known.ok_or(Fault::WrongAttribute { name, expected: "an element type" }).map(Some)
    }

    /// Puts a result where the next operator expects it.
    pub(crate) fn place(&self, tensor: HostTensor) -> Value {
        Value::placed(tensor, self.device)
    }
}

/// Takes a tensor from the device.
///
/// # Errors
/// When a gradient flows back through it: it would be lost.
pub(crate) fn fetch(tensor: DeviceTensor) -> Result<HostTensor, Fault> {
    if is_learnt(&tensor) {
        return Err(Fault::because("no gradient flows through this operator"));
    }
    let shape = dimensions(&tensor);
    if tensor.dtype() == DType::F64 {
        let data = read(tensor).map_err(Fault::Unsupported)?;
        return Ok(HostTensor::floats(ElementType::F64, &shape, data.iter::<f64>()));
    }
    let numbers = download(tensor).map_err(Fault::Unsupported)?;
    Ok(HostTensor::floats(ElementType::F32, &shape, numbers.into_iter().map(f64::from)))
}
