//! Where each node has its inputs from, and what it computes in itself.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::{Attribute, Graph, GraphError, Initializer, Node, plan};

/// Where an input of a node comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Source<'g> {
    /// It is left out.
    Absent,
    /// The caller, or the graph around a body, under this name.
    Outside(&'g str),
    /// An initializer, by position.
    Constant(usize),
    /// An output, by position, of a node.
    Node(usize, usize),
}

/// A graph with its edges.
pub(super) struct Wiring<'g> {
    pub(super) graph: &'g Graph,
    /// The nodes as they are computed.
    pub(super) order: Vec<usize>,
    /// Of each node, where what it reads comes from.
    pub(super) sources: Vec<Vec<Source<'g>>>,
    /// Of each node, which nodes read from it, each at which of its inputs, from which output.
    pub(super) readers: Vec<Vec<(usize, usize, usize)>>,
    /// Of each output of the graph, where it comes from.
    pub(super) outputs: Vec<(&'g str, Source<'g>)>,
    /// The initializers by name.
    pub(super) constants: HashMap<&'g str, usize>,
    /// Of each node, what it computes in itself: operator, attributes and the forms of its constants.
    pub(super) own: Vec<u64>,
    /// Of each node, a digest of everything that it is computed from.
    pub(super) above: Vec<u64>,
}

impl<'g> Wiring<'g> {
    pub(super) fn new(graph: &'g Graph) -> Result<Self, GraphError> {
        let order = plan::order(graph)?;
        let constants: HashMap<&str, usize> =
            graph.initializers.iter().enumerate().map(|(position, one)| (one.name.as_str(), position)).collect();
        let mut produced: HashMap<&str, (usize, usize)> = HashMap::new();
        for (node, outputs) in graph.nodes.iter().map(|node| &node.outputs).enumerate() {
            produced.extend(outputs.iter().enumerate().map(|(output, name)| (name.as_str(), (node, output))));
        }
        let source = |name: &'g str| match (produced.get(name), constants.get(name)) {
            _ if name.is_empty() => Source::Absent,
            (Some(&(node, output)), _) => Source::Node(node, output),
            (None, Some(&constant)) => Source::Constant(constant),
            (None, None) => Source::Outside(name),
        };
        let sources: Vec<Vec<Source<'g>>> = graph.nodes.iter().map(|node| node.reads().map(source).collect()).collect();
        let own: Vec<u64> = graph.nodes.iter().zip(&sources).map(|(node, sources)| own(graph, node, sources)).collect();
        let outputs = graph.outputs.iter().map(|value| (value.name.as_str(), source(&value.name))).collect();
        let readers = readers(&sources);
        let above = above(&order, &sources, &own);
        Ok(Self { graph, order, sources, readers, outputs, constants, own, above })
    }

    pub(super) fn node(&self, position: usize) -> &'g Node {
        &self.graph.nodes[position]
    }

    /// Where an input of a node comes from.
    pub(super) fn source(&self, node: usize, input: usize) -> Source<'g> {
        self.sources[node].get(input).copied().unwrap_or(Source::Absent)
    }

    /// The initializers in the order in which they are first read, then those that no node reads.
    pub(super) fn reading_order(&self) -> Vec<usize> {
        let read = self.order.iter().flat_map(|&node| &self.sources[node]).filter_map(|source| match source {
            Source::Constant(constant) => Some(*constant),
            _ => None,
        });
        let mut seen = BTreeSet::new();
        read.chain(0..self.graph.initializers.len()).filter(|&constant| seen.insert(constant)).collect()
    }

    /// Of each node, a digest of everything that is computed from it.
    pub(super) fn seen_from_below(&self) -> Vec<u64> {
        let mut digests = vec![0; self.own.len()];
        let place: HashMap<&str, usize> =
            self.graph.outputs.iter().enumerate().map(|(place, output)| (output.name.as_str(), place)).collect();
        for &node in self.order.iter().rev() {
            let mut below: Vec<_> =
                self.readers[node].iter().map(|&(reader, input, output)| (digests[reader], input, output)).collect();
            below.sort_unstable();
            let given: Vec<_> = self.node(node).outputs.iter().map(|name| place.get(name.as_str())).collect();
            digests[node] = digest(&(self.own[node], below, given));
        }
        digests
    }
}

fn above(order: &[usize], sources: &[Vec<Source<'_>>], own: &[u64]) -> Vec<u64> {
    let mut digests = vec![0; own.len()];
    for &node in order {
        let from = sources[node].iter().map(|source| match source {
            Source::Node(producer, output) => (digests[*producer], *output),
            Source::Outside(name) => (digest(name), 0),
            Source::Absent | Source::Constant(_) => (0, 0),
        });
        digests[node] = digest(&(own[node], from.collect::<Vec<_>>()));
    }
    digests
}

fn readers(sources: &[Vec<Source<'_>>]) -> Vec<Vec<(usize, usize, usize)>> {
    let mut readers = vec![Vec::new(); sources.len()];
    for (reader, sources) in sources.iter().enumerate() {
        for (input, source) in sources.iter().enumerate() {
            if let Source::Node(producer, output) = source {
                readers[*producer].push((reader, input, *output));
            }
        }
    }
    readers
}

fn own(graph: &Graph, node: &Node, sources: &[Source<'_>]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&node.operator, &node.domain, node.outputs.len()).hash(&mut hasher);
    for (name, attribute) in &node.attributes {
        name.hash(&mut hasher);
        hash_attribute(attribute, &mut hasher);
    }
    for source in sources {
        match source {
            Source::Absent => 0_u8.hash(&mut hasher),
            Source::Constant(constant) => hash_constant(&graph.initializers[*constant], &mut hasher),
            Source::Outside(_) | Source::Node(..) => 1_u8.hash(&mut hasher),
        }
    }
    hasher.finish()
}

fn hash_constant(constant: &Initializer, hasher: &mut DefaultHasher) {
    (2_u8, constant.element, &constant.shape, values(constant)).hash(hasher);
}

/// What a constant holds, where that is structure: shapes, axes and indices are, parameters are not.
pub(super) fn values(constant: &Initializer) -> Option<&[u8]> {
    constant.inline().filter(|_| !constant.element.is_float())
}

fn hash_attribute(attribute: &Attribute, hasher: &mut DefaultHasher) {
    match attribute {
        Attribute::Float(number) => number.to_bits().hash(hasher),
        Attribute::Int(number) => number.hash(hasher),
        Attribute::String(text) => text.hash(hasher),
        Attribute::Tensor(tensor) => (tensor.element, &tensor.shape, tensor.inline()).hash(hasher),
        Attribute::Floats(numbers) => numbers.iter().for_each(|number| number.to_bits().hash(hasher)),
        Attribute::Ints(numbers) => numbers.hash(hasher),
        Attribute::Strings(texts) => texts.hash(hasher),
        // Names inside of a body may be numbered anew; its operators stay.
        Attribute::Graph(body) => body.nodes.iter().for_each(|node| node.operator.hash(hasher)),
    }
}

/// A number that equal values share. Two values that share one by chance would have to be looked for.
pub(super) fn digest(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
