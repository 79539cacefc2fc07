//! Which initializers of a graph from elsewhere are parameters.
//!
//! An ONNX file tells parameters, statistics and constants apart by nothing but what reads them. The rule:
//!
//! - only tensors of `f32` with at least one axis: scalars, shapes, axes and indices are constants;
//! - those that reach an operator where it takes weights ([`WEIGHTS`]), directly or through operators that see nothing
//!   but constants, such as a transposition or the reordering of gates, are parameters;
//! - so is a vector (one axis longer than 1 at most) that is added, subtracted, multiplied, divided by or joined to what
//!   some weight was applied to before: a bias, a scale, a class token. What comes before the first weight prepares
//!   the input, and what has two longer axes is a mask or a table of positions: both are constants;
//! - mean and variance of a batch normalisation are its running statistics: they are kept by the layer while it learns.
//!
//! What only the bodies of control operators read stays constant.

use std::collections::{BTreeSet, HashMap, HashSet};

use briq_graph::layers::{Init, Parameter};
use briq_graph::{ElementType, Graph, Node, plan::Plan};

use crate::error::ModelError;

/// The inputs at which operators take weights.
const WEIGHTS: &[(&str, &[usize])] = &[
    ("BatchNormalization", &[1, 2]),
    ("Conv", &[1, 2]),
    ("ConvTranspose", &[1, 2]),
    ("Einsum", &[0, 1, 2, 3]),
    ("GRU", &[1, 2, 3]),
    ("Gather", &[0]),
    ("Gemm", &[0, 1, 2]),
    ("GroupNormalization", &[1, 2]),
    ("InstanceNormalization", &[1, 2]),
    ("LSTM", &[1, 2, 3, 7]),
    ("LayerNormalization", &[1, 2]),
    ("MatMul", &[0, 1]),
    ("PRelu", &[1]),
    ("RMSNormalization", &[1]),
    ("RNN", &[1, 2, 3]),
];

/// The inputs at which a batch normalisation takes its running statistics.
const STATISTICS: &[usize] = &[3, 4];

/// Operators at which a vector is a bias or a scale.
const ARITHMETIC: &[&str] = &["Add", "Concat", "Div", "Mul", "Sub", "Sum"];

/// The parameters of a graph, in the order of its initializers; running statistics among them are not trainable.
///
/// # Errors
/// When the graph cannot be ordered.
pub fn parameters(graph: &Graph) -> Result<Vec<Parameter>, ModelError> {
    let mut search = Search::new(graph);
    for step in &Plan::new(graph)?.steps {
        search.visit(&graph.nodes[step.node]);
    }
    Ok(search.found())
}

/// What was learnt of the values of a graph, node after node.
struct Search<'g> {
    graph: &'g Graph,
    /// Values that are computed from initializers alone, with the initializers they are computed from.
    origins: HashMap<&'g str, BTreeSet<usize>>,
    /// Values that depend on a weight and on an input.
    weighted: HashSet<&'g str>,
    weights: BTreeSet<usize>,
    statistics: BTreeSet<usize>,
}

impl<'g> Search<'g> {
    fn new(graph: &'g Graph) -> Self {
        let own = |(position, tensor): (usize, &'g briq_graph::Initializer)| {
            let numbers = tensor.element == ElementType::F32 && !tensor.shape.is_empty() && tensor.count() > 0;
            (tensor.name.as_str(), if numbers { BTreeSet::from([position]) } else { BTreeSet::new() })
        };
        Self {
            graph,
            origins: graph.initializers.iter().enumerate().map(own).collect(),
            weighted: HashSet::new(),
            weights: BTreeSet::new(),
            statistics: BTreeSet::new(),
        }
    }

    fn visit(&mut self, node: &'g Node) {
        let present = || node.reads().filter(|name| !name.is_empty());
        if present().all(|name| self.origins.contains_key(name)) {
            let origins: BTreeSet<usize> = present().flat_map(|name| self.origins[name].clone()).collect();
            self.origins.extend(node.outputs.iter().map(|name| (name.as_str(), origins.clone())));
            return;
        }
        let after = node.reads().any(|name| self.weighted.contains(name));
        let before = self.weights.len();
        for (position, name) in node.inputs.iter().enumerate() {
            if let Some(origins) = self.origins.get(name.as_str()).cloned() {
                self.sort(node, position, after, origins);
            }
        }
        if after || self.weights.len() > before || self.takes_weights(node) {
            self.weighted.extend(node.outputs.iter().map(String::as_str));
        }
    }

    /// Whether a weight is applied here, though it may be shared and counted already.
    fn takes_weights(&self, node: &Node) -> bool {
        let origins = |&position: &usize| node.input(position).and_then(|name| self.origins.get(name));
        positions(node).iter().filter_map(origins).any(|origins| !origins.is_empty())
    }

