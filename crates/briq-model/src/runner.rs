//! A graph that runs on values of every kind: the engine without a server's view of it.

use std::sync::Arc;

use briq_graph::onnx::Datum;
use briq_graph::{Data, Graph, Initializer};
use burn::backend::DispatchDevice;

use crate::backend::Backend;
use crate::error::ModelError;
use crate::network::{Network, Parameters, upload_all};
use crate::operator::{Run, fetch, with_bodies};
use crate::value::{HostTensor, Value};

/// A graph with its parameters on a device, ready to run.
///
/// Running takes `&self`, from any number of threads.
pub struct Runner {
    network: Network,
    parameters: Parameters,
    device: DispatchDevice,
    outputs: Vec<String>,
}

impl Runner {
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
        let outputs: Vec<String> = graph.outputs.iter().map(|output| output.name.clone()).collect();
        let names: Vec<&str> = outputs.iter().map(String::as_str).collect();
        let mut graph = without_values(graph);
        with_bodies(&mut graph);
        let network = Network::new(Arc::new(graph), &names, device.clone())?;
        Ok(Self { network, parameters, device, outputs })
    }

    /// Computes the graph's outputs from its inputs, both in the graph's order.
    ///
    /// # Errors
    /// When an input's bytes do not follow from its shape, or a node cannot run on what it is given.
    pub fn run(&self, inputs: Vec<Datum>) -> Result<Vec<Datum>, ModelError> {
        let fed = inputs.into_iter().map(|datum| self.feed(datum)).collect::<Result<_, _>>()?;
        let results = self.run_values(fed)?;
        self.outputs.iter().zip(results).map(|(name, value)| take(name, value)).collect()
    }

    pub(crate) fn run_values(&self, inputs: Vec<Value>) -> Result<Vec<Value>, ModelError> {
        self.network.run(&self.parameters, inputs, &mut Run::default())
    }

    pub(crate) fn device(&self) -> &DispatchDevice {
        &self.device
    }

    fn feed(&self, datum: Datum) -> Result<Value, ModelError> {
        Ok(match datum {
            Datum::Tensor(tensor) => self.tensor(&tensor)?,
            Datum::Sequence(list) => {
                Value::Sequence(list.iter().map(|tensor| self.tensor(tensor)).collect::<Result<_, _>>()?)
            }
            Datum::Absent => Value::Absent,
        })
    }

    fn tensor(&self, tensor: &Initializer) -> Result<Value, ModelError> {
        let bytes = tensor.inline().unwrap_or_default();
        let host = HostTensor::from_bytes(tensor.element, &tensor.shape, bytes);
        let short = || ModelError::invalid(format!("the bytes of `{}` do not follow from its shape", tensor.name));
        Ok(Value::placed(host.ok_or_else(short)?, &self.device))
    }
}

fn take(name: &str, value: Value) -> Result<Datum, ModelError> {
    Ok(match value {
        Value::Sequence(list) => Datum::Sequence(
            list.into_iter()
                .map(|value| on_host(value).map(|tensor| tensor.to_initializer(name)))
                .collect::<Result<_, _>>()?,
        ),
        Value::Absent => Datum::Absent,
        tensor => Datum::Tensor(on_host(tensor)?.to_initializer(name)),
    })
}

/// A tensor in host memory.
pub(crate) fn on_host(value: Value) -> Result<HostTensor, ModelError> {
    match value {
        Value::Host(tensor) => Ok(tensor),
        Value::Device(tensor) => fetch(tensor).map_err(ModelError::device),
        _ => Err(ModelError::invalid("a list of lists of tensors")),
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
