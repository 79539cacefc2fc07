//! A graph while it is rewritten: who computes and who reads each value is known at every moment.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use super::Evaluate;
use crate::shape::Inference;
use crate::{Data, ElementType, Graph, GraphError, Initializer, LOGITS_KEY, Node, plan};

/// A node's position, which stays the same until the rewriting is over.
pub(super) type Id = usize;

/// A graph, indexed by the names of its values.
pub(super) struct Rewriter<'e> {
    /// A node that was removed is empty.
    graph: Graph,
    /// Beside which of the graph's own nodes each node belongs.
    places: Vec<Id>,
    producers: HashMap<String, Id>,
    readers: HashMap<String, BTreeSet<Id>>,
    constants: HashMap<String, usize>,
    /// Values that are seen from outside: they keep their name.
    pinned: HashSet<String>,
    /// Values whose shape is no longer what was written down.
    reshaped: HashSet<String>,
    evaluate: &'e mut dyn Evaluate,
    named: usize,
    known: Known,
}

/// What follows from the graph as it stands, kept from pass to pass: most of them change little, and many nothing.
#[derive(Default)]
struct Known {
    /// An order of nodes, some of which may have been removed since.
    order: RefCell<Option<Rc<[Id]>>>,
    inference: RefCell<Option<Rc<Inference>>>,
    /// Whether nobody has lost a reader since the last sweep.
    swept: bool,
}

impl Known {
    /// A node reads or computes something else.
    fn rewired(&mut self) {
        *self = Self::default();
    }
}

impl<'e> Rewriter<'e> {
    pub(super) fn new(graph: Graph, evaluate: &'e mut dyn Evaluate) -> Result<Self, GraphError> {
        plan::order(&graph)?;
        let mut rewriter = Self {
            places: (0..graph.nodes.len()).collect(),
            producers: HashMap::new(),
            readers: HashMap::new(),
            constants: HashMap::new(),
            pinned: pinned(&graph),
            reshaped: HashSet::new(),
            graph,
            evaluate,
            named: 0,
            known: Known::default(),
        };
        for id in 0..rewriter.graph.nodes.len() {
            rewriter.attach(id);
        }
        for (position, tensor) in rewriter.graph.initializers.iter().enumerate() {
            rewriter.constants.insert(tensor.name.clone(), position);
        }
        Ok(rewriter)
    }

    /// The graph as it stands, removed nodes and all.
    pub(super) fn graph(&self) -> &Graph {
        &self.graph
    }

    /// What is known of its values, as far as it can be inferred.
    pub(super) fn infer(&self) -> Result<Rc<Inference>, GraphError> {
        if let Some(inference) = &*self.known.inference.borrow() {
            return Ok(inference.clone());
        }
        let inference = Rc::new(Inference::partial(&self.graph)?);
        *self.known.inference.borrow_mut() = Some(inference.clone());
        Ok(inference)
    }

    /// The nodes that are left, each after those it reads from.
    pub(super) fn order(&self) -> Result<Vec<Id>, GraphError> {
        let known = self.known.order.borrow().clone();
        let order = match known {
            Some(order) => order,
            None => plan::order(&self.graph)?.into(),
        };
        *self.known.order.borrow_mut() = Some(order.clone());
        Ok(order.iter().copied().filter(|&id| self.is_live(id)).collect())
    }

    pub(super) fn is_live(&self, id: Id) -> bool {
        !self.graph.nodes[id].outputs.is_empty()
    }

    /// Number of nodes that are left.
    pub(super) fn count(&self) -> usize {
        (0..self.graph.nodes.len()).filter(|&id| self.is_live(id)).count()
    }

    pub(super) fn node(&self, id: Id) -> &Node {
        &self.graph.nodes[id]
    }

    /// The node that computes a value.
    pub(super) fn producer(&self, value: &str) -> Option<Id> {
        self.producers.get(value).copied()
    }

