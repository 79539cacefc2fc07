//! Element types and shapes of every value, inferred from those of the inputs.
//!
//! Each operator has one rule, in the file of its family; the table here says which. A rule checks what it is given and
//! names the node and the shapes when they do not fit. A dynamic axis stays dynamic: it keeps its symbol where it is
//! passed on, and is compared with a fixed one only when the graph runs.

mod arithmetic;
mod context;
mod elements;
mod fused;
mod indexing;
mod inference;
mod linear;
mod normalization;
mod rearranging;
mod recurrent;
mod reduction;
mod size;
mod window;

use std::collections::BTreeMap;

use self::context::Context;
pub(crate) use self::elements::Element;
pub(crate) use self::inference::Inference;
pub(crate) use self::size::Size;
use crate::pass::FUSED_DOMAIN;
use crate::{Graph, GraphError, GraphErrorKind, Initializer, Node, Value, plan};

/// What is known of every value of a graph, by name.
pub type Shapes = BTreeMap<String, Value>;

/// What a rule says of a node's outputs, in order. It may know of fewer than the node has.
type Inferred = Result<Vec<context::Type>, GraphError>;

type Rule = fn(&Context<'_>) -> Inferred;

/// The standard operators with a rule.
const RULES: [(&str, Rule); 128] = [
    ("Abs", arithmetic::unary),
    ("Acos", arithmetic::float_unary),
    ("Acosh", arithmetic::float_unary),
    ("Add", arithmetic::binary),
    ("And", arithmetic::binary),
    ("ArgMax", reduction::search),
    ("ArgMin", reduction::search),
    ("Asin", arithmetic::float_unary),
    ("Asinh", arithmetic::float_unary),
    ("Atan", arithmetic::float_unary),
    ("Atanh", arithmetic::float_unary),
    ("Attention", linear::attention),
    ("AveragePool", window::pool),
    ("BatchNormalization", normalization::batch),
    ("BitwiseAnd", arithmetic::binary),
    ("BitwiseNot", arithmetic::unary),
    ("BitwiseOr", arithmetic::binary),
    ("BitwiseXor", arithmetic::binary),
    ("Cast", arithmetic::cast),
    ("Ceil", arithmetic::unary),
    ("Celu", arithmetic::float_unary),
    ("Clip", arithmetic::unary),
    ("Concat", rearranging::concat),
    ("Constant", arithmetic::constant),
    ("ConstantOfShape", indexing::constant_of_shape),
    ("Conv", window::convolution),
    ("Cos", arithmetic::float_unary),
    ("Cosh", arithmetic::float_unary),
    ("CumSum", arithmetic::unary),
    ("Div", arithmetic::binary),
    ("Dropout", arithmetic::dropout),
    ("Elu", arithmetic::float_unary),
    ("Equal", arithmetic::comparison),
    ("Erf", arithmetic::float_unary),
    ("Exp", arithmetic::float_unary),
    ("Expand", indexing::expand),
    ("Flatten", rearranging::flatten),
    ("Floor", arithmetic::unary),
    ("GRU", recurrent::layer),
    ("Gather", indexing::gather),
    ("GatherElements", indexing::gather_elements),
    ("GatherND", indexing::gather_nd),
    ("Gelu", arithmetic::float_unary),
    ("Gemm", linear::gemm),
    ("GlobalAveragePool", window::global_pool),
    ("GlobalLpPool", window::global_pool),
    ("GlobalMaxPool", window::global_pool),
    ("Greater", arithmetic::comparison),
    ("GreaterOrEqual", arithmetic::comparison),
    ("GroupNormalization", arithmetic::float_unary),
    ("HardSigmoid", arithmetic::float_unary),
    ("HardSwish", arithmetic::float_unary),
    ("Hardmax", arithmetic::float_unary),
    ("Identity", arithmetic::unary),
    ("InstanceNormalization", arithmetic::float_unary),
    ("IsInf", arithmetic::predicate),
    ("IsNaN", arithmetic::predicate),
    ("LRN", arithmetic::float_unary),
    ("LSTM", recurrent::layer),
    ("LayerNormalization", normalization::layer),
    ("LeakyRelu", arithmetic::float_unary),
    ("Less", arithmetic::comparison),
    ("LessOrEqual", arithmetic::comparison),
    ("Log", arithmetic::float_unary),
    ("LogSoftmax", normalization::softmax),
    ("LpNormalization", arithmetic::float_unary),
    ("LpPool", window::pool),
    ("MatMul", linear::matmul),
    ("Max", arithmetic::variadic),
    ("MaxPool", window::pool),
    ("Mean", arithmetic::variadic),
    ("Min", arithmetic::variadic),
    ("Mish", arithmetic::float_unary),
    ("Mod", arithmetic::binary),
    ("Mul", arithmetic::binary),
    ("Neg", arithmetic::unary),
    ("Not", arithmetic::unary),
    ("Or", arithmetic::binary),
    ("PRelu", arithmetic::binary),
    ("Pad", indexing::pad),
    ("Pow", arithmetic::power),
    ("RMSNormalization", arithmetic::float_unary),
    ("RNN", recurrent::layer),
    ("Range", indexing::range),
    ("Reciprocal", arithmetic::float_unary),
    ("ReduceL1", reduction::reduce),
    ("ReduceL2", reduction::reduce),
    ("ReduceLogSum", reduction::reduce),
    ("ReduceLogSumExp", reduction::reduce),
    ("ReduceMax", reduction::reduce),
    ("ReduceMean", reduction::reduce),
    ("ReduceMin", reduction::reduce),
    ("ReduceProd", reduction::reduce),
    ("ReduceSum", reduction::reduce),
    ("ReduceSumSquare", reduction::reduce),
    ("Relu", arithmetic::unary),
    ("Reshape", rearranging::reshape),
    ("RotaryEmbedding", arithmetic::float_unary),
    ("Round", arithmetic::unary),
    ("ScatterElements", arithmetic::unary),
    ("ScatterND", arithmetic::unary),
    ("Selu", arithmetic::float_unary),
    ("Shape", indexing::shape),
    ("Shrink", arithmetic::float_unary),
    ("Sigmoid", arithmetic::float_unary),
    ("Sign", arithmetic::unary),
    ("Sin", arithmetic::float_unary),
    ("Sinh", arithmetic::float_unary),
    ("Size", indexing::size),
    ("Slice", indexing::slice),
    ("Softmax", normalization::softmax),
    ("Softplus", arithmetic::float_unary),
    ("Softsign", arithmetic::float_unary),
    ("Split", indexing::split),
    ("Sqrt", arithmetic::float_unary),
    ("Squeeze", rearranging::squeeze),
    ("Sub", arithmetic::binary),
    ("Sum", arithmetic::variadic),
    ("Swish", arithmetic::float_unary),
    ("Tan", arithmetic::float_unary),
    ("Tanh", arithmetic::float_unary),
    ("ThresholdedRelu", arithmetic::unary),
    ("Tile", indexing::tile),
    ("Transpose", rearranging::transpose),
    ("Trilu", arithmetic::unary),
    ("Unsqueeze", rearranging::unsqueeze),
    ("Where", indexing::choose),
    ("Xor", arithmetic::binary),
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
    let mut inference = Inference::new(graph);
    for position in plan::order(graph)? {
        inference.visit(&graph.nodes[position])?;
    }
    Ok(inference.into_shapes())
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

fn rule(node: &Node) -> Result<Rule, GraphError> {
    let table: &[(&str, Rule)] = match node.domain.as_str() {
        "" => &RULES,
        FUSED_DOMAIN => &fused::RULES,
        _ => &[],
    };
    let found = table.binary_search_by_key(&node.operator.as_str(), |rule| rule.0);
    found.map(|position| table[position].1).map_err(|_| {
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
        assert!(fused::RULES.is_sorted_by_key(|rule| rule.0));
    }
}
