//! Where a loss attaches.

use briq_graph::{Attribute, Graph, LOGITS_KEY, Node};
use briq_spec::recipe::Loss;

use crate::error::ModelError;

/// The value that a loss is taken of: logits for cross-entropy, the first output for the others.
///
/// # Errors
/// When the graph has no output.
pub(crate) fn attachment(graph: &Graph, loss: Loss) -> Result<&str, ModelError> {
    let output = graph.outputs.first().ok_or_else(|| ModelError::invalid("the network has no output"))?;
    Ok(match loss {
        Loss::CrossEntropy => logits(graph, &output.name),
        Loss::Mse | Loss::Mae => &output.name,
    })
}

/// What the metadata names; else what a final softmax reads, or the output itself.
fn logits<'g>(graph: &'g Graph, output: &'g str) -> &'g str {
    if let Some(declared) = graph.metadata.get(LOGITS_KEY) {
        return declared;
    }
    let producer = |name: &str| graph.nodes.iter().find(|node| node.outputs.iter().any(|output| output == name));
    let mut value = output;
    while let Some(node) = producer(value).filter(|node| passes_through(node)) {
        let Some(input) = node.input(0) else { break };
        value = input;
        if node.operator != "Identity" {
            return value;
        }
    }
    output
}

/// A softmax over the classes, or a node that hands on what it is given.
///
/// The logarithm of a softmax need not be looked through: taking the logarithm of its softmax changes nothing.
fn passes_through(node: &Node) -> bool {
    let along = node.attributes.get("axis");
    let classes = matches!(along, None | Some(Attribute::Int(-1 | 1)));
    node.operator == "Identity" || node.operator == "Softmax" && classes
}

#[cfg(test)]
mod tests {
    use briq_graph::{ElementType, Value};

    use super::*;

    fn graph(nodes: Vec<Node>) -> Graph {
        let outputs = vec![Value::new("y", ElementType::F32, Vec::new())];
        Graph { nodes, outputs, ..Graph::default() }
    }

    #[test]
    fn cross_entropy_attaches_before_a_final_softmax() {
        let softmax = graph(vec![
            Node::new("", "Gemm", &["x", "w"], &["z"]),
            Node::new("", "Softmax", &["z"], &["p"]),
            Node::new("", "Identity", &["p"], &["y"]),
        ]);
        assert_eq!(attachment(&softmax, Loss::CrossEntropy).expect("there is an output"), "z");
        assert_eq!(attachment(&softmax, Loss::Mse).expect("there is an output"), "y");
    }

    #[test]
    fn without_a_softmax_the_output_holds_the_logits() {
        let plain = graph(vec![Node::new("", "Gemm", &["x", "w"], &["z"]), Node::new("", "Identity", &["z"], &["y"])]);
        assert_eq!(attachment(&plain, Loss::CrossEntropy).expect("there is an output"), "y");
    }
}