    /// The node that computes a value, if it is of this standard operator.
    pub(super) fn made_by(&self, value: &str, operator: &str) -> Option<&Node> {
        let node = self.node(self.producer(value)?);
        (node.is(operator) && node.outputs[0] == value).then_some(node)
    }

    /// The nodes that read a value.
    pub(super) fn readers(&self, value: &str) -> impl Iterator<Item = Id> {
        self.readers.get(value).into_iter().flatten().copied()
    }

    /// The node that reads a value, if it is the only use of the value, and its only one there.
    pub(super) fn sole_reader(&self, value: &str) -> Option<Id> {
        let mut readers = self.readers(value);
        let (first, second) = (readers.next()?, readers.next());
        let once = self.node(first).reads().filter(|name| *name == value).count() == 1;
        (second.is_none() && once && !self.is_pinned(value)).then_some(first)
    }

    /// Whether a value is seen from outside: an output of the graph, or read by the body of a node.
    pub(super) fn is_pinned(&self, value: &str) -> bool {
        self.pinned.contains(value)
    }

    pub(super) fn constant(&self, value: &str) -> Option<&Initializer> {
        self.constants.get(value).map(|&position| &self.graph.initializers[position])
    }

    /// A constant of single precision whose values are there.
    pub(super) fn weights(&self, value: &str) -> Option<&Initializer> {
        self.constant(value).filter(|tensor| tensor.element == ElementType::F32 && tensor.data != Data::Unset)
    }

    /// The bytes of a constant.
    pub(super) fn bytes<'a>(&'a self, tensor: &'a Initializer) -> Option<Cow<'a, [u8]>> {
        match tensor.inline() {
            Some(bytes) => Some(Cow::Borrowed(bytes)),
            None => self.evaluate.bytes(tensor).filter(|bytes| bytes.len() == tensor.byte_length()),
        }
    }

    /// The number that a constant of one element holds, if it is a scalar or a list.
    pub(super) fn scalar(&self, value: &str) -> Option<f64> {
        let tensor = self.constant(value).filter(|tensor| tensor.count() == 1 && tensor.shape.len() <= 1)?;
        self.numbers(tensor)?.first().copied()
    }

    /// Whether a constant of one element holds about this number, as single precision does.
    pub(super) fn is_about(&self, value: &str, number: f64) -> bool {
        self.scalar(value).is_some_and(|scalar| about(scalar, number))
    }

    fn numbers(&self, tensor: &Initializer) -> Option<Vec<f64>> {
        let bytes = self.bytes(tensor)?;
        match tensor.element {
            ElementType::F32 => Some(bytes.as_chunks().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect()),
            ElementType::F64 => Some(bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect()),
            element => {
                let integers = crate::attribute::integers(element, &bytes)?;
                Some(integers.into_iter().map(|integer| integer as f64).collect())
            }
        }
    }

    /// The integers that a constant holds.
    pub(super) fn integers(&self, value: &str) -> Option<Vec<i64>> {
        let tensor = self.constant(value)?;
        crate::attribute::integers(tensor.element, &self.bytes(tensor)?)
    }

    /// Runs a graph without inputs.
    pub(super) fn evaluate(&mut self, graph: &Graph) -> Option<Vec<Initializer>> {
        self.evaluate.evaluate(graph)
    }

    /// What stands for the product that a node computes of weights and a factor, where it need not be computed yet.
    pub(super) fn defer(&mut self, id: Id) -> Option<Data> {
        let node = &self.graph.nodes[id];
        let constant = |position: usize| Some(&self.graph.initializers[*self.constants.get(node.input(position)?)?]);
        self.evaluate.defer(constant(0)?, constant(1)?, node.outputs.first()?)
    }

    /// A name that no value has.
    pub(super) fn fresh(&mut self, stem: &str) -> String {
        loop {
            self.named += 1;
            let name = format!("{stem}:{}", self.named);
            if !self.is_taken(&name) {
                return name;
            }
        }
    }