    /// Decides what the initializers behind one input of a node are.
    fn sort(&mut self, node: &Node, position: usize, after: bool, origins: BTreeSet<usize>) {
        if positions(node).contains(&position) {
            let vectors = node.operator != "Gather";
            self.take(origins, |vector| vectors || !vector);
        } else if node.operator == "BatchNormalization" && STATISTICS.contains(&position) {
            self.statistics.extend(origins);
        } else if after && ARITHMETIC.contains(&node.operator.as_str()) {
            self.take(origins, |vector| vector);
        }
    }

    /// Counts initializers among the weights, where it is accepted whether they are vectors.
    fn take(&mut self, origins: BTreeSet<usize>, accepts: impl Fn(bool) -> bool) {
        let initializers = &self.graph.initializers;
        let vector = |at: usize| initializers[at].shape.iter().filter(|length| **length > 1).count() <= 1;
        self.weights.extend(origins.into_iter().filter(|&at| accepts(vector(at))));
    }

    fn found(self) -> Vec<Parameter> {
        let all: BTreeSet<usize> = self.weights.union(&self.statistics).copied().collect();
        let parameter = |position: usize| {
            let tensor = &self.graph.initializers[position];
            let trainable = self.weights.contains(&position);
            Parameter { name: tensor.name.clone(), shape: tensor.shape.clone(), init: Init::Zeros, trainable }
        };
        all.into_iter().map(parameter).collect()
    }
}

fn positions(node: &Node) -> &'static [usize] {
    let own = WEIGHTS.iter().find(|(operator, _)| *operator == node.operator && node.domain.is_empty());
    own.map_or(&[], |(_, positions)| positions)
}

#[cfg(test)]
mod tests {
    use briq_graph::{Dim, Initializer, Value};

    use super::*;

    fn graph(nodes: Vec<Node>, initializers: &[(&str, &[usize])]) -> Graph {
        let zeros = |(name, shape): &(&str, &[usize])| {
            Initializer::from_f32(*name, shape.to_vec(), &vec![0.0; shape.iter().product()])
        };
        Graph {
            inputs: vec![Value::new("x", ElementType::F32, vec![Dim::Dynamic("batch".into()), Dim::Fixed(3)])],
            outputs: vec![Value::new("y", ElementType::F32, Vec::new())],
            initializers: initializers.iter().map(zeros).collect(),
            nodes,
            opset: 18,
            ..Graph::default()
        }
    }

    fn names(graph: &Graph) -> Vec<(String, bool)> {
        let found = parameters(graph).expect("it can be ordered");
        found.into_iter().map(|parameter| (parameter.name, parameter.trainable)).collect()
    }

    fn learnt(names: &[&str]) -> Vec<(String, bool)> {
        names.iter().map(|name| ((*name).to_owned(), true)).collect()
    }

    #[test]
    fn preparation_scalars_and_tables_of_positions_stay_constant() {
        let graph = graph(
            vec![
                Node::new("centre", "Sub", &["x", "mean"], &["centred"]),
                Node::new("product", "MatMul", &["centred", "weight"], &["product"]),
                Node::new("sum", "Add", &["product", "bias"], &["sum"]),
                Node::new("scaled", "Mul", &["sum", "scale"], &["scaled"]),
                Node::new("placed", "Add", &["scaled", "positions"], &["y"]),
            ],
            &[("mean", &[3]), ("weight", &[3, 2]), ("bias", &[2]), ("scale", &[]), ("positions", &[4, 2])],
        );
        assert_eq!(names(&graph), learnt(&["weight", "bias"]));
    }

    #[test]
    fn a_weight_is_found_behind_operators_that_see_nothing_but_constants() {
        let graph = graph(
            vec![
                Node::new("turned", "Transpose", &["weight"], &["turned"]),
                Node::new("scaled", "Mul", &["turned", "gain"], &["scaled"]),
                Node::new("product", "MatMul", &["x", "scaled"], &["y"]),
            ],
            &[("weight", &[2, 3]), ("gain", &[1, 2])],
        );
        assert_eq!(names(&graph), learnt(&["weight", "gain"]));
    }

    #[test]
    fn running_statistics_are_parameters_that_are_not_trained() {
        let inputs = ["x", "scale", "bias", "mean", "variance"];
        let graph = graph(
            vec![Node::new("norm", "BatchNormalization", &inputs, &["y"])],
            &[("scale", &[3]), ("bias", &[3]), ("mean", &[3]), ("variance", &[3])],
        );
        let [scale, bias, mean, variance] = <[_; 4]>::try_from(names(&graph)).expect("four of them");
        assert!(scale.1 && bias.1 && !mean.1 && !variance.1);
    }
}
