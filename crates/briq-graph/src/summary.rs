//! The architecture as a table.

use std::collections::HashMap;

use crate::{Graph, GraphError, Initializer, Node, brackets, plan, shape};

/// One row of a [`Graph::summary`].
struct Row {
    layer: String,
    operators: Vec<String>,
    output: String,
    parameters: usize,
}

impl Graph {
    /// The network as a table: each layer (the nodes whose names share what stands before the first dot) with its
    /// operators, the shape it hands on, and how many numbers it holds.
    ///
    /// # Errors
    /// As [`shape::infer`].
    pub fn summary(&self) -> Result<String, GraphError> {
        let shapes = shape::infer(self)?;
        let mut fresh = self.initializers_by_name();
        let mut rows: Vec<Row> = Vec::new();
        for position in plan::order(self)? {
            let node = &self.nodes[position];
            let layer = layer(node);
            if rows.last().is_none_or(|row| row.layer != layer) {
                rows.push(Row { layer: layer.to_owned(), operators: Vec::new(), output: String::new(), parameters: 0 });
            }
            let row = rows.last_mut().expect("a row was just made sure of");
            let output = node.outputs.first().and_then(|name| shapes.get(name));
            row.output = output.map(|value| brackets(&value.shape)).unwrap_or_default();
            row.operators.push(node.operator.clone());
            row.parameters += numbers(node, &mut fresh);
        }
        Ok(table(&rows))
    }

    /// The number of parameters: elements of floating-point tensors with at least one axis.
    pub fn parameter_count(&self) -> usize {
        let mut fresh = self.initializers_by_name();
        self.nodes.iter().map(|node| numbers(node, &mut fresh)).sum()
    }
}

/// The parameters that a node reads and no earlier one did: it takes its tensors from those that are fresh.
fn numbers(node: &Node, fresh: &mut HashMap<&str, &Initializer>) -> usize {
    let tensors = node.inputs.iter().filter_map(|name| fresh.remove(name.as_str()));
    tensors.filter(|tensor| tensor.element.is_float() && !tensor.shape.is_empty()).map(Initializer::count).sum()
}

fn layer(node: &Node) -> &str {
    let name = if node.name.is_empty() { node.outputs.first().map_or("", String::as_str) } else { &node.name };
    name.split_once('.').map_or(name, |(layer, _)| layer)
}

fn table(rows: &[Row]) -> String {
    let header = ["layer", "operators", "output", "parameters"].map(str::to_owned);
    let cells = rows
        .iter()
        .map(|row| [row.layer.clone(), row.operators.join(", "), row.output.clone(), row.parameters.to_string()]);
    let total = rows.iter().map(|row| row.parameters).sum::<usize>().to_string();
    let last = ["total".to_owned(), String::new(), String::new(), total];
    let lines: Vec<[String; 4]> = std::iter::once(header).chain(cells).chain([last]).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let [a, b, c, d] = [width(0), width(1), width(2), width(3)];
    let print = |[layer, operators, output, count]: &[String; 4]| {
        format!("{layer:a$}  {operators:b$}  {output:c$}  {count:>d$}\n")
    };
    lines.iter().map(print).collect()
}
