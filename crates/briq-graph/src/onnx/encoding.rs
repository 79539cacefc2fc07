//! From a graph to the bytes of a model file.

use std::collections::BTreeMap;

use prost::Message;

use super::proto::{self, attribute_type};
use super::{IR_VERSION, tensors};
use crate::{Attribute, Dim, Form, Graph, GraphError, Node, Value};

/// The bytes of a model file: a function of the graph alone, so equal graphs give equal bytes.
///
/// # Errors
/// An initializer that was declared and never filled, or whose bytes do not follow from its shape.
pub fn encode(graph: &Graph) -> Result<Vec<u8>, GraphError> {
    let model = proto::Model {
        ir_version: IR_VERSION,
        producer_name: "briq".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        graph: Some(encode_graph(graph)?),
        opset_import: encode_opsets(graph),
        metadata_props: encode_metadata(&graph.metadata),
        ..proto::Model::default()
    };
    Ok(model.encode_to_vec())
}

fn encode_graph(graph: &Graph) -> Result<proto::Graph, GraphError> {
    Ok(proto::Graph {
        name: graph.name.clone(),
        node: graph.nodes.iter().map(encode_node).collect::<Result<_, _>>()?,
        initializer: graph.initializers.iter().map(tensors::encode).collect::<Result<_, _>>()?,
        input: graph.inputs.iter().map(encode_value).collect(),
        output: graph.outputs.iter().map(encode_value).collect(),
        value_info: graph.values.iter().map(encode_value).collect(),
        sparse_initializer: Vec::new(),
    })
}

fn encode_opsets(graph: &Graph) -> Vec<proto::OperatorSet> {
    let standard = (String::new(), i64::from(graph.opset));
    let others = graph.domains.iter().map(|(domain, version)| (domain.clone(), i64::from(*version)));
    let all = std::iter::once(standard).chain(others);
    all.map(|(domain, version)| proto::OperatorSet { domain, version }).collect()
}

fn encode_metadata(metadata: &BTreeMap<String, String>) -> Vec<proto::Entry> {
    metadata.iter().map(|(key, value)| proto::Entry { key: key.clone(), value: value.clone() }).collect()
}

fn encode_value(value: &Value) -> proto::ValueInfo {
    let dim = value.shape.iter().map(encode_dim).collect();
    let tensor_type = proto::TensorType { elem_type: value.element.onnx_code(), shape: Some(proto::Shape { dim }) };
    let tensor = proto::Type { tensor_type: Some(tensor_type), ..proto::Type::default() };
    proto::ValueInfo { name: value.name.clone(), r#type: Some(encode_form(value.form, tensor)) }
}

fn encode_form(form: Form, tensor: proto::Type) -> proto::Type {
    let nested = |inner| Some(Box::new(proto::Nested { elem_type: Some(Box::new(inner)) }));
    let sequence = |inner| proto::Type { sequence_type: nested(inner), ..proto::Type::default() };
    let optional = |inner| proto::Type { optional_type: nested(inner), ..proto::Type::default() };
    match form {
        Form::Tensor => tensor,
        Form::Sequence => sequence(tensor),
        Form::Optional => optional(tensor),
        Form::OptionalSequence => optional(sequence(tensor)),
    }
}

fn encode_dim(dim: &Dim) -> proto::Dimension {
    match dim {
        Dim::Fixed(length) => proto::Dimension { dim_value: Some(*length as i64), dim_param: None },
        Dim::Dynamic(symbol) if symbol.is_empty() => proto::Dimension::default(),
        Dim::Dynamic(symbol) => proto::Dimension { dim_value: None, dim_param: Some(symbol.clone()) },
    }
}

fn encode_node(node: &Node) -> Result<proto::Node, GraphError> {
    let attributes = node.attributes.iter();
    Ok(proto::Node {
        input: node.inputs.clone(),
        output: node.outputs.clone(),
        name: node.name.clone(),
        op_type: node.operator.clone(),
        attribute: attributes.map(|(name, value)| encode_attribute(name, value)).collect::<Result<_, _>>()?,
        domain: node.domain.clone(),
        overload: String::new(),
    })
}

fn encode_attribute(name: &str, attribute: &Attribute) -> Result<proto::Attribute, GraphError> {
    let mut encoded = proto::Attribute { name: name.to_owned(), ..proto::Attribute::default() };
    encoded.r#type = match attribute {
        Attribute::Float(number) => {
            encoded.f = Some(*number);
            attribute_type::FLOAT
        }
        Attribute::Int(number) => {
            encoded.i = Some(*number);
            attribute_type::INT
        }
        Attribute::String(text) => {
            encoded.s = Some(text.clone().into_bytes());
            attribute_type::STRING
        }
        Attribute::Tensor(tensor) => {
            encoded.t = Some(tensors::encode(tensor)?);
            attribute_type::TENSOR
        }
        Attribute::Graph(body) => {
            encoded.g = Some(Box::new(encode_graph(body)?));
            attribute_type::GRAPH
        }
        Attribute::Floats(numbers) => {
            encoded.floats.clone_from(numbers);
            attribute_type::FLOATS
        }
        Attribute::Ints(numbers) => {
            encoded.ints.clone_from(numbers);
            attribute_type::INTS
        }
        Attribute::Strings(texts) => {
            encoded.strings = texts.iter().map(|text| text.clone().into_bytes()).collect();
            attribute_type::STRINGS
        }
    };
    Ok(encoded)
}
