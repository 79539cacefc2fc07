//! Nodes that read constants alone are computed once, by whoever runs the graph.

use super::Changes;
use super::rewriter::{Id, Rewriter};
use crate::shape::Inference;
use crate::{Attribute, Data, ElementType, Graph, GraphError, Initializer, Node, Value};

/// How much larger than what it is computed from a folded constant may be, in bytes. What `Expand` or `ConstantOfShape`
/// blow up stays a node.
pub const MAX_GROWTH: usize = 1 << 20;

/// How many times larger a constant may be that is only stored in another type: 4-bit integers as single precision.
const MAX_WIDENING: usize = 8;

/// The operators that give something else each time.
pub(super) const RANDOM: [&str; 6] =
    ["Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"];

pub(super) fn run(rewriter: &mut Rewriter<'_>) -> Result<Changes, GraphError> {
    let mut changes = Changes::default();
    let mut inference = Inference::new(rewriter.graph());
    for id in rewriter.order()? {
        let ready = reads_constants(rewriter, rewriter.node(id)) && inference.visit(rewriter.node(id)).is_ok();
        let folded = match held(rewriter.node(id)) {
            Some(tensor) => Some(vec![tensor]),
            None if ready => computed(rewriter, id, &inference),
            None => None,
        };
        if let Some(tensors) = folded {
            tensors.iter().for_each(|tensor| inference.constant(tensor));
            changes.count(if rewriter.node(id).is("Constant") { "constant" } else { "computed" });
            rewriter.settle(id, tensors);
        }
    }
    Ok(changes)
}

/// What a `Constant` node holds, under the name of its output.
fn held(node: &Node) -> Option<Initializer> {
    let name = node.outputs.first().filter(|name| node.is("Constant") && !name.is_empty())?;
    let (_, attribute) = node.attributes.iter().find(|(form, _)| form.starts_with("value"))?;
    match attribute {
        Attribute::Tensor(tensor) => Some(Initializer { name: name.clone(), ..tensor.clone() }),
        Attribute::Int(number) => Some(Initializer::from_i64(name, Vec::new(), &[*number])),
        Attribute::Ints(numbers) => Some(Initializer::from_i64(name, vec![numbers.len()], numbers)),
        Attribute::Float(number) => Some(Initializer::from_f32(name, Vec::new(), &[*number])),
        Attribute::Floats(numbers) => Some(Initializer::from_f32(name, vec![numbers.len()], numbers)),
        Attribute::String(_) | Attribute::Strings(_) | Attribute::Graph(_) => None,
    }
}

/// Whether a node reads nothing that is not constant.
fn reads_constants(rewriter: &Rewriter<'_>, node: &Node) -> bool {
    node.inputs.iter().all(|name| name.is_empty() || rewriter.constant(name).is_some())
}

/// The outputs of a node, where all it reads is constant, what it gives is always the same, and not too large.
fn computed(rewriter: &mut Rewriter<'_>, id: Id, inference: &Inference) -> Option<Vec<Initializer>> {
    let node = rewriter.node(id);
    if !is_deterministic(node) {
        return None;
    }
    let outputs = outputs(node, inference)?;
    if node.is("Mul")
        && let Some(data) = deferred(rewriter, id, &outputs)
    {
        return Some(vec![data]);
    }
    let node = rewriter.node(id);
    let inputs = inputs(rewriter, node)?;
    let given = inputs.iter().fold(0_usize, |sum, tensor| sum.saturating_add(tensor.byte_length()));
    if !is_worth_holding(node, given, &outputs) {
        return None;
    }
    let graph = Graph {
        name: "constants".to_owned(),
        opset: rewriter.graph().opset,
        domains: rewriter.graph().domains.clone(),
        outputs,
        nodes: vec![node.clone()],
        initializers: inputs,
        ..Graph::default()
    };
    let tensors = rewriter.evaluate(&graph)?;
    let right = tensors.len() == graph.outputs.len() && tensors.iter().zip(&graph.outputs).all(|(a, b)| is_as(a, b));
    let named =
        tensors.into_iter().zip(graph.outputs).map(|(tensor, value)| Initializer { name: value.name, ..tensor });
    right.then(|| named.collect())
}

/// The product of weights and a factor, to be computed when it is read.
fn deferred(rewriter: &mut Rewriter<'_>, id: Id, outputs: &[Value]) -> Option<Initializer> {
    let [product] = outputs else { return None };
    let shape = product.shape.iter().map(crate::Dim::fixed).collect::<Option<Vec<usize>>>()?;
    let same = rewriter.constant(rewriter.node(id).input(0)?)?.shape == shape;
    let data = if same { rewriter.defer(id)? } else { return None };
    Some(Initializer { name: product.name.clone(), element: product.element, shape, data })
}

pub(super) fn is_deterministic(node: &Node) -> bool {
    let body = node.attributes.values().any(|attribute| attribute.as_graph().is_some());
    !body && !RANDOM.contains(&node.operator.as_str()) && !node.is("Dropout")
}

/// The outputs that have a name, where the shape of each is known.
fn outputs(node: &Node, inference: &Inference) -> Option<Vec<Value>> {
    let named = node.outputs.iter().filter(|name| !name.is_empty());
    named.map(|name| inference.value(name).filter(|value| bytes(value).is_some()).cloned()).collect()
}

/// How many bytes a value takes, where that is known.
fn bytes(value: &Value) -> Option<usize> {
    let mut lengths = value.shape.iter();
    let count = lengths.try_fold(1_usize, |count, length| count.checked_mul(length.fixed()?))?;
    value.element.byte_length(count)
}

fn inputs(rewriter: &Rewriter<'_>, node: &Node) -> Option<Vec<Initializer>> {
    let mut inputs: Vec<Initializer> = Vec::new();
    for name in node.inputs.iter().filter(|name| !name.is_empty()) {
        let tensor = rewriter.constant(name)?;
        if inputs.iter().all(|input| input.name != *name) {
            let data = Data::Inline(rewriter.bytes(tensor)?.into_owned());
            let (name, shape) = (name.clone(), tensor.shape.clone());
            inputs.push(Initializer { name, element: tensor.element, shape, data });
        }
    }
    Some(inputs)
}

fn is_worth_holding(node: &Node, given: usize, outputs: &[Value]) -> bool {
    let taken = outputs.iter().filter_map(bytes).fold(0_usize, usize::saturating_add);
    let widens = node.is("Cast") || node.is("DequantizeLinear");
    let fair = given.saturating_mul(if widens { MAX_WIDENING } else { 1 });
    taken <= fair.saturating_add(MAX_GROWTH)
}

/// Whether a computed tensor is what the shape says.
fn is_as(tensor: &Initializer, value: &Value) -> bool {
    let lengths = value.shape.iter().map(crate::Dim::fixed).collect::<Option<Vec<usize>>>();
    let whole = tensor.inline().is_some_and(|bytes| bytes.len() == tensor.byte_length());
    tensor.element == value.element
        && tensor.element != ElementType::Text
        && lengths.as_ref() == Some(&tensor.shape)
        && whole
}
