//! Element types and shapes of every value, inferred from those of the inputs.
//!
//! Each operator has one rule, in the file of its family; the table here says which. A rule checks what it is given and
//! names the node and the shapes when they do not fit. A dynamic axis stays dynamic: it keeps its symbol where it is
//! passed on, and is compared with a fixed one only when the graph runs.

mod arithmetic;
mod context;
mod linear;
mod normalization;
mod rearranging;
mod reduction;
mod window;

use std::collections::{BTreeMap, HashMap};

use self::context::Context;
use crate::{Attribute, Graph, GraphError, GraphErrorKind, Initializer, Node, Value, plan};

/// What is known of every value of a graph, by name.
pub type Shapes = BTreeMap<String, Value>;

/// What a rule says of a node's outputs, in order. It may know of fewer than the node has.
type Inferred = Result<Vec<context::Type>, GraphError>;

type Rule = fn(&Context<'_>) -> Inferred;

/// The standard operators with a rule.
const RULES: [(&str, Rule); 52] = [
    ("Abs", arithmetic::unary),
    ("Add", arithmetic::binary),
    ("AveragePool", window::pool),
    ("BatchNormalization", normalization::batch),
    ("Cast", arithmetic::cast),
    ("Ceil", arithmetic::unary),
    ("Clip", arithmetic::unary),
    ("Concat", rearranging::concat),
    ("Constant", arithmetic::constant),
    ("Conv", window::convolution),
    ("Div", arithmetic::binary),
    ("Dropout", arithmetic::dropout),
    ("Elu", arithmetic::float_unary),
    ("Erf", arithmetic::float_unary),
    ("Exp", arithmetic::float_unary),
    ("Flatten", rearranging::flatten),
    ("Floor", arithmetic::unary),
    ("Gelu", arithmetic::float_unary),
    ("Gemm", linear::gemm),
    ("GlobalAveragePool", window::global_pool),
    ("GlobalMaxPool", window::global_pool),
    ("HardSigmoid", arithmetic::float_unary),
    ("Identity", arithmetic::unary),
    ("LayerNormalization", normalization::layer),
    ("LeakyRelu", arithmetic::float_unary),
    ("Log", arithmetic::float_unary),
    ("LogSoftmax", normalization::softmax),
    ("MatMul", linear::matmul),
    ("Max", arithmetic::variadic),
    ("MaxPool", window::pool),
    ("Min", arithmetic::variadic),
    ("Mul", arithmetic::binary),
    ("Neg", arithmetic::unary),
    ("Pow", arithmetic::power),
    ("Reciprocal", arithmetic::float_unary),
    ("ReduceMax", reduction::reduce),
    ("ReduceMean", reduction::reduce),
    ("ReduceMin", reduction::reduce),
    ("ReduceSum", reduction::reduce),
    ("Relu", arithmetic::unary),
    ("Reshape", rearranging::reshape),
    ("Selu", arithmetic::float_unary),
    ("Sigmoid", arithmetic::float_unary),
    ("Softmax", normalization::softmax),
    ("Softplus", arithmetic::float_unary),
    ("Softsign", arithmetic::float_unary),
    ("Sqrt", arithmetic::float_unary),
    ("Squeeze", rearranging::squeeze),
    ("Sub", arithmetic::binary),
    ("Tanh", arithmetic::float_unary),
    ("Transpose", rearranging::transpose),
    ("Unsqueeze", rearranging::unsqueeze),
];

/// The standard operators whose shapes can be inferred, in alphabetical order.
pub fn operators() -> impl Iterator<Item = &'static str> {
    RULES.iter().map(|rule| rule.0)
}

