//! The gradients of one batch, for those who compare, inspect or optimise by themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use briq_graph::Graph;
use briq_graph::onnx::Datum;
use briq_spec::recipe::Loss;
use burn::backend::{AutodiffBackend as _, Dispatch, DispatchDevice};

use super::backward::{backward, leaves};
use super::logits::attachment;
use super::loss::loss;
use super::parameters::parameters;
use crate::backend::Backend;
use crate::error::ModelError;
use crate::network::{Network, upload_all};
use crate::operator::{Run, Training};
use crate::runner::fed;
use crate::value::{DeviceTensor, Value, detached, dimensions, download, upload};

/// What a gradient is taken of.
#[derive(Clone, Copy, Debug)]
pub struct Objective<'a> {
    /// The loss: of the logits for cross-entropy, of the first output for the others; a mean over the batch.
    pub loss: Loss,
    /// What the network should answer, row-major, in the shape of what the loss is taken of: one-hot along the second
    /// axis for cross-entropy.
    pub target: &'a [f32],
    /// Parameters that get no gradient, by name; frozen running statistics are used instead of the batch's.
    pub frozen: &'a [String],
    /// The seed of what dropout drops.
    pub seed: u64,
}

/// The gradients of one batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gradients {
    /// The loss.
    pub loss: f64,
    /// The gradient of each parameter, row-major in its shape; absent where the loss does not depend on it.
    pub parameters: BTreeMap<String, Vec<f32>>,
    /// What the running statistics of batch normalisations are after this batch.
    pub statistics: BTreeMap<String, Vec<f32>>,
}

/// Runs a graph forward in training mode and back again. Nothing is changed.
///
/// `inputs` are in the graph's order. Which initializers are parameters is [`parameters`]' to say; their values are in
/// the graph.
///
/// ```
/// use briq_graph::onnx::Datum;
/// use briq_graph::{Dim, ElementType, Graph, Initializer, Node, Value};
/// use briq_model::{Backend, Objective, gradients};
/// use briq_spec::recipe::Loss;
///
/// // y = x · w with w = 3, at x = 2 against 5: the loss is (6 - 5)², its slope 2 · (6 - 5) · 2
/// let value = |name: &str| Value::new(name, ElementType::F32, vec![Dim::Fixed(1), Dim::Fixed(1)]);
/// let graph = Graph {
///     opset: 18,
///     inputs: vec![value("x")],
///     outputs: vec![value("y")],
///     nodes: vec![Node::new("product", "MatMul", &["x", "w"], &["y"])],
///     initializers: vec![Initializer::from_f32("w", vec![1, 1], &[3.0])],
///     ..Graph::default()
/// };
/// let x = Datum::Tensor(Initializer::from_f32("x", vec![1, 1], &[2.0]));
/// let objective = Objective { loss: Loss::Mse, target: &[5.0], frozen: &[], seed: 0 };
/// let gradients = gradients(&graph, Backend::Flex, vec![x], &objective)?;
/// assert_eq!((gradients.loss, gradients.parameters["w"][0]), (1.0, 4.0));
/// # Ok::<(), briq_model::ModelError>(())
/// ```
///
/// # Errors
/// When the backend is not available, a node cannot run on what it is given or lets no gradient through (the error
/// names it), the target does not have the output's length, or a parameter's bytes are not in the graph.
pub fn gradients(
    graph: &Graph,
    backend: Backend,
    inputs: Vec<Datum>,
    objective: &Objective<'_>,
) -> Result<Gradients, ModelError> {
    let device = backend.device()?.as_dispatch().clone();
    let learnt = learnt(graph, objective.frozen)?;
    let values = upload_all(graph, &device, |unset| Err(ModelError::no_such_value(&unset.name)))?;
    let tracked = leaves(&values, &learnt);
    let network = Network::new(Arc::new(graph.clone()), &[attachment(graph, objective.loss)?], device.clone())?;
    let inputs = inputs.into_iter().map(|datum| fed(datum, &device)).collect::<Result<_, _>>()?;
    let frozen = Arc::new(objective.frozen.iter().cloned().collect());
    let training = Training { seed: objective.seed, statistics: Vec::new(), frozen };
    let mut run = Run { training: Some(training), ..Run::default() };
    let output = network.run(&tracked, inputs, &mut run)?.pop();
    let Some(Value::Device(output)) = output else {
        return Err(ModelError::invalid("the network's output is not a floating-point tensor"));
    };
    let loss = loss(objective.loss, output.clone(), target(objective.target, &output, &device)?);
    let value = host(detached(loss.clone()))?.first().copied().unwrap_or(f32::NAN);
    let slopes = backward(loss)?;
    let mut found = Gradients { loss: f64::from(value), ..Gradients::default() };
    for position in learnt {
        let Value::Device(leaf) = &tracked[position] else { continue };
        if let Some(slope) = Dispatch::grad(leaf, &slopes) {
            found.parameters.insert(graph.initializers[position].name.clone(), host(slope)?);
        }
    }
    for (name, statistic) in run.training.into_iter().flat_map(|training| training.statistics) {
        found.statistics.insert(name, host(statistic)?);
    }
    Ok(found)
}

/// The positions of the parameters that get a gradient.
fn learnt(graph: &Graph, frozen: &[String]) -> Result<BTreeSet<usize>, ModelError> {
    let all = parameters(graph)?;
    let wanted = all.iter().filter(|parameter| parameter.trainable && !frozen.contains(&parameter.name));
    let position = |name: &String| graph.initializers.iter().position(|tensor| tensor.name == *name);
    Ok(wanted.filter_map(|parameter| position(&parameter.name)).collect())
}

fn target(values: &[f32], output: &DeviceTensor, device: &DispatchDevice) -> Result<DeviceTensor, ModelError> {
    let shape = dimensions(output);
    if shape.iter().product::<usize>() != values.len() {
        let given = values.len();
        return Err(ModelError::invalid(format!("a target of {given} numbers for an output of shape {shape:?}")));
    }
    Ok(upload(values.to_vec(), &shape, device))
}

fn host(tensor: DeviceTensor) -> Result<Vec<f32>, ModelError> {
    download(tensor).map_err(ModelError::device)
}
