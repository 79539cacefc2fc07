//! A graph whose operators are resolved, ready to run on a device.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use briq_graph::plan::{Plan, Slot, Step};
use briq_graph::{Attribute, Data, ElementType, Graph, Initializer, Node};
use briq_kernels::convolution::{self, ConvolutionSpec, Tiling};
use burn::backend::DispatchDevice;
use rayon::prelude::*;

use crate::error::ModelError;
use crate::kernel::{self, Kernel};
use crate::operator::{self, Call, Fault, Operator, Outcome, Run};
use crate::optimization::Products;
use crate::value::{HostTensor, Mapped, Value, on_every_backend, said, upload};

/// The values of a graph's initializers, in the graph's order.
pub(crate) type Parameters = Vec<Value>;

/// The values of a running graph, by slot: those that are not computed yet or not needed any more are not there.
pub(crate) type Values = Vec<Option<Value>>;

/// The bodies of a node, by the attribute that holds them.
pub(crate) type Bodies = BTreeMap<String, Body>;

/// The part of a graph that computes some wanted values.
pub(crate) struct Network {
    graph: Arc<Graph>,
    plan: Plan,
    operators: Vec<Prepared>,
    device: DispatchDevice,
}

/// What carries out one step.
struct Prepared {
    operator: Operator,
    /// Stands before the operator, where there is one for this node and device.
    kernel: Option<Box<dyn Kernel>>,
    bodies: Bodies,
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
            Ok(Prepared { operator: resolve(node, &graph)?, kernel: None, bodies: bodies(node, graph.opset, &device)? })
        };
        let operators = plan.steps.iter().map(prepare).collect::<Result<_, ModelError>>()?;
        Ok(Self { graph, plan, operators, device })
    }

    /// Prepares kernels for a network whose parameters will not change. What they have packed is taken out of
    /// `parameters`, unless something else reads it. Those of `products` are multiplied while they are packed.
    ///
    /// # Errors
    /// When the constants of a node contradict each other.
    pub(crate) fn settle(&mut self, parameters: &mut Parameters, products: &Products) -> Result<(), ModelError> {
        if !kernel::serves(&self.device) {
            return Ok(());
        }
        let constants: HashMap<Slot, usize> = self.plan.initializers.iter().copied().collect();
        let Self { graph, plan, operators, device } = self;
        let known = |slot: Slot| constants.get(&slot).map(|&position| parameters[position].clone());
        let geometry = |(step, prepared): (&Step, &Prepared)| {
            kernel::geometry(&prepared.constant_call(step, graph, device, &mut Run::default(), known))
        };
        let geometries: Vec<_> = plan.steps.iter().zip(&*operators).map(geometry).collect();
        let tilings = tilings(&geometries, parameters);
        let steps = plan.steps.par_iter_mut().zip(operators.par_iter_mut()).zip(tilings);
        steps.try_for_each(|((step, prepared), tiling)| {
            let product = graph.nodes[step.node].input(1).and_then(|name| products.get(name)).cloned();
            prepared.settle(step, graph, device, known, Run { tiling, product, ..Run::default() })
        })?;
        self.release(parameters);
        Ok(())
    }

    /// Lets go of the parameters that no step reads any more.
    fn release(&mut self, parameters: &mut Parameters) {
        let read: HashSet<Slot> = self.plan.steps.iter().flat_map(|step| &step.inputs).flatten().copied().collect();
        let wanted: HashSet<Slot> = self.plan.outputs.iter().copied().collect();
        let (kept, packed) = std::mem::take(&mut self.plan.initializers)
            .into_iter()
            .partition(|(slot, _)| read.contains(slot) || wanted.contains(slot));
        self.plan.initializers = kept;
        for (_, position) in packed {
            parameters[position] = Value::Absent;
        }
    }

    /// Computes the wanted values from `inputs`, which are in the graph's order.
    pub(crate) fn run(
        &self,
        parameters: &[Value],
        inputs: Vec<Value>,
        run: &mut Run,
    ) -> Result<Vec<Value>, ModelError> {
        let mut values = self.begin(parameters, inputs);
        self.advance(&mut values, 0..self.plan.steps.len(), run)?;
        self.wanted(&values)
    }

    /// What is known before the first step, by slot.
    pub(crate) fn begin(&self, parameters: &[Value], inputs: Vec<Value>) -> Values {
        let mut values: Values = vec![None; self.plan.slots()];
        for (&slot, input) in self.plan.inputs.iter().zip(inputs) {
            values[slot] = Some(input);
        }
        for &(slot, position) in &self.plan.initializers {
            values[slot] = Some(parameters[position].clone());
        }
        values
    }

    /// Carries out some steps, those before which were carried out.
    pub(crate) fn advance(&self, values: &mut Values, steps: Range<usize>, run: &mut Run) -> Result<(), ModelError> {
        for (step, prepared) in self.plan.steps[steps.clone()].iter().zip(&self.operators[steps]) {
            let start = run.times.is_some().then(Instant::now);
            self.step(step, prepared, values, run)?;
            if let (Some(times), Some(start)) = (&mut run.times, start) {
                times.push(start.elapsed());
            }
        }
        Ok(())
    }

    /// The wanted values, after the last step.
    pub(crate) fn wanted(&self, values: &Values) -> Result<Vec<Value>, ModelError> {
        self.plan.outputs.iter().map(|&slot| self.output(values, slot)).collect()
    }

    /// Of each slot, whether it is for one of the named values.
    pub(crate) fn are_among(&self, names: &HashSet<String>) -> Vec<bool> {
        self.plan.names.iter().map(|name| names.contains(name)).collect()
    }

    /// The bytes of the parameters that each step's node reads, however they are packed.
    pub(crate) fn weights(&self) -> Vec<usize> {
        let initializers = self.graph.initializers.iter();
        let lengths: HashMap<&str, usize> =
            initializers.map(|initializer| (initializer.name.as_str(), initializer.byte_length())).collect();
        let of = |step: &Step| self.graph.nodes[step.node].reads().filter_map(|name| lengths.get(name)).sum();
        self.plan.steps.iter().map(of).collect()
    }

    /// Each step by the name of its node, its operator, and whether a kernel of ours carries it out.
    pub(crate) fn steps(&self) -> impl Iterator<Item = (&Node, bool)> {
        let nodes = self.plan.steps.iter().map(|step| &self.graph.nodes[step.node]);
        nodes.zip(self.operators.iter().map(|prepared| prepared.kernel.is_some()))
    }

    fn output(&self, slots: &[Option<Value>], slot: usize) -> Result<Value, ModelError> {
        slots[slot].clone().ok_or_else(|| ModelError::no_such_value(&self.plan.names[slot]))
    }

    fn step(
        &self,
        step: &Step,
        prepared: &Prepared,
        slots: &mut [Option<Value>],
        run: &mut Run,
    ) -> Result<(), ModelError> {
        let node = &self.graph.nodes[step.node];
        let inputs = step.inputs.iter().map(|slot| slot.and_then(|slot| read(slots, slot, step))).collect();
        let mut call = Call::new(node, inputs, run, &prepared.bodies, (&self.device, self.graph.opset));
        let outputs = guarded(prepared, &mut call).map_err(|fault| ModelError::node(&node.label(), fault))?;
        if let Some(sizes) = &mut run.sizes {
            let numbers = |value: &Value| value.shape().iter().product::<usize>();
            sizes.push(size_of::<f32>() * outputs.iter().map(numbers).sum::<usize>());
        }
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

impl Prepared {
    /// Looks for a kernel, given what of the node's inputs is constant. What the kernel has packed is not read by the
    /// step any more.
    fn settle(
        &mut self,
        step: &mut Step,
        graph: &Graph,
        device: &DispatchDevice,
        known: impl Fn(Slot) -> Option<Value>,
        mut run: Run,
    ) -> Result<(), ModelError> {
        let mut call = self.constant_call(step, graph, device, &mut run, known);
        let constant: Vec<bool> = call.inputs.iter().map(Option::is_some).collect();
        let kernel = kernel::prepare(&mut call).map_err(|fault| ModelError::node(&call.node.label(), fault))?;
        let left: Vec<bool> = call.inputs.iter().map(Option::is_some).collect();
        for (slot, (constant, left)) in step.inputs.iter_mut().zip(constant.iter().zip(left)) {
            if *constant && !left {
                *slot = None;
            }
        }
        self.kernel = kernel;
        Ok(())
    }

    /// A call with what of the node's inputs is constant.
    fn constant_call<'a>(
        &'a self,
        step: &Step,
        graph: &'a Graph,
        device: &'a DispatchDevice,
        run: &'a mut Run,
        known: impl Fn(Slot) -> Option<Value>,
    ) -> Call<'a> {
        let inputs = step.inputs.iter().map(|slot| slot.and_then(&known)).collect();
        Call::new(&graph.nodes[step.node], inputs, run, &self.bodies, (device, graph.opset))
    }

    fn compute(&self, call: &mut Call) -> Outcome {
        if let Some(kernel) = &self.kernel
            && let Some(outputs) = kernel.run(call)?
        {
            return Ok(outputs);
        }
        (self.operator)(call)
    }
}

