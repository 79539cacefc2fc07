//! Protocol buffers by hand: models that the encoder would never write.

/// A length-delimited field: text, bytes, a message.
pub(crate) fn field(number: u64, content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    [varint(number << 3 | 2), varint(content.len() as u64), content.to_vec()].concat()
}

/// An integer field.
pub(crate) fn integer(number: u64, value: i64) -> Vec<u8> {
    [varint(number << 3), varint(value as u64)].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A model of operator set 20 whose graph holds these fields, and nothing else.
pub(crate) fn model(graph: &[Vec<u8>]) -> Vec<u8> {
    let opset = field(8, integer(2, 20));
    [integer(1, 9), opset, field(7, graph.concat())].concat()
}

/// A tensor value of single precision: `ValueInfoProto`.
pub(crate) fn value(name: &str, dims: &[i64]) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|&dim| field(1, integer(1, dim))).collect();
    let tensor = [integer(1, 1), field(2, dims)].concat();
    [field(1, name), field(2, field(1, tensor))].concat()
}

/// A node: `NodeProto`, with more fields.
pub(crate) fn node(operator: &str, input: &str, output: &str, more: &[Vec<u8>]) -> Vec<u8> {
    [field(1, input), field(2, output), field(4, operator), more.concat()].concat()
}

/// A tensor: `TensorProto` of an element type, with more fields.
pub(crate) fn tensor(name: &str, dims: &[i64], element: i64, more: &[Vec<u8>]) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|&dim| integer(1, dim)).collect();
    [dims, integer(2, element), field(8, name), more.concat()].concat()
}

/// A key and a value: `StringStringEntryProto`.
pub(crate) fn entry(key: &str, value: &str) -> Vec<u8> {
    [field(1, key), field(2, value)].concat()
}
