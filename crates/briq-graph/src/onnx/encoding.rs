//! From a graph to the bytes of a model file.

use std::collections::BTreeMap;

use prost::Message;

use super::proto::{self, attribute_type};
use super::{IR_VERSION, tensors};
use crate::{Attribute, Dim, Graph, GraphError, Node, Value};

/// The bytes of a model file: a function of the graph alone, so equal graphs give equal bytes.
///
/// # Errors
/// An initializer that was declared and never filled, or whose bytes do not follow from its shape.
pub fn encode(graph: &Graph) -> Result<Vec<u8>, GraphError> {
    let initializer = graph.initializers.iter().map(tensors::encode).collect::<Result<_, _>>()?;
    let node = graph.nodes.iter().map(encode_node).collect::<Result<_, _>>()?;
    let body = proto::Graph {
        name: graph.name.clone(),
        node,
        initializer,
        input: graph.inputs.iter().map(encode_value).collect(),
        output: graph.outputs.iter().map(encode_value).collect(),
        value_info: graph.values.iter().map(encode_value).collect(),
        sparse_initializer: Vec::new(),
    };
    let model = proto::Model {
        ir_version: IR_VERSION,
        producer_name: "briq".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        graph: Some(body),
        opset_import: encode_opsets(graph),
        metadata_props: encode_metadata(&graph.metadata),
        ..proto::Model::default()
    };
    Ok(model.encode_to_vec())
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
    proto::ValueInfo { name: value.name.clone(), r#type: Some(proto::Type { tensor_type: Some(tensor_type) }) }
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