/// How far a network's packed weights may outgrow its weights, in parts of a hundred.
const EXPANSION: usize = 18;

/// How far they may in any case: in small networks it is speed that counts.
const FREE_EXPANSION: usize = 4 << 20;

/// What each step may spend of that, given which of them are convolutions.
fn tilings(geometries: &[Option<ConvolutionSpec>], parameters: &Parameters) -> Vec<Tiling> {
    let numbers = |value: &Value| match value {
        Value::Device(_) => value.shape().iter().product::<usize>(),
        _ => 0,
    };
    let bytes = size_of::<f32>() * parameters.iter().map(numbers).sum::<usize>();
    let specs: Vec<ConvolutionSpec> = geometries.iter().flatten().copied().collect();
    let mut tilings =
        convolution::tilings(&specs, (bytes / 100).saturating_mul(EXPANSION).max(FREE_EXPANSION)).into_iter();
    geometries.iter().map(|geometry| geometry.and_then(|_| tilings.next()).unwrap_or_default()).collect()
}

/// Runs an operator. What panics in a backend, on tensors that do not fit together, is a fault of this node.
fn guarded(prepared: &Prepared, call: &mut Call) -> Outcome {
    let outcome = catch_unwind(AssertUnwindSafe(|| prepared.compute(call).and_then(|values| call.settled(values))));
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

/// The bytes of an initializer that is kept outside its graph.
#[derive(Clone, Debug)]
pub enum Stored<'a> {
    /// To be copied to the device.
    Borrowed(&'a [u8]),
    /// In the memory map of a package, where they stay if the device computes in this machine's memory.
    Mapped(Mapped),
}

impl Stored<'_> {
    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> Cow<'_, [u8]> {
        match self {
            Self::Borrowed(bytes) => Cow::Borrowed(bytes),
            Self::Mapped(mapped) => mapped.bytes(),
        }
    }
}

