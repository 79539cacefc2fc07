//! A new head: the last dense layer of a classifier, as wide as the data has classes.

use briq_graph::layers::{Init, Parameter};
use briq_graph::{Attribute, ElementType, Graph, Initializer, Node};

use crate::error::ModelError;

/// Declares the last dense layer anew, without values; gives its parameters.
pub(super) fn renew(graph: &mut Graph, logits: &str, width: usize) -> Result<Vec<Parameter>, ModelError> {
    let found = Head::find(graph, logits).ok_or_else(|| no_dense(graph, logits))?;
    let weight = graph.initializer(&found.weight).ok_or_else(|| no_dense(graph, logits))?;
    let [rows, columns] = weight.shape[..] else { return Err(no_dense(graph, logits)) };
    let (fan_in, shape) = if found.outputs_first { (columns, vec![width, columns]) } else { (rows, vec![rows, width]) };
    let mut fresh = vec![parameter(&found.weight, shape, Init::GlorotUniform { fan_in, fan_out: width })];
    fresh.extend(found.bias.iter().map(|name| parameter(name, vec![width], Init::Zeros)));
    for parameter in &fresh {
        if let Some(slot) = graph.initializer_mut(&parameter.name) {
            *slot = Initializer::unset(&parameter.name, ElementType::F32, parameter.shape.clone());
        }
    }
    Ok(fresh)
}

fn parameter(name: &str, shape: Vec<usize>, init: Init) -> Parameter {
    Parameter { name: name.to_owned(), shape, init, trainable: true }
}

/// The initializers of a dense layer.
struct Head {
    weight: String,
    bias: Option<String>,
    /// Whether the weight holds a row for each output.
    outputs_first: bool,
}

impl Head {
    /// What computes a value by a matrix and a vector.
    fn find(graph: &Graph, value: &str) -> Option<Self> {
        let node = producer(graph, value)?;
        match node.operator.as_str() {
            "Gemm" => Some(Self {
                weight: held(graph, node, 1)?,
                bias: held(graph, node, 2),
                outputs_first: matches!(node.attributes.get("transB"), Some(Attribute::Int(1))),
            }),
            "MatMul" => Self::product(graph, node),
            "Add" => {
                let vector = (0..2).find(|&position| held(graph, node, position).is_some())?;
                let product = producer(graph, node.input(1 - vector)?).filter(|node| node.operator == "MatMul")?;
                Some(Self { bias: held(graph, node, vector), ..Self::product(graph, product)? })
            }
            _ => None,
        }
    }

    /// A product with a matrix, or with one that is turned first.
    fn product(graph: &Graph, node: &Node) -> Option<Self> {
        if let Some(weight) = held(graph, node, 1) {
            return Some(Self { weight, bias: None, outputs_first: false });
        }
        let turned = producer(graph, node.input(1)?).filter(|node| node.operator == "Transpose")?;
        Some(Self { weight: held(graph, turned, 0)?, bias: None, outputs_first: true })
    }
}

fn producer<'g>(graph: &'g Graph, value: &str) -> Option<&'g Node> {
    graph.nodes.iter().find(|node| node.outputs.iter().any(|output| output == value))
}

/// The initializer that a node reads there and no other node does.
fn held(graph: &Graph, node: &Node, position: usize) -> Option<String> {
    let name = node.input(position)?;
    let readers = graph.nodes.iter().flat_map(Node::reads).filter(|read| *read == name).count();
    (readers == 1 && graph.initializer(name).is_some()).then(|| name.to_owned())
}

fn no_dense(graph: &Graph, logits: &str) -> ModelError {
    let label = producer(graph, logits).map_or_else(|| format!("`{logits}`"), Node::label);
    let message =
        format!("the network's last layer, {label}, is no dense layer of its own, and no other can be replaced");
    ModelError::invalid(message).advise("change the head where the network was made, and import it again")
}
