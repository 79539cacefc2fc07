//! The network as a server sees it: [`briq_engine::Engine`] on a Burn backend.

use briq_engine::{DataType, Engine, EngineError, Tensor, TensorSpec};
use briq_graph::{Dim, ElementType, Form, Graph, Initializer, Value as GraphValue};

use crate::backend::Backend;
use crate::error::ModelError;
use crate::kernel;
use crate::network::Stored;
use crate::optimization::Optimization;
use crate::runner::{NodeTime, Runner, on_host};
use crate::value::{HostTensor, Value, download, on_every_backend, upload};

/// A graph with its parameters on a device, ready to answer.
///
/// Cloning is not needed to share it: answering takes `&self`, from any number of threads.
pub struct BurnEngine {
    runner: Runner,
    backend: String,
    inputs: Vec<TensorSpec>,
    outputs: Vec<TensorSpec>,
}

impl BurnEngine {
    /// Puts a graph on a backend; `external` finds the bytes of initializers that are kept outside the graph.
    ///
    /// # Errors
    /// When the backend is not available, an operator is not known, a parameter's bytes are missing, or an input or
    /// output is of a type that no server hands over.
    pub fn new<'a>(
        graph: &'a Graph,
        backend: Backend,
        external: impl FnMut(&'a Initializer) -> Result<Stored<'a>, ModelError>,
    ) -> Result<Self, ModelError> {
        Self::optimized(graph, backend, &Optimization::default(), external)
    }

    /// [`BurnEngine::new`], with a choice of what is done to the graph before it runs.
    ///
    /// # Errors
    /// As for [`BurnEngine::new`].
    pub fn optimized<'a>(
        graph: &'a Graph,
        backend: Backend,
        optimization: &Optimization,
        external: impl FnMut(&'a Initializer) -> Result<Stored<'a>, ModelError>,
    ) -> Result<Self, ModelError> {
        let (inputs, outputs) = (specs(&graph.inputs)?, specs(&graph.outputs)?);
        let runner = Runner::optimized(graph, backend, optimization, external)?;
        Ok(Self { runner, backend: backend.resolved().to_string(), inputs, outputs })
    }

    /// Answers `rows` examples of a network with one input: row-major features in, row-major outputs out.
    ///
    /// # Errors
    /// When the features do not fill the input's shape, or the device fails.
    pub fn answer(&self, features: &[f32], rows: usize) -> Result<Vec<f32>, ModelError> {
        let input = self.inputs.first().ok_or_else(|| ModelError::invalid("the network has no input"))?;
        let example = input.shape.iter().skip(1).filter_map(|&length| usize::try_from(length).ok());
        let shape: Vec<usize> = std::iter::once(rows).chain(example).collect();
        if shape.iter().product::<usize>() != features.len() {
            let message = format!("{} numbers do not fill an input of shape {shape:?}", features.len());
            return Err(ModelError::invalid(message));
        }
        let fed = Value::Device(upload(features.to_vec(), &shape, self.runner.device()));
        let mut outputs = self.runner.run_values(vec![fed])?;
        let first = outputs.drain(..).next();
        if let Some(numbers) = first.as_ref().and_then(|value| kernel::read(value, |_, numbers| numbers.to_vec())) {
            return Ok(numbers);
        }
        match first {
            Some(Value::Device(tensor)) => download(tensor).map_err(ModelError::device),
            Some(Value::Host(tensor)) => Ok(tensor.to_floats().into_iter().map(|number| number as f32).collect()),
            _ => Err(ModelError::invalid("the network's first output is not a tensor")),
        }
    }

    /// Answers once and says how long each node took.
    ///
    /// # Errors
    /// As for an ordinary answer.
    pub fn profile(&self, inputs: &[Tensor]) -> Result<Vec<NodeTime>, EngineError> {
        let fed = inputs.iter().map(|tensor| self.feed(tensor)).collect::<Result<_, _>>()?;
        let times = self.runner.profile(fed);
        times.map_err(|error| EngineError::inference("the network failed").with_source(error))
    }

