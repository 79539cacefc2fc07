//! The order in which a graph's nodes are carried out, and how long each value lives.

use std::collections::{BTreeSet, HashMap};

use crate::{Graph, GraphError, GraphErrorKind, Node};

/// Where a value is kept while the plan runs: an index below [`Plan::slots`].
pub type Slot = usize;

/// A graph made ready to execute: nodes in topological order, values numbered, each released after its last use.
///
/// Nodes that no wanted output depends on are left out. Ties are broken by the order in the graph, so the same graph
/// gives the same plan. An executor keeps one `Option<Tensor>` for each slot, fills the inputs and initializers, and
/// walks the steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The name of the value in each slot.
    pub names: Vec<String>,
    /// The slots of the graph's inputs, in the graph's order, then of what it captures.
    pub inputs: Vec<Slot>,
    /// The slots of the wanted outputs, in the order asked for.
    pub outputs: Vec<Slot>,
    /// The slot of each initializer that is used, with its position in [`Graph::initializers`].
    pub initializers: Vec<(Slot, usize)>,
    /// The operations, in order.
    pub steps: Vec<Step>,
}

/// One operation of a [`Plan`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Position in [`Graph::nodes`].
    pub node: usize,
    /// What it reads, in the order of [`Node::reads`]; `None` where an optional input is absent.
    pub inputs: Vec<Option<Slot>>,
    /// What it fills; `None` where nobody wants the value.
    pub outputs: Vec<Option<Slot>>,
    /// Slots to empty once the step is done: nothing reads them any more. Never an initializer's, and never a wanted
    /// output's; an unused output of this very step is among them.
    pub releases: Vec<Slot>,
}

impl Plan {
    /// A plan that computes every output of the graph.
    ///
    /// # Errors
    /// A value that nothing produces or that two things produce, and nodes that wait for one another.
    pub fn new(graph: &Graph) -> Result<Self, GraphError> {
        let outputs: Vec<&str> = graph.outputs.iter().map(|value| value.name.as_str()).collect();
        Self::for_values(graph, &outputs)
    }

    /// A plan that computes just the named values, which need not be outputs of the graph: logits, for instance.
    ///
    /// # Errors
    /// As [`Plan::new`]; also a name that the graph does not have.
    pub fn for_values(graph: &Graph, wanted: &[&str]) -> Result<Self, GraphError> {
        let order = order(graph)?;
        let builder = Builder::new(graph);
        let needed = builder.needed(&order, wanted)?;
        builder.fill(&order, &needed, wanted)
    }

    /// Number of slots.
    pub fn slots(&self) -> usize {
        self.names.len()
    }

    /// The largest number of computed values that are alive at once, inputs included and initializers not.
    pub fn peak(&self) -> usize {
        let mut alive: BTreeSet<Slot> = self.inputs.iter().copied().collect();
        let mut peak = alive.len();
        for step in &self.steps {
            alive.extend(step.outputs.iter().flatten());
            peak = peak.max(alive.len());
            for slot in &step.releases {
                alive.remove(slot);
            }
        }
        peak
    }
}

/// Which node or other source gives each value.
#[derive(Clone, Copy)]
enum Source {
    Input,
    Initializer,
    Node(usize),
}

/// All nodes in an order in which each comes after those it reads from (Kahn's algorithm; the ready node that stands
/// first in the graph goes first).
pub(crate) fn order(graph: &Graph) -> Result<Vec<usize>, GraphError> {
    let sources = sources(graph)?;
    let mut waiting = vec![0_usize; graph.nodes.len()];
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); graph.nodes.len()];
    for (position, node) in graph.nodes.iter().enumerate() {
        for name in node.reads().filter(|name| !name.is_empty()) {
            if let Source::Node(from) = source_of(&sources, name, node)? {
                readers[from].push(position);
                waiting[position] += 1;
            }
        }
    }
    let mut ready: BTreeSet<usize> = (0..waiting.len()).filter(|&node| waiting[node] == 0).collect();
    let mut order = Vec::with_capacity(waiting.len());
    while let Some(node) = ready.pop_first() {
        order.push(node);
        for &reader in &readers[node] {
            waiting[reader] -= 1;
            if waiting[reader] == 0 {
                ready.insert(reader);
            }
        }
    }
    match waiting.iter().position(|&count| count > 0) {
        Some(stuck) => Err(refuse(graph.nodes[stuck].label(), "it depends on its own result")),
        None => Ok(order),
    }
}

