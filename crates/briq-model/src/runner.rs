//! A graph that runs on values of every kind: the engine without a server's view of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use briq_graph::onnx::Datum;
use briq_graph::pass::Report;
use briq_graph::{Data, Dim, Form, Graph, Initializer, Node, Value as GraphValue};
use burn::backend::{DispatchDevice, TensorMetadata as _};
use burn::tensor::DType;

use crate::backend::Backend;
use crate::error::ModelError;
use crate::examples::Examples;
use crate::kernel;
use crate::network::{Network, Parameters, Stored, upload_all};
use crate::operator::{Run, fetch, with_bodies};
use crate::optimization::Optimization;
use crate::value::{HostTensor, Value, dimensions, download};

/// A graph with its parameters on a device, ready to run.
///
/// Running takes `&self`, from any number of threads.
pub struct Runner {
    network: Network,
    parameters: Parameters,
    device: DispatchDevice,
    inputs: Vec<GraphValue>,
    outputs: Vec<String>,
    report: Report,
    /// There where examples of a batch may be computed apart.
    examples: Option<Examples>,
}

impl Runner {
    /// Puts a graph on a backend; `external` finds the bytes of initializers that are kept outside the graph.
    ///
    /// # Errors
    /// When the backend is not available, an operator is not known, or a parameter's bytes are missing.
    pub fn new<'a>(
        graph: &'a Graph,
        backend: Backend,
        external: impl FnMut(&'a Initializer) -> Result<Stored<'a>, ModelError>,
    ) -> Result<Self, ModelError> {
        Self::optimized(graph, backend, &Optimization::default(), external)
    }

    /// [`Runner::new`], with a choice of what is done to the graph before it runs.
    ///
    /// # Errors
    /// As for [`Runner::new`].
    pub fn optimized<'a>(
        graph: &'a Graph,
        backend: Backend,
        optimization: &Optimization,
        mut external: impl FnMut(&'a Initializer) -> Result<Stored<'a>, ModelError>,
    ) -> Result<Self, ModelError> {
        let device = backend.device()?.as_dispatch().clone();
        let mut outside = HashMap::new();
        for initializer in graph.initializers.iter().filter(|initializer| initializer.inline().is_none()) {
            outside.insert(initializer.name.as_str(), external(initializer)?);
        }
        let inputs = graph.inputs.clone();
        let (graph, report, products) = optimization.apply(graph, &outside)?;
        let absent = |name: &str| ModelError::invalid(format!("parameter `{name}` has no value"));
        let mut parameters = upload_all(&graph, &device, |initializer| {
            let name = initializer.name.as_str();
            let product = || products.get(name).cloned().map(Stored::Mapped);
            outside.get(name).cloned().or_else(product).ok_or_else(|| absent(name))
        })?;
        let outputs: Vec<String> = graph.outputs.iter().map(|output| output.name.clone()).collect();
        let names: Vec<&str> = outputs.iter().map(String::as_str).collect();
        let apart = Examples::names(&graph, &device, optimization);
        let mut graph = without_values(graph);
        with_bodies(&mut graph);
        let mut network = Network::new(Arc::new(graph), &names, device.clone())?;
        if optimization.kernels {
            network.settle(&mut parameters, &products)?;
        }
        let examples = apart.map(|names| Examples::new(&network, &names));
        Ok(Self { network, parameters, device, inputs, outputs, report, examples })
    }

    /// What the passes did to the graph.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Computes the graph's outputs from its inputs, both in the graph's order.
    ///
    /// # Errors
    /// When an input's bytes do not follow from its shape, its shape is not the declared one, or a node cannot run on
    /// what it is given.
    pub fn run(&self, inputs: Vec<Datum>) -> Result<Vec<Datum>, ModelError> {
        let fed = inputs.into_iter().map(|datum| fed(datum, &self.device)).collect::<Result<_, _>>()?;
        let results = self.run_values(fed)?;
        self.outputs.iter().zip(results).map(|(name, value)| take(name, value)).collect()
    }

    /// As [`Runner::run`], on values that are in place.
    ///
    /// # Errors
    /// As [`Runner::run`].
    pub(crate) fn run_values(&self, inputs: Vec<Value>) -> Result<Vec<Value>, ModelError> {
        self.admit(&inputs)?;
        briq_kernels::with_team(|| match &self.examples {
            Some(examples) => examples.run(&self.network, &self.parameters, inputs),
            None => self.network.run(&self.parameters, inputs, &mut Run::default()),
        })
    }

