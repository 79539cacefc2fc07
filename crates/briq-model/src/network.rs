//! A graph whose operators are resolved, ready to run on a device.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use briq_graph::plan::{Plan, Step};
use briq_graph::{Attribute, Data, ElementType, Graph, Initializer, Node};
use burn::backend::DispatchDevice;

use crate::error::ModelError;
use crate::operator::{self, Call, Fault, Operator, Outcome, Run};
use crate::value::{HostTensor, Value, on_every_backend, said, upload};

/// The values of a graph's initializers, in the graph's order.
pub(crate) type Parameters = Vec<Value>;

/// The bodies of a node, by the attribute that holds them.
pub(crate) type Bodies = BTreeMap<String, Body>;

/// The part of a graph that computes some wanted values.
pub(crate) struct Network {
    graph: Arc<Graph>,
    plan: Plan,
    operators: Vec<(Operator, Bodies)>,
    device: DispatchDevice,
}

/// A graph within a node, with its constants.
pub(crate) struct Body {
    pub(crate) network: Network,
    constants: Parameters,
}

impl Body {
    fn new(graph: &Graph, opset: u32, device: &DispatchDevice) -> Result<Self, ModelError> {
        let names: Vec<&str> = graph.outputs.iter().map(|output| output.name.as_str()).collect();
        let missing = |constant: &Initializer| {
            Err(ModelError::unsupported(format!("initializer `{}`", constant.name), "a body has no external data"))
        };
        let constants = upload_all(graph, device, missing)?;
        let graph = Arc::new(Graph { opset, ..graph.clone() });
        let network = Network::new(graph, &names, device.clone())?;
        Ok(Self { network, constants })
    }

    /// Computes the body's outputs from its inputs, then what it captures.
    pub(crate) fn run(&self, inputs: Vec<Value>, run: &mut Run) -> Result<Vec<Value>, ModelError> {
        self.network.run(&self.constants, inputs, run)
    }

    /// The body itself.
    pub(crate) fn graph(&self) -> &Graph {
        &self.network.graph
    }
}

impl Network {
    /// Plans the computation of `wanted` and resolves each operator once.
    ///
    /// # Errors
    /// When an operator is not known, or nothing computes a wanted value.
    pub(crate) fn new(graph: Arc<Graph>, wanted: &[&str], device: DispatchDevice) -> Result<Self, ModelError> {
        let plan = Plan::for_values(&graph, wanted)?;
        let prepare = |step: &Step| {
            let node = &graph.nodes[step.node];
            Ok((resolve(node, &graph)?, bodies(node, graph.opset, &device)?))
        };
        let operators = plan.steps.iter().map(prepare).collect::<Result<_, ModelError>>()?;
        Ok(Self { graph, plan, operators, device })
    }

    /// Computes the wanted values from `inputs`, which are in the graph's order.
    pub(crate) fn run(
        &self,
        parameters: &[Value],
        inputs: Vec<Value>,
        run: &mut Run,
    ) -> Result<Vec<Value>, ModelError> {
        let mut slots: Vec<Option<Value>> = vec![None; self.plan.slots()];
        for (&slot, input) in self.plan.inputs.iter().zip(inputs) {
            slots[slot] = Some(input);
        }
        for &(slot, position) in &self.plan.initializers {
            slots[slot] = Some(parameters[position].clone());
        }
        for (step, (operator, bodies)) in self.plan.steps.iter().zip(&self.operators) {
            self.step(step, *operator, bodies, &mut slots, run)?;
        }
        self.plan.outputs.iter().map(|&slot| self.output(&slots, slot)).collect()
    }

    fn output(&self, slots: &[Option<Value>], slot: usize) -> Result<Value, ModelError> {
        slots[slot].clone().ok_or_else(|| ModelError::no_such_value(&self.plan.names[slot]))
    }

    fn step(
        &self,
        step: &Step,
        operator: Operator,
        bodies: &Bodies,
        slots: &mut [Option<Value>],
        run: &mut Run,
    ) -> Result<(), ModelError> {
        let node = &self.graph.nodes[step.node];
        let inputs = step.inputs.iter().map(|slot| slot.and_then(|slot| read(slots, slot, step))).collect();
        let mut call = Call::new(node, inputs, run, bodies, (&self.device, self.graph.opset));
        let outputs = guarded(operator, &mut call).map_err(|fault| ModelError::node(&node.label(), fault))?;
        for (slot, value) in step.outputs.iter().zip(outputs) {
            if let Some(slot) = slot {
                slots[*slot] = Some(value);
            }
        }
        for &slot in &step.releases {
            slots[slot] = None;
        }
        Ok(())
    }
}

/// Runs an operator. What panics in a backend, on tensors that do not fit together, is a fault of this node.
fn guarded(operator: Operator, call: &mut Call) -> Outcome {
    let outcome = catch_unwind(AssertUnwindSafe(|| operator(call).and_then(|values| call.settled(values))));
    outcome.unwrap_or_else(|panic| Err(Fault::Unsupported(format!("the backend refuses: {}", said(panic.as_ref())))))
}

/// Moves a value out of its slot at its last use, so that the backend may compute in place.
fn read(slots: &mut [Option<Value>], slot: usize, step: &Step) -> Option<Value> {
    let reads = step.inputs.iter().flatten().filter(|&&other| other == slot).count();
    if reads == 1 && step.releases.contains(&slot) {
        return slots[slot].take();
    }
    slots[slot].clone()
}

fn resolve(node: &Node, graph: &Graph) -> Result<Operator, ModelError> {
    let unknown = || {
        let domain = if node.domain.is_empty() { "ai.onnx" } else { &node.domain };
        let set = graph.domains.get(&node.domain).unwrap_or(&graph.opset);
        let reason = format!("operator `{}` of domain `{domain}` is not known (operator set {set})", node.operator);
        ModelError::unsupported(node.label(), reason)
    };
    operator::find(&node.domain, &node.operator).ok_or_else(unknown)
}

fn bodies(node: &Node, opset: u32, device: &DispatchDevice) -> Result<Bodies, ModelError> {
    let mut bodies = Bodies::new();
    for (name, attribute) in &node.attributes {
        if let Attribute::Graph(graph) = attribute {
            bodies.insert(name.clone(), Body::new(graph, opset, device)?);
        }
    }
    Ok(bodies)
}

/// Uploads every initializer; `external` finds the bytes of those that are not in the graph itself.
pub(crate) fn upload_all<'a>(
    graph: &'a Graph,
    device: &DispatchDevice,
    mut external: impl FnMut(&'a Initializer) -> Result<&'a [u8], ModelError>,
) -> Result<Parameters, ModelError> {
    let bytes = |initializer: &'a Initializer| match &initializer.data {
        Data::Inline(bytes) => Ok(bytes.as_slice()),
        Data::External { .. } | Data::Unset => external(initializer),
    };
    let mut bytes = bytes;
    graph.initializers.iter().map(|initializer| constant(initializer, bytes(initializer)?, device)).collect()
}

fn constant(initializer: &Initializer, bytes: &[u8], device: &DispatchDevice) -> Result<Value, ModelError> {
    let whole = initializer.element == ElementType::F32 && on_every_backend(&initializer.shape);
    if whole && bytes.len() == initializer.byte_length() {
        let values = bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        return Ok(Value::Device(upload(values, &initializer.shape, device)));
    }
    let tensor = HostTensor::from_bytes(initializer.element, &initializer.shape, bytes);
    let short =
        || ModelError::invalid(format!("initializer `{}` does not have as many bytes as its shape", initializer.name));
    Ok(Value::placed(tensor.ok_or_else(short)?, device))
}