/// Uploads every initializer; `external` finds the bytes of those that are not in the graph itself.
pub(crate) fn upload_all<'a>(
    graph: &'a Graph,
    device: &DispatchDevice,
    mut external: impl FnMut(&'a Initializer) -> Result<Stored<'a>, ModelError>,
) -> Result<Parameters, ModelError> {
    let mut stored = |initializer: &'a Initializer| match &initializer.data {
        Data::Inline(bytes) => Ok(Stored::Borrowed(bytes)),
        Data::External { .. } | Data::Unset => external(initializer),
    };
    graph.initializers.iter().map(|initializer| constant(initializer, &stored(initializer)?, device)).collect()
}

fn constant(initializer: &Initializer, stored: &Stored, device: &DispatchDevice) -> Result<Value, ModelError> {
    if let Stored::Mapped(mapped) = stored
        && kernel::serves(device)
        && initializer.element == ElementType::F32
        && on_every_backend(&initializer.shape)
        && let Some(tensor) = mapped.tensor(&initializer.shape)
    {
        return Ok(Value::Device(tensor));
    }
    let bytes = stored.bytes();
    let whole = initializer.element == ElementType::F32 && on_every_backend(&initializer.shape);
    if whole && bytes.len() == initializer.byte_length() {
        let values = bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        return Ok(Value::Device(upload(values, &initializer.shape, device)));
    }
    let tensor = HostTensor::from_bytes(initializer.element, &initializer.shape, &bytes);
    let short =
        || ModelError::invalid(format!("initializer `{}` does not have as many bytes as its shape", initializer.name));
    Ok(Value::placed(tensor.ok_or_else(short)?, device))
}
