//! From the bytes of a model file to a graph.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;

use super::proto::{self, attribute_type};
use super::{MAX_DEPTH, MAX_MODEL_BYTES, MAX_OPSET, MAX_RANK, MAX_RECORDS, counting, tensors};
use crate::{Attribute, Dim, ElementType, Form, Graph, GraphError, GraphErrorKind, Node, Value};

/// Reads a model file.
///
/// External data is not read: such initializers keep their location and range, which is proved to be a file beside the
/// model. Initializers that the model also lists as inputs (IR version 3) are taken as constants.
///
/// # Errors
/// Bytes that are not a model, a limit exceeded, an operator set newer than [`MAX_OPSET`], names given twice, and what
/// the [module](super) refuses.
pub fn decode(bytes: &[u8]) -> Result<Graph, GraphError> {
    if bytes.len() > MAX_MODEL_BYTES {
        let reason = format!("it has {} bytes, {MAX_MODEL_BYTES} are allowed", bytes.len());
        return Err(refuse(GraphErrorKind::Limit, "model", reason));
    }
    if counting::exceeds_limit(bytes) {
        return Err(refuse(GraphErrorKind::Limit, "model", format!("it has more than {MAX_RECORDS} records")));
    }
    let model = proto::Model::decode(bytes).map_err(|error| malformed("model", "").because(error))?;
    check_model(&model)?;
    let (opset, domains) = decode_opsets(&model.opset_import)?;
    let metadata = model.metadata_props.into_iter().map(|entry| (entry.key, entry.value)).collect();
    let body = model.graph.ok_or_else(|| malformed("model", "it holds no graph"))?;
    decode_graph(body, Graph { opset, domains, metadata, ..Graph::default() }, 0)
}

fn refuse(kind: GraphErrorKind, object: impl Into<String>, reason: impl Into<String>) -> GraphError {
    GraphError::new(kind, "decode", object, reason)
}

fn malformed(object: impl Into<String>, reason: impl Into<String>) -> GraphError {
    refuse(GraphErrorKind::Malformed, object, reason)
}

fn unsupported(object: impl Into<String>, reason: impl Into<String>) -> GraphError {
    refuse(GraphErrorKind::Unsupported, object, reason)
}

fn check_model(model: &proto::Model) -> Result<(), GraphError> {
    if model.ir_version < 3 {
        return Err(unsupported("model", format!("its IR version is {}, at least 3 is wanted", model.ir_version)));
    }
    if !model.functions.is_empty() {
        return Err(unsupported("model", "it defines local functions")
            .advise("inline them: `onnx.inliner.inline_local_functions`"));
    }
    if !model.training_info.is_empty() {
        return Err(unsupported("model", "it holds training information"));
    }
    Ok(())
}

fn decode_opsets(imports: &[proto::OperatorSet]) -> Result<(u32, BTreeMap<String, u32>), GraphError> {
    let mut versions = BTreeMap::new();
    for import in imports {
        let domain = if import.domain == "ai.onnx" { "" } else { &import.domain };
        let version = u32::try_from(import.version)
            .map_err(|_| malformed(format!("operator set `{domain}`"), format!("its version is {}", import.version)))?;
        if versions.insert(domain.to_owned(), version).is_some_and(|other| other != version) {
            return Err(malformed(format!("operator set `{domain}`"), "it is imported in two versions"));
        }
    }
    let alone = if versions.is_empty() { None } else { Some(1) };
    let standard = versions.remove("").or(alone);
    let standard = standard.ok_or_else(|| malformed("model", "it imports no operator set"))?;
    if standard == 0 || standard > MAX_OPSET {
        return Err(unsupported("model", format!("its operator set is {standard}, 1 to {MAX_OPSET} are read")));
    }
    Ok((standard, versions))
}