    /// Runs once and says how long each node took. On a GPU that is how long it took to be handed over.
    ///
    /// # Errors
    /// As [`Runner::run`].
    pub(crate) fn profile(&self, inputs: Vec<Value>) -> Result<Vec<NodeTime>, ModelError> {
        self.admit(&inputs)?;
        let mut run = Run { times: Some(Vec::new()), ..Run::default() };
        briq_kernels::with_team(|| self.network.run(&self.parameters, inputs, &mut run))?;
        let timed = self.network.steps().zip(run.times.unwrap_or_default());
        Ok(timed.map(|((node, kernel), time)| NodeTime::new(node, kernel, time)).collect())
    }

    pub(crate) fn device(&self) -> &DispatchDevice {
        &self.device
    }

    /// Refuses what does not have the declared shape: constants were computed from it.
    fn admit(&self, inputs: &[Value]) -> Result<(), ModelError> {
        if inputs.len() != self.inputs.len() {
            let message = format!("the network has {} inputs, not {}", self.inputs.len(), inputs.len());
            return Err(ModelError::invalid(message));
        }
        let misfit = self.inputs.iter().zip(inputs).find(|(declared, value)| !admits(declared, value));
        misfit.map_or(Ok(()), |(declared, value)| Err(wrong_shape(declared, &value.shape())))
    }
}

/// Whether a tensor has the declared number of axes, and the declared length of each whose length is fixed.
fn admits(declared: &GraphValue, value: &Value) -> bool {
    if declared.form != Form::Tensor {
        return true;
    }
    let (shape, fixed) = (value.shape(), declared.shape.iter().map(Dim::fixed));
    shape.len() == declared.shape.len() && fixed.zip(&shape).all(|(fixed, have)| fixed.is_none_or(|want| want == *have))
}

fn wrong_shape(declared: &GraphValue, shape: &[usize]) -> ModelError {
    let length = |dim: &Dim| dim.fixed().map_or_else(|| "?".to_owned(), |length| length.to_string());
    let wanted: Vec<String> = declared.shape.iter().map(length).collect();
    let (name, wanted) = (&declared.name, wanted.join(", "));
    ModelError::invalid(format!("input `{name}` has shape {shape:?} where the network takes [{wanted}]"))
}

/// An input as the operators take it.
pub(crate) fn fed(datum: Datum, device: &DispatchDevice) -> Result<Value, ModelError> {
    let tensor = |tensor: &Initializer| {
        let host = HostTensor::from_bytes(tensor.element, &tensor.shape, tensor.inline().unwrap_or_default());
        let short = || ModelError::invalid(format!("the bytes of `{}` do not follow from its shape", tensor.name));
        Ok(Value::placed(host.ok_or_else(short)?, device))
    };
    Ok(match datum {
        Datum::Tensor(one) => tensor(&one)?,
        Datum::Sequence(list) => Value::Sequence(list.iter().map(tensor).collect::<Result<_, ModelError>>()?),
        Datum::Absent => Value::Absent,
    })
}

/// How long one node of an optimised graph took.
#[derive(Clone, Debug, serde::Serialize)]
pub struct NodeTime {
    /// The node's name, or that of its first output.
    pub node: String,
    /// The operator, with the domain that passes put fused ones in.
    pub operator: String,
    /// Whether a kernel of `briq-kernels` computes it.
    pub kernel: bool,
    /// Seconds.
    pub seconds: f64,
}

impl NodeTime {
    fn new(node: &Node, kernel: bool, time: Duration) -> Self {
        let name = if node.name.is_empty() { node.outputs.first() } else { Some(&node.name) };
        let domain = if node.domain.is_empty() { String::new() } else { format!("{}.", node.domain) };
        let operator = format!("{domain}{}", node.operator);
        Self { node: name.cloned().unwrap_or_default(), operator, kernel, seconds: time.as_secs_f64() }
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
        tensor => Datum::Tensor(initializer(name, tensor)?),
    })
}

/// A tensor under a name, with its bytes.
pub(crate) fn initializer(name: &str, value: Value) -> Result<Initializer, ModelError> {
    let ours = kernel::read(&value, |shape, numbers| Initializer::from_f32(name, shape.to_vec(), numbers));
    if let Some(ours) = ours {
        return Ok(ours);
    }
    match value {
        Value::Device(tensor) if tensor.dtype() == DType::F32 => {
            let shape = dimensions(&tensor);
            Ok(Initializer::from_f32(name, shape, &download(tensor).map_err(ModelError::device)?))
        }
        other => Ok(on_host(other)?.to_initializer(name)),
    }
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
pub(crate) fn without_values(mut graph: Graph) -> Graph {
    for initializer in &mut graph.initializers {
        initializer.data = Data::Unset;
    }
    graph
}