    fn is_taken(&self, name: &str) -> bool {
        let read = self.readers.contains_key(name) || self.pinned.contains(name);
        read || self.producers.contains_key(name) || self.constants.contains_key(name)
    }

    /// Adds a node beside another one.
    pub(super) fn add(&mut self, node: Node, beside: Id) {
        self.graph.nodes.push(node);
        self.places.push(self.places[beside]);
        self.attach(self.graph.nodes.len() - 1);
    }

    /// Adds a node of a standard operator that computes one new value, and returns the value's name.
    pub(super) fn emit(&mut self, operator: &str, inputs: &[&str], beside: Id) -> String {
        let name = self.fresh(&self.graph.nodes[beside].outputs[0].clone());
        self.add(Node::new(&name, operator, inputs, &[&name]), beside);
        name
    }

    /// Adds a constant and returns its name.
    pub(super) fn add_constant(&mut self, tensor: Initializer) -> String {
        let name = tensor.name.clone();
        self.known.inference.take();
        self.constants.insert(name.clone(), self.graph.initializers.len());
        self.graph.initializers.push(tensor);
        name
    }

    /// Adds a list of integers and returns its name.
    pub(super) fn add_integers(&mut self, stem: &str, numbers: &[i64]) -> String {
        let name = self.fresh(stem);
        self.add_constant(Initializer::from_i64(name, vec![numbers.len()], numbers))
    }

    /// Puts a node in another one's place.
    pub(super) fn replace(&mut self, id: Id, node: Node) {
        self.detach(id);
        self.graph.nodes[id] = node;
        self.attach(id);
    }

    /// Takes a node away. Nobody may read what it computed, unless something else now computes it.
    pub(super) fn remove(&mut self, id: Id) {
        self.detach(id);
        self.graph.nodes[id] = Node::default();
    }

    /// Puts constants in a node's place: they have the names of its outputs.
    pub(super) fn settle(&mut self, id: Id, tensors: Vec<Initializer>) {
        self.remove(id);
        for tensor in tensors {
            self.add_constant(tensor);
        }
    }

    /// Lets everyone who reads `old` read `new`, which is the same. Returns whether that was possible: the name of a value
    /// that is seen from outside stays, and can only move to a node.
    pub(super) fn substitute(&mut self, old: &str, new: &str) -> bool {
        if self.is_pinned(old) {
            return self.rename(new, old);
        }
        self.redirect(old, new);
        true
    }

    /// Notes that a value has another shape than it had.
    pub(super) fn forget(&mut self, value: &str) {
        self.reshaped.insert(value.to_owned());
        self.known.inference.take();
    }

    fn redirect(&mut self, old: &str, new: &str) {
        self.known.rewired();
        for id in self.readers.remove(old).unwrap_or_default() {
            for input in self.graph.nodes[id].inputs.iter_mut().filter(|input| *input == old) {
                new.clone_into(input);
            }
            self.readers.entry(new.to_owned()).or_default().insert(id);
        }
    }

    /// The node that computes `from` now computes `to`, and what computed `to` no longer does.
    fn rename(&mut self, from: &str, to: &str) -> bool {
        let (Some(source), Some(old)) = (self.producer(from), self.producer(to)) else { return false };
        if self.is_pinned(from) {
            return false;
        }
        let change = |node: &mut Node, from: &str, to: &str| {
            for output in node.outputs.iter_mut().filter(|output| *output == from) {
                to.clone_into(output);
            }
        };
        self.known.rewired();
        change(&mut self.graph.nodes[old], to, "");
        change(&mut self.graph.nodes[source], from, to);
        self.producers.remove(from);
        self.producers.insert(to.to_owned(), source);
        self.redirect(from, to);
        self.remove_unnamed(old);
        true
    }

    /// A node all of whose outputs lost their names has nothing left to do.
    fn remove_unnamed(&mut self, id: Id) {
        if self.graph.nodes[id].outputs.iter().all(String::is_empty) {
            self.remove(id);
        }
    }