/// A graph at some depth: 0 is the model's own, what is below is the body of a node.
fn decode_graph(body: proto::Graph, head: Graph, depth: usize) -> Result<Graph, GraphError> {
    if depth > MAX_DEPTH {
        return Err(refuse(GraphErrorKind::Limit, "graph", format!("it has bodies within bodies, {MAX_DEPTH} deep")));
    }
    if !body.sparse_initializer.is_empty() {
        return Err(unsupported("graph", "it holds sparse tensors"));
    }
    let initializers = body.initializer.into_iter().map(tensors::decode).collect::<Result<Vec<_>, _>>()?;
    let constants: BTreeSet<&str> = initializers.iter().map(|tensor| tensor.name.as_str()).collect();
    let fed = body.input.into_iter().filter(|input| !constants.contains(input.name.as_str()));
    let inputs = fed.map(|input| decode_input(input, depth)).collect::<Result<_, _>>()?;
    let mut values = Vec::new();
    for value in body.value_info {
        values.extend(decode_value("value", value)?.ok());
    }
    let nodes = body.node.into_iter().map(|node| decode_node(node, depth)).collect::<Result<_, _>>()?;
    let mut graph = Graph { name: body.name, inputs, nodes, initializers, values, ..head };
    graph.captures = if depth > 0 { captures(&graph, &body.output) } else { Vec::new() };
    graph.outputs = decode_outputs(body.output, &graph, depth)?;
    crate::plan::order(&graph)?;
    Ok(graph)
}

/// A value whose rank is not known.
struct Unranked {
    name: String,
    element: ElementType,
}

fn decode_value(role: &str, value: proto::ValueInfo) -> Result<Result<Value, Unranked>, GraphError> {
    let label = format!("{role} `{}`", value.name);
    let (form, tensor) = value
        .r#type
        .and_then(form)
        .ok_or_else(|| unsupported(&label, "it is neither a tensor nor a sequence or option of tensors"))?;
    if form != Form::Tensor {
        let element = ElementType::from_onnx_code(tensor.elem_type).unwrap_or(ElementType::F32);
        return Ok(Ok(Value { name: value.name, element, shape: Vec::new(), form }));
    }
    let element = ElementType::from_onnx_code(tensor.elem_type).ok_or_else(|| {
        unsupported(&label, format!("its element type is number {} of TensorProto.DataType", tensor.elem_type))
    })?;
    let Some(shape) = tensor.shape else {
        return Ok(Err(Unranked { name: value.name, element }));
    };
    if shape.dim.len() > MAX_RANK {
        let reason = format!("it has {} axes, {MAX_RANK} are allowed", shape.dim.len());
        return Err(refuse(GraphErrorKind::Limit, label, reason));
    }
    let dims = shape.dim.into_iter().map(|dim| decode_dim(&label, dim)).collect::<Result<_, _>>()?;
    Ok(Ok(Value { name: value.name, element, shape: dims, form }))
}

/// A sequence or option of tensors, or a tensor.
fn form(kind: proto::Type) -> Option<(Form, proto::TensorType)> {
    let inside = |nested: proto::Nested| nested.elem_type.map(|kind| *kind);
    if let Some(tensor) = kind.tensor_type {
        return Some((Form::Tensor, tensor));
    }
    if let Some(sequence) = kind.sequence_type {
        return Some((Form::Sequence, inside(*sequence)?.tensor_type?));
    }
    let held = inside(*kind.optional_type?)?;
    match held.sequence_type {
        Some(sequence) => Some((Form::OptionalSequence, inside(*sequence)?.tensor_type?)),
        None => Some((Form::Optional, held.tensor_type?)),
    }
}

/// The inputs of a body may leave out their shape, and their type too.
fn decode_input(input: proto::ValueInfo, depth: usize) -> Result<Value, GraphError> {
    let typed = input.r#type.as_ref().is_some_and(|kind| kind != &proto::Type::default());
    if depth > 0 && !typed {
        return Ok(Value::new(input.name, ElementType::F32, Vec::new()));
    }
    let unranked = match decode_value("input", input)? {
        Ok(value) => return Ok(value),
        Err(unranked) => unranked,
    };
    if depth > 0 {
        return Ok(Value::new(unranked.name, unranked.element, Vec::new()));
    }
    Err(unsupported(format!("input `{}`", unranked.name), "it does not say how many axes it has"))
}

/// What a body reads and does not compute itself: it comes from the graph around it.
fn captures(body: &Graph, outputs: &[proto::ValueInfo]) -> Vec<String> {
    let inputs = body.inputs.iter().map(|value| &value.name);
    let computed = body.nodes.iter().flat_map(|node| &node.outputs);
    let own: BTreeSet<&str> =
        inputs.chain(body.initializers.iter().map(|tensor| &tensor.name)).chain(computed).map(String::as_str).collect();
    let read = body.nodes.iter().flat_map(Node::reads);
    let wanted = read.chain(outputs.iter().map(|output| output.name.as_str()));
    let foreign: BTreeSet<&str> = wanted.filter(|name| !name.is_empty() && !own.contains(name)).collect();
    foreign.into_iter().map(str::to_owned).collect()
}