    fn feed(&self, tensor: &Tensor) -> Result<Value, EngineError> {
        if tensor.datatype == DataType::Fp32 && on_every_backend(&tensor.shape) {
            return Ok(Value::Device(upload(tensor.as_f32()?, &tensor.shape, self.runner.device())));
        }
        let host = HostTensor::from_bytes(element(tensor.datatype), &tensor.shape, &tensor.data);
        let refused = || EngineError::invalid_input(format!("the bytes of input `{}` do not fit", tensor.name));
        Ok(Value::Host(host.ok_or_else(refused)?))
    }

    fn take(spec: &TensorSpec, value: Value) -> Result<Tensor, EngineError> {
        if let Some(tensor) = kernel::read(&value, |shape, numbers| Tensor::from_f32(&spec.name, shape, numbers)) {
            return Ok(tensor);
        }
        let shape = value.shape();
        if let Value::Device(tensor) = value {
            let values = download(tensor).map_err(EngineError::inference)?;
            return Ok(Tensor::from_f32(&spec.name, &shape, &values));
        }
        let host = on_host(value).map_err(|error| EngineError::inference("no tensor").with_source(error))?;
        let datatype = datatype(host.element);
        let datatype =
            datatype.ok_or_else(|| EngineError::inference(format!("output `{}` is {}", spec.name, host.element)))?;
        Tensor::new(&spec.name, datatype, &shape, host.to_bytes())
    }
}

impl Engine for BurnEngine {
    fn inputs(&self) -> &[TensorSpec] {
        &self.inputs
    }

    fn outputs(&self) -> &[TensorSpec] {
        &self.outputs
    }

    fn backend(&self) -> &str {
        &self.backend
    }

    fn infer(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, EngineError> {
        let fed = inputs.iter().map(|tensor| self.feed(tensor)).collect::<Result<_, _>>()?;
        let outputs = self.runner.run_values(fed);
        let outputs = outputs.map_err(|error| EngineError::inference("the network failed").with_source(error))?;
        self.outputs.iter().zip(outputs).map(|(spec, value)| Self::take(spec, value)).collect()
    }
}

fn specs(values: &[GraphValue]) -> Result<Vec<TensorSpec>, ModelError> {
    values.iter().map(spec).collect()
}

fn spec(value: &GraphValue) -> Result<TensorSpec, ModelError> {
    let plain = if value.form == Form::Tensor { datatype(value.element) } else { None };
    let refused = || {
        let reason = format!("no server hands over a {:?} of {}", value.form, value.element);
        ModelError::unsupported(format!("value `{}`", value.name), reason)
    };
    let length = |dim: &Dim| dim.fixed().and_then(|length| i64::try_from(length).ok()).unwrap_or(-1);
    let shape = value.shape.iter().map(length).collect();
    Ok(TensorSpec { name: value.name.clone(), datatype: plain.ok_or_else(refused)?, shape })
}

/// What a server and a graph call the same type.
const TYPES: [(ElementType, DataType); 14] = [
    (ElementType::Bool, DataType::Bool),
    (ElementType::U8, DataType::Uint8),
    (ElementType::U16, DataType::Uint16),
    (ElementType::U32, DataType::Uint32),
    (ElementType::U64, DataType::Uint64),
    (ElementType::I8, DataType::Int8),
    (ElementType::I16, DataType::Int16),
    (ElementType::I32, DataType::Int32),
    (ElementType::I64, DataType::Int64),
    (ElementType::F16, DataType::Fp16),
    (ElementType::BF16, DataType::Bf16),
    (ElementType::F32, DataType::Fp32),
    (ElementType::F64, DataType::Fp64),
    (ElementType::Text, DataType::Bytes),
];

/// The server's name of an element type, where it has one.
pub(crate) fn datatype(element: ElementType) -> Option<DataType> {
    TYPES.iter().find(|(own, _)| *own == element).map(|(_, theirs)| *theirs)
}

fn element(datatype: DataType) -> ElementType {
    TYPES.iter().find(|(_, theirs)| *theirs == datatype).map_or(ElementType::Text, |(own, _)| *own)
}
