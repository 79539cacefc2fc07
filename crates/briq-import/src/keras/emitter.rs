//! The graph that is being built, and the values that flow through it.

use std::collections::HashSet;

use briq_graph::{Dim, ElementType, Graph, Initializer, Node, Value};

use crate::ImportError;

/// The operator set that is written: the first with `Gelu`.
const OPSET: u32 = briq_graph::onnx::OPSET;

/// What stands behind the name of a value whose channels were moved to the front.
const TURNED: &str = ".channels_first";

/// A value on its way from layer to layer.
#[derive(Debug, Clone)]
pub(super) struct Flow {
    /// Its name in Keras' own layout, whether or not that was computed yet.
    pub(super) name: String,
    /// Its shape in Keras' own layout, the number of examples included; nothing where a length is open.
    pub(super) shape: Vec<Option<usize>>,
    pub(super) element: ElementType,
    /// Whether it was computed with its channels, Keras' last axis, right behind the examples.
    pub(super) turned: bool,
}

impl Flow {
    pub(super) fn rank(&self) -> usize {
        self.shape.len()
    }
}

/// A graph under construction.
pub(super) struct Emitter {
    graph: Graph,
    /// Every name of a value or initializer.
    names: HashSet<String>,
}

impl Emitter {
    pub(super) fn new(name: &str) -> Self {
        let graph = Graph { name: name.to_owned(), opset: OPSET, ..Graph::default() };
        Self { graph, names: HashSet::new() }
    }

    pub(super) fn input(&mut self, name: &str, shape: Vec<Option<usize>>, element: ElementType) -> Flow {
        self.names.insert(name.to_owned());
        self.graph.inputs.push(Value::new(name, element, dims(&shape)));
        Flow { name: name.to_owned(), shape, element, turned: false }
    }

    /// Adds a node and returns the name of its first value, which is the node's own name, made unique.
    pub(super) fn node(&mut self, mut node: Node) -> String {
        node.name = self.unique(&node.name);
        node.outputs = vec![node.name.clone()];
        let name = node.name.clone();
        self.graph.nodes.push(node);
        name
    }

    /// Adds a node whose values are given.
    pub(super) fn node_of(&mut self, mut node: Node, outputs: &[String]) {
        node.name = self.unique(&node.name);
        node.outputs = outputs.to_vec();
        self.names.extend(outputs.iter().filter(|name| !name.is_empty()).cloned());
        self.graph.nodes.push(node);
    }

    /// A constant, or the one of that name that a shared layer has put in already.
    pub(super) fn constant(&mut self, tensor: Initializer) -> String {
        let name = tensor.name.clone();
        if self.names.insert(name.clone()) {
            self.graph.initializers.push(tensor);
        }
        name
    }

    /// Gives the last node's value another name, if it computed the value in question.
    pub(super) fn rename(&mut self, from: &str, to: &str) -> String {
        let last = self.graph.nodes.last_mut().filter(|node| node.outputs.first().is_some_and(|name| name == from));
        let Some(node) = last.filter(|_| !self.names.contains(to)) else { return from.to_owned() };
        node.outputs[0] = to.to_owned();
        self.names.remove(from);
        self.names.insert(to.to_owned());
        to.to_owned()
    }

    /// The name of a value in Keras' own layout.
    pub(super) fn plain(&mut self, flow: &Flow) -> String {
        if !self.names.contains(&flow.name) {
            let last = flow.rank() as i64 - 1;
            let order: Vec<i64> = std::iter::once(0).chain(2..=last).chain([1]).collect();
            let from = format!("{}{TURNED}", flow.name);
            let node = Node::new(format!("{}.turned_back", flow.name), "Transpose", &[&from], &[]);
            self.node_of(node.with("perm", order), std::slice::from_ref(&flow.name));
        }
        flow.name.clone()
    }

    /// The name of a value with its channels first.
    pub(super) fn turned(&mut self, flow: &Flow) -> String {
        let name = turned_name(&flow.name);
        if !self.names.contains(&name) {
            let last = flow.rank() as i64 - 1;
            let order: Vec<i64> = [0, last].into_iter().chain(1..last).collect();
            let node = Node::new(format!("{}.turned", flow.name), "Transpose", &[&flow.name], &[]);
            self.node_of(node.with("perm", order), std::slice::from_ref(&name));
        }
        name
    }

    /// The name in the layout in which it was computed.
    pub(super) fn any(&mut self, flow: &Flow) -> String {
        if flow.turned { self.turned(flow) } else { self.plain(flow) }
    }

    /// The graph with these outputs.
    pub(super) fn finish(mut self, outputs: &[Flow]) -> Result<Graph, ImportError> {
        for flow in outputs {
            let name = self.plain(flow);
            let taken = |values: &[Value]| values.iter().any(|value| value.name == name);
            let name = if taken(&self.graph.inputs) || taken(&self.graph.outputs) {
                self.node(Node::new(format!("{name}.output"), "Identity", &[&name], &[]))
            } else {
                name
            };
            self.graph.outputs.push(Value::new(name, flow.element, dims(&flow.shape)));
        }
        let softmax = self.graph.nodes.last().filter(|node| {
            node.operator == "Softmax" && self.graph.outputs.len() == 1 && node.outputs[0] == self.graph.outputs[0].name
        });
        if let Some(logits) = softmax.map(|node| node.inputs[0].clone()) {
            self.graph.metadata.insert(briq_graph::LOGITS_KEY.to_owned(), logits);
        }
        Ok(self.graph)
    }

    fn unique(&mut self, name: &str) -> String {
        let numbered = (2..).map(|number| format!("{name}_{number}"));
        let free = std::iter::once(name.to_owned()).chain(numbered).find(|name| !self.names.contains(name));
        let free = free.expect("numbers do not end");
        self.names.insert(free.clone());
        free
    }
}

pub(super) fn turned_name(name: &str) -> String {
    format!("{name}{TURNED}")
}

fn dims(shape: &[Option<usize>]) -> Vec<Dim> {
    let open = |axis: usize| Dim::Dynamic(if axis == 0 { "batch".to_owned() } else { String::new() });
    shape.iter().enumerate().map(|(axis, length)| length.map_or_else(|| open(axis), Dim::Fixed)).collect()
}
