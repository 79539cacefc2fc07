//! The network as a server sees it: [`briq_engine::Engine`] on a Burn backend.

use std::sync::Arc;

use briq_engine::{DataType, Engine, EngineError, Tensor, TensorSpec};
use briq_graph::{Data, Dim, ElementType, Graph, Initializer, Value as GraphValue};
use burn::backend::DispatchDevice;

use crate::backend::Backend;
use crate::error::ModelError;
use crate::network::{Network, Parameters, upload_all};
use crate::operator::Run;
use crate::value::{HostTensor, Value, download, upload};

/// A graph with its parameters on a device, ready to answer.
///
/// Cloning is not needed to share it: answering takes `&self`, from any number of threads.
pub struct BurnEngine {
    network: Network,
    parameters: Parameters,
    device: DispatchDevice,
    backend: String,
    inputs: Vec<TensorSpec>,
    outputs: Vec<TensorSpec>,
}

impl BurnEngine {
    /// Puts a graph on a backend; `external` finds the bytes of initializers that are kept outside the graph.
    ///
    /// # Errors
    /// When the backend is not available, an operator is not known, or a parameter's bytes are missing.
    pub fn new<'a>(
        graph: &'a Graph,
        backend: Backend,
        external: impl FnMut(&'a Initializer) -> Result<&'a [u8], ModelError>,
    ) -> Result<Self, ModelError> {
        let device = backend.device()?.as_dispatch().clone();
        let parameters = upload_all(graph, &device, external)?;
        let names: Vec<&str> = graph.outputs.iter().map(|output| output.name.as_str()).collect();
        let network = Network::new(Arc::new(without_values(graph)), &names)?;
        let (inputs, outputs) = (specs(&graph.inputs)?, specs(&graph.outputs)?);
        Ok(Self { network, parameters, device, backend: backend.resolved().to_string(), inputs, outputs })
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
        let fed = Value::Device(upload(features.to_vec(), &shape, &self.device));
        let mut outputs = self.network.run(&self.parameters, vec![fed], &mut Run::default())?;
        match outputs.drain(..).next() {
            Some(Value::Device(tensor)) => download(tensor).map_err(ModelError::device),
            _ => Err(ModelError::invalid("the network's first output is not a floating-point tensor")),
        }
    }

    fn feed(&self, tensor: &Tensor) -> Result<Value, EngineError> {
        match tensor.datatype {
            DataType::Fp32 => Ok(Value::Device(upload(tensor.as_f32()?, &tensor.shape, &self.device))),
            DataType::Int64 => Ok(Value::Host(HostTensor { shape: tensor.shape.clone(), values: tensor.as_i64()? })),
            other => Err(EngineError::invalid_input(format!("input `{}` cannot be {other}", tensor.name))),
        }
    }

    fn take(&self, spec: &TensorSpec, value: Value) -> Result<Tensor, EngineError> {
        let shape = value.shape();
        match value {
            Value::Device(tensor) => {
                let values = download(tensor).map_err(EngineError::inference)?;
                Ok(Tensor::from_f32(&spec.name, &shape, &values))
            }
            Value::Host(tensor) => Ok(Tensor::from_i64(&spec.name, &shape, &tensor.values)),
        }
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
        let outputs = self.network.run(&self.parameters, fed, &mut Run::default());
        let outputs = outputs.map_err(|error| EngineError::inference("the network failed").with_source(error))?;
        self.outputs.iter().zip(outputs).map(|(spec, value)| self.take(spec, value)).collect()
    }
}

/// The graph without the bytes of its parameters: they live on the device and in the package.
fn without_values(graph: &Graph) -> Graph {
    let mut lean = graph.clone();
    for initializer in &mut lean.initializers {
        initializer.data = Data::Unset;
    }
    lean
}

fn specs(values: &[GraphValue]) -> Result<Vec<TensorSpec>, ModelError> {
    values.iter().map(spec).collect()
}

fn spec(value: &GraphValue) -> Result<TensorSpec, ModelError> {
    let datatype = match value.element {
        ElementType::F32 => DataType::Fp32,
        ElementType::I64 => DataType::Int64,
        other => return Err(ModelError::unsupported(format!("value `{}`", value.name), format!("type {other}"))),
    };
    let length = |dim: &Dim| dim.fixed().and_then(|length| i64::try_from(length).ok()).unwrap_or(-1);
    Ok(TensorSpec { name: value.name.clone(), datatype, shape: value.shape.iter().map(length).collect() })
}
