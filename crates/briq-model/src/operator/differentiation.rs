//! `Gradient` of the domain `ai.onnx.preview.training`: the part of the graph between some values and another becomes
//! the node's body, which runs under autodiff.

use std::collections::BTreeSet;
use std::sync::Arc;

use briq_graph::{Attribute, ElementType, Form, Graph, Node, Value as Declared};
use burn::backend::ops::FloatTensorOps;
use burn::backend::{AutodiffBackend as _, Dispatch};

use super::{Call, Fault, Operator, Outcome, Run, Training};
use crate::value::Value;

pub(super) const OPERATORS: &[(&str, Operator)] = &[("Gradient", gradient)];

/// Gives every `Gradient` node the part of the graph that it differentiates.
pub(crate) fn with_bodies(graph: &mut Graph) {
    let is_gradient = |node: &Node| node.operator == "Gradient" && node.domain == "ai.onnx.preview.training";
    for at in 0..graph.nodes.len() {
        if is_gradient(&graph.nodes[at]) {
            let body = part(graph, &graph.nodes[at]);
            graph.nodes[at].attributes.insert("body".to_owned(), Attribute::Graph(Box::new(body)));
        }
    }
}

/// The names under an attribute.
fn names<'a>(node: &'a Node, attribute: &str) -> &'a [String] {
    if let Some(Attribute::Strings(names)) = node.attributes.get(attribute) { names } else { &[] }
}

/// The nodes that lead from `xs` and `zs` to `y`; what else they read is captured.
fn part(graph: &Graph, gradient: &Node) -> Graph {
    let given: Vec<&String> = names(gradient, "xs").iter().chain(names(gradient, "zs")).collect();
    let wanted = match gradient.attributes.get("y") {
        Some(Attribute::String(name)) => name.clone(),
        _ => String::new(),
    };
    // Only the names matter.
    let declared = |name: &String| {
        let name = name.clone();
        Declared { name, element: ElementType::F32, shape: Vec::new(), form: Form::Tensor }
    };
    let mut body = Graph { name: gradient.name.clone(), opset: graph.opset, ..Graph::default() };
    body.inputs = given.iter().map(|name| declared(name)).collect();
    body.outputs = vec![declared(&wanted)];
    let (mut open, mut seen, mut taken) = (vec![&wanted], BTreeSet::new(), BTreeSet::new());
    while let Some(name) = open.pop() {
        if name.is_empty() || given.contains(&name) || !seen.insert(name) {
            continue;
        }
        match graph.nodes.iter().position(|node| node.outputs.contains(name)) {
            None => body.captures.push(name.clone()),
            Some(at) if taken.insert(at) => {
                let node = &graph.nodes[at];
                let bodies = node.attributes.values().filter_map(Attribute::as_graph);
                open.extend(node.inputs.iter().chain(bodies.flat_map(|body| &body.captures)));
            }
            Some(_) => {}
        }
    }
    body.nodes = taken.into_iter().map(|at| graph.nodes[at].clone()).collect();
    body
}

/// How the sum of `y` changes with each of `xs`, as reverse-mode differentiation finds it (Linnainmaa, 1976).
fn gradient(call: &mut Call) -> Outcome {
    if call.run.training.is_some() {
        return Err(Fault::because("a gradient is not differentiated itself"));
    }
    let count = call.strings("xs")?.unwrap_or_default().len();
    let shapes = (0..count).map(|index| call.shape(index)).collect::<Result<Vec<_>, _>>()?;
    let points = (0..count).map(|index| call.tensor(index)).collect::<Result<Vec<_>, _>>()?;
    let others = (count..call.node.inputs.len()).map(|index| call.value(index)).collect::<Result<Vec<_>, _>>()?;
    let (body, captured) = call.body("body")?;
    let leaves = points.into_iter().map(|point| Dispatch::float_set_require_grad(Dispatch::from_inner(point), true));
    let leaves: Vec<_> = leaves.collect();
    let constants = others.into_iter().chain(captured);
    let inputs = leaves.iter().cloned().map(Value::Device).chain(constants).collect();
    let mut run =
        Run { training: Some(Training { seed: 0, statistics: Vec::new(), frozen: Arc::default() }), ..Run::default() };
    let results = body.run(inputs, &mut run).map_err(|error| Fault::Body(Box::new(error)))?;
    let Some(Value::Device(y)) = results.into_iter().next() else {
        return Err(Fault::because("what it differentiates is not computed in single precision"));
    };
    let gradients = Dispatch::backward(Dispatch::float_sum(y));
    let of = |(leaf, shape): (_, &Vec<usize>)| {
        let found = match Dispatch::grad(leaf, &gradients) {
            Some(gradient) => super::fetch(gradient)?.reshaped(shape),
            None => super::generation::zeros(ElementType::F32, shape),
        };
        Ok(call.place(found))
    };
    leaves.iter().zip(&shapes).map(of).collect()
}
