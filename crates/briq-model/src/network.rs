//! A graph whose operators are resolved, ready to run on a device.

use std::sync::Arc;

use briq_graph::plan::{Plan, Step};
use briq_graph::{Data, ElementType, Graph, Initializer};
use burn::backend::DispatchDevice;

use crate::error::ModelError;
use crate::operator::{self, Call, Operator, Run};
use crate::value::{HostTensor, Value, upload};

/// The values of a graph's initializers, in the graph's order.
pub(crate) type Parameters = Vec<Value>;

/// The part of a graph that computes some wanted values.
pub(crate) struct Network {
    graph: Arc<Graph>,
    plan: Plan,
    operators: Vec<Operator>,
}

impl Network {
    /// Plans the computation of `wanted` and resolves each operator once.
    ///
    /// # Errors
    /// When an operator is not known, or nothing computes a wanted value.
    pub(crate) fn new(graph: Arc<Graph>, wanted: &[&str]) -> Result<Self, ModelError> {
        let plan = Plan::for_values(&graph, wanted)?;
        let operators = plan.steps.iter().map(|step| resolve(&graph, step)).collect::<Result<_, _>>()?;
        Ok(Self { graph, plan, operators })
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
        for (step, operator) in self.plan.steps.iter().zip(&self.operators) {
            self.step(step, *operator, &mut slots, run)?;
        }
        let outputs = self.plan.outputs.iter();
        Ok(outputs.map(|&slot| slots[slot].clone().expect("every wanted slot has been filled")).collect())
    }

    fn step(
        &self,
        step: &Step,
        operator: Operator,
        slots: &mut [Option<Value>],
        run: &mut Run,
    ) -> Result<(), ModelError> {
        let node = &self.graph.nodes[step.node];
        let inputs = step.inputs.iter().map(|slot| slot.and_then(|slot| read(slots, slot, step))).collect();
        let outputs =
            operator(&mut Call { node, inputs, run }).map_err(|fault| ModelError::node(&node.label(), fault))?;
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

/// Moves a value out of its slot at its last use, so that the backend may compute in place.
fn read(slots: &mut [Option<Value>], slot: usize, step: &Step) -> Option<Value> {
    let reads = step.inputs.iter().flatten().filter(|&&other| other == slot).count();
    if reads == 1 && step.releases.contains(&slot) {
        return slots[slot].take();
    }
    slots[slot].clone()
}

fn resolve(graph: &Graph, step: &Step) -> Result<Operator, ModelError> {
    let node = &graph.nodes[step.node];
    let default_domain = node.domain.is_empty() || node.domain == "ai.onnx";
    let found = default_domain.then(|| operator::find(&node.operator)).flatten();
    let unknown = || ModelError::unsupported(node.label(), format!("operator `{}` is not known", node.operator));
    found.ok_or_else(unknown)
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
    let shape = initializer.shape.clone();
    match initializer.element {
        ElementType::F32 => {
            let values = bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
            Ok(Value::Device(upload(values, &shape, device)))
        }
        ElementType::I64 => {
            let values = bytes.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b)).collect();
            Ok(Value::Host(HostTensor { shape, values }))
        }
        other => Err(ModelError::unsupported(
            format!("initializer `{}`", initializer.name),
            format!("element type {other} is not supported"),
        )),
    }
}