fn sources(graph: &Graph) -> Result<HashMap<&str, Source>, GraphError> {
    let inputs = inputs(graph).map(|name| (name, Source::Input));
    let initializers = graph.initializers.iter();
    let initializers = initializers.map(|tensor| (tensor.name.as_str(), Source::Initializer));
    let nodes = graph.nodes.iter().enumerate();
    let nodes = nodes.flat_map(|(at, node)| present(&node.outputs).map(move |name| (name, Source::Node(at))));
    let mut sources = HashMap::new();
    for (name, source) in inputs.chain(initializers).chain(nodes) {
        if sources.insert(name, source).is_some() {
            return Err(refuse(format!("value `{name}`"), "it is produced more than once"));
        }
    }
    Ok(sources)
}

/// What is there before any node runs: the graph's inputs, then what it captures.
fn inputs(graph: &Graph) -> impl Iterator<Item = &str> {
    graph.inputs.iter().map(|value| &value.name).chain(&graph.captures).map(String::as_str)
}

fn source_of(sources: &HashMap<&str, Source>, name: &str, reader: &Node) -> Result<Source, GraphError> {
    let missing = || refuse(reader.label(), format!("it reads `{name}`, which nothing produces"));
    sources.get(name).copied().ok_or_else(missing)
}

fn present(names: &[String]) -> impl Iterator<Item = &str> {
    names.iter().map(String::as_str).filter(|name| !name.is_empty())
}

fn refuse(object: impl Into<String>, reason: impl Into<String>) -> GraphError {
    GraphError::new(GraphErrorKind::Malformed, "plan", object, reason)
}

/// Numbers values as they come up.
struct Builder<'g> {
    graph: &'g Graph,
    slots: HashMap<&'g str, Slot>,
    names: Vec<String>,
}

impl<'g> Builder<'g> {
    fn new(graph: &'g Graph) -> Self {
        Self { graph, slots: HashMap::new(), names: Vec::new() }
    }

    fn slot(&mut self, name: &'g str) -> Slot {
        *self.slots.entry(name).or_insert_with(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        })
    }

    /// For each node, whether a wanted value depends on it.
    fn needed(&self, order: &[usize], wanted: &[&str]) -> Result<Vec<bool>, GraphError> {
        let sources = sources(self.graph)?;
        let mut needed = vec![false; self.graph.nodes.len()];
        for name in wanted {
            match sources.get(name) {
                Some(Source::Node(node)) => needed[*node] = true,
                Some(_) => {}
                None => return Err(refuse(format!("value `{name}`"), "nothing produces it")),
            }
        }
        for &position in order.iter().rev() {
            if !needed[position] {
                continue;
            }
            for name in self.graph.nodes[position].reads() {
                if let Some(Source::Node(from)) = sources.get(name) {
                    needed[*from] = true;
                }
            }
        }
        Ok(needed)
    }

    fn fill(mut self, order: &[usize], needed: &[bool], wanted: &[&str]) -> Result<Plan, GraphError> {
        let graph = self.graph;
        let inputs = inputs(graph).map(|name| self.slot(name)).collect();
        let kept: Vec<usize> = order.iter().copied().filter(|&node| needed[node]).collect();
        let used: BTreeSet<&str> = kept.iter().flat_map(|&node| graph.nodes[node].reads()).collect();
        let mut initializers = Vec::new();
        for (position, tensor) in graph.initializers.iter().enumerate() {
            if used.contains(tensor.name.as_str()) || wanted.contains(&tensor.name.as_str()) {
                initializers.push((self.slot(&tensor.name), position));
            }
        }
        let mut steps: Vec<Step> = kept.iter().map(|&node| self.step(node)).collect();
        let outputs: Vec<Slot> = wanted.iter().map(|name| self.slots[name]).collect();
        let keep = initializers.iter().map(|(slot, _)| *slot).chain(outputs.iter().copied()).collect();
        release(&mut steps, keep);
        Ok(Plan { names: self.names, inputs, outputs, initializers, steps })
    }

    fn step(&mut self, position: usize) -> Step {
        let node = &self.graph.nodes[position];
        let mut number = |name: &'g str| (!name.is_empty()).then(|| self.slot(name));
        let inputs = node.reads().map(&mut number).collect();
        let outputs = node.outputs.iter().map(|name| number(name)).collect();
        Step { node: position, inputs, outputs, releases: Vec::new() }
    }
}

/// Walks backwards: the first time a slot is met, that is its last use.
fn release(steps: &mut [Step], keep: BTreeSet<Slot>) {
    let mut later = keep;
    for step in steps.iter_mut().rev() {
        let touched: BTreeSet<Slot> = step.inputs.iter().chain(&step.outputs).flatten().copied().collect();
        step.releases = touched.into_iter().filter(|slot| later.insert(*slot)).collect();
    }
}