/// Infers every value's element type and shape: inputs, initializers, and what the nodes compute.
///
/// # Errors
/// Shapes that do not fit together (the error names the node and the shapes), operators without a rule, and graphs that
/// have no order of execution.
pub fn infer(graph: &Graph) -> Result<Shapes, GraphError> {
    let mut shapes: Shapes = graph.inputs.iter().map(|value| (value.name.clone(), value.clone())).collect();
    shapes.extend(graph.initializers.iter().map(|tensor| (tensor.name.clone(), declared(tensor))));
    let constants = constants(graph);
    for position in plan::order(graph)? {
        let node = &graph.nodes[position];
        let context = Context::new(graph, node, &shapes, &constants)?;
        for (name, (element, shape)) in node.outputs.iter().zip(rule(node)?(&context)?) {
            shapes.insert(name.clone(), Value::new(name, element, shape));
        }
    }
    Ok(shapes)
}

/// Infers and writes the result down: [`Graph::values`] then holds every value between the nodes, and the outputs
/// their inferred shapes.
///
/// # Errors
/// As [`infer`]; also an output whose declared element type or shape contradicts what is computed.
pub fn annotate(graph: &mut Graph) -> Result<(), GraphError> {
    let mut shapes = infer(graph)?;
    for output in &mut graph.outputs {
        let missing = || failure(format!("output `{}`", output.name), "nothing produces it");
        let computed = shapes.get(&output.name).ok_or_else(missing)?;
        check_output(output, computed)?;
        output.shape.clone_from(&computed.shape);
    }
    let outside = graph.inputs.iter().chain(&graph.outputs).map(|value| &value.name);
    for name in outside.chain(graph.initializers.iter().map(|tensor| &tensor.name)) {
        shapes.remove(name);
    }
    graph.values = shapes.into_values().filter(|value| !value.name.is_empty()).collect();
    Ok(())
}

fn check_output(declared: &Value, computed: &Value) -> Result<(), GraphError> {
    let fits = |(a, b): (&crate::Dim, &crate::Dim)| match (a.fixed(), b.fixed()) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    };
    let same_rank = declared.shape.len() == computed.shape.len();
    if declared.element == computed.element && same_rank && declared.shape.iter().zip(&computed.shape).all(fits) {
        return Ok(());
    }
    Err(failure(
        format!("output `{}`", declared.name),
        format!("it is declared as {declared} and computed as {computed}"),
    ))
}

fn failure(object: String, reason: impl Into<String>) -> GraphError {
    GraphError::new(GraphErrorKind::Shape, "infer the shape of", object, reason)
}

fn declared(tensor: &Initializer) -> Value {
    let shape = tensor.shape.iter().map(|&length| length.into()).collect();
    Value::new(&tensor.name, tensor.element, shape)
}

/// The most integers that a shape or a list of axes may have.
const MAX_INTEGERS: usize = 64;

/// Integers that are known before the graph runs: initializers, and what `Constant` nodes hold.
fn constants(graph: &Graph) -> HashMap<&str, Vec<i64>> {
    let short = |tensor: &&Initializer| tensor.shape.len() <= 1 && tensor.count() <= MAX_INTEGERS;
    let initializers = graph.initializers.iter().filter(short);
    let initializers = initializers.filter_map(|tensor| Some((tensor.name.as_str(), tensor.to_i64()?)));
    let nodes = graph.nodes.iter().filter(|node| node.operator == "Constant");
    let held = nodes.filter_map(|node| Some((node.outputs.first()?.as_str(), integers(node)?)));
    initializers.chain(held).collect()
}

fn integers(node: &Node) -> Option<Vec<i64>> {
    node.attributes.values().find_map(|attribute| match attribute {
        Attribute::Tensor(tensor) => tensor.to_i64(),
        Attribute::Int(number) => Some(vec![*number]),
        Attribute::Ints(numbers) => Some(numbers.clone()),
        _ => None,
    })
}

fn rule(node: &Node) -> Result<Rule, GraphError> {
    let found = RULES.binary_search_by_key(&node.operator.as_str(), |rule| rule.0).ok();
    let standard = found.filter(|_| node.domain.is_empty());
    standard.map(|position| RULES[position].1).ok_or_else(|| {
        let operation = "infer the shape of";
        GraphError::new(GraphErrorKind::Unsupported, operation, node.label(), "the operator is not known here")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(RULES.is_sorted_by_key(|rule| rule.0));
    }
}