fn decode_dim(label: &str, dim: proto::Dimension) -> Result<Dim, GraphError> {
    match (dim.dim_value, dim.dim_param) {
        (Some(length), _) => {
            let length = usize::try_from(length);
            length.map(Dim::Fixed).map_err(|_| malformed(label, "an axis has a negative length"))
        }
        (None, symbol) => Ok(Dim::Dynamic(symbol.unwrap_or_default())),
    }
}

/// Outputs may leave their shape out; it is then inferred.
fn decode_outputs(outputs: Vec<proto::ValueInfo>, graph: &Graph, depth: usize) -> Result<Vec<Value>, GraphError> {
    let mut decoded = Vec::with_capacity(outputs.len());
    for output in outputs {
        if depth > 0 {
            decoded.push(decode_input(output, depth)?);
            continue;
        }
        decoded.push(match decode_value("output", output)? {
            Ok(value) => value,
            Err(unranked) => infer_output(unranked, graph)?,
        });
    }
    Ok(decoded)
}

fn infer_output(output: Unranked, graph: &Graph) -> Result<Value, GraphError> {
    let label = format!("output `{}`", output.name);
    let shapes = crate::shape::infer(graph)?;
    let found = shapes.get(&output.name).cloned();
    let value = found.ok_or_else(|| malformed(&label, "nothing produces it"))?;
    if value.element != output.element {
        return Err(malformed(label, format!("it is declared {} and computed {}", output.element, value.element)));
    }
    Ok(value)
}

fn decode_node(node: proto::Node, depth: usize) -> Result<Node, GraphError> {
    let mut decoded = Node {
        name: node.name,
        operator: node.op_type,
        domain: if node.domain == "ai.onnx" { String::new() } else { node.domain },
        inputs: node.input,
        outputs: node.output,
        attributes: BTreeMap::new(),
    };
    let label = decoded.label();
    if decoded.operator.is_empty() || decoded.outputs.iter().all(String::is_empty) {
        return Err(malformed(label, "it lacks an operator or an output"));
    }
    if !node.overload.is_empty() {
        return Err(unsupported(label, "it calls an overloaded function"));
    }
    for attribute in node.attribute {
        let name = attribute.name.clone();
        let value = decode_attribute(&label, attribute, depth)?;
        if decoded.attributes.insert(name.clone(), value).is_some() {
            return Err(malformed(label, format!("attribute `{name}` is given twice")));
        }
    }
    Ok(decoded)
}

fn decode_attribute(node: &str, attribute: proto::Attribute, depth: usize) -> Result<Attribute, GraphError> {
    let label = format!("attribute `{}` of {node}", attribute.name);
    let text = |bytes| String::from_utf8(bytes).map_err(|error| malformed(&label, "").because(error));
    if !attribute.ref_attr_name.is_empty() {
        return Err(unsupported(label, "it refers to a function's argument"));
    }
    match attribute.r#type {
        attribute_type::FLOAT => Ok(Attribute::Float(attribute.f.unwrap_or_default())),
        attribute_type::INT => Ok(Attribute::Int(attribute.i.unwrap_or_default())),
        attribute_type::STRING => text(attribute.s.unwrap_or_default()).map(Attribute::String),
        attribute_type::TENSOR => decode_constant(&label, attribute.t),
        attribute_type::FLOATS => Ok(Attribute::Floats(attribute.floats)),
        attribute_type::INTS => Ok(Attribute::Ints(attribute.ints)),
        attribute_type::STRINGS => {
            attribute.strings.into_iter().map(text).collect::<Result<_, _>>().map(Attribute::Strings)
        }
        attribute_type::GRAPH => {
            let body = attribute.g.ok_or_else(|| malformed(&label, "its graph is missing"))?;
            let body = decode_graph(*body, Graph::default(), depth + 1)?;
            Ok(Attribute::Graph(Box::new(body)))
        }
        other => Err(unsupported(label, format!("its type is number {other} of AttributeProto.AttributeType"))),
    }
}

fn decode_constant(label: &str, tensor: Option<proto::Tensor>) -> Result<Attribute, GraphError> {
    let tensor = tensors::decode(tensor.ok_or_else(|| malformed(label, "its tensor is missing"))?)?;
    if tensor.inline().is_none() {
        return Err(unsupported(label, "its tensor is external"));
    }
    Ok(Attribute::Tensor(tensor))
}