    /// Removes the nodes that nobody wants, and then the constants. Returns how many nodes there were of them.
    pub(super) fn sweep(&mut self) -> Result<usize, GraphError> {
        if self.known.swept {
            return Ok(0);
        }
        let mut removed = 0;
        for id in self.order()?.into_iter().rev() {
            let wanted = |value: &String| self.is_pinned(value) || self.readers(value).next().is_some();
            if !self.graph.nodes[id].outputs.iter().any(|value| !value.is_empty() && wanted(value)) {
                self.remove(id);
                removed += 1;
            }
        }
        self.sweep_constants();
        self.known.swept = true;
        Ok(removed)
    }

    fn sweep_constants(&mut self) {
        let (pinned, readers) = (&self.pinned, &self.readers);
        let read = |name: &str| readers.get(name).is_some_and(|readers| !readers.is_empty());
        self.graph.initializers.retain(|tensor| pinned.contains(&tensor.name) || read(&tensor.name));
        let tensors = self.graph.initializers.iter().enumerate();
        self.constants = tensors.map(|(position, tensor)| (tensor.name.clone(), position)).collect();
    }

    /// The graph without what was removed, its nodes in an order in which they can be carried out.
    pub(super) fn finish(mut self) -> Result<Graph, GraphError> {
        let mut nodes: Vec<(Id, Node)> = self.places.into_iter().zip(self.graph.nodes).collect();
        nodes.retain(|(_, node)| !node.outputs.is_empty());
        nodes.sort_by_key(|(place, _)| *place);
        self.graph.nodes = nodes.into_iter().map(|(_, node)| node).collect();
        let order = plan::order(&self.graph)?;
        let mut nodes: Vec<Option<Node>> = self.graph.nodes.into_iter().map(Some).collect();
        self.graph.nodes = order.into_iter().filter_map(|position| nodes[position].take()).collect();
        let (producers, reshaped) = (&self.producers, &self.reshaped);
        let stands = |name: &String| producers.contains_key(name) && !reshaped.contains(name);
        self.graph.values.retain(|value| stands(&value.name));
        Ok(self.graph)
    }

    fn attach(&mut self, id: Id) {
        self.known.rewired();
        let node = &self.graph.nodes[id];
        for value in node.outputs.iter().filter(|value| !value.is_empty()) {
            self.producers.insert(value.clone(), id);
        }
        for value in node.reads().filter(|value| !value.is_empty()) {
            self.readers.entry(value.to_owned()).or_default().insert(id);
        }
    }

    fn detach(&mut self, id: Id) {
        self.known.swept = false;
        let node = &self.graph.nodes[id];
        for value in &node.outputs {
            if self.producers.get(value) == Some(&id) {
                self.producers.remove(value);
            }
        }
        for value in node.reads() {
            if let Some(readers) = self.readers.get_mut(value) {
                readers.remove(&id);
            }
        }
    }
}

impl Node {
    /// The name of an input; empty where it is absent.
    pub(super) fn operand(&self, position: usize) -> &str {
        self.input(position).unwrap_or_default()
    }

    /// Whether it is of this standard operator.
    pub(super) fn is(&self, operator: &str) -> bool {
        self.operator == operator && self.domain.is_empty()
    }
}

/// Whether two numbers agree as far as single precision can tell.
pub(super) fn about(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-6 * b.abs().max(1e-6)
}

/// Outputs, what the metadata calls logits, and what bodies read from around them.
fn pinned(graph: &Graph) -> HashSet<String> {
    let outputs = graph.outputs.iter().map(|value| &value.name);
    let bodies = graph.nodes.iter().flat_map(|node| node.attributes.values()).filter_map(crate::Attribute::as_graph);
    let captured = bodies.flat_map(|body| &body.captures);
    outputs.chain(graph.metadata.get(LOGITS_KEY)).chain(captured).cloned().collect()
}
