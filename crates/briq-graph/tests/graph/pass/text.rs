//! Graphs as text, there and back.

use briq_graph::{Attribute, Data, Dim, ElementType, Graph, Initializer, Node, Value};

/// Reads a graph; each line is an input, an output, a constant or a node.
pub(super) fn parse(text: &str) -> Graph {
    let mut graph = Graph { name: "test".into(), opset: 20, ..Graph::default() };
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(value) = line.strip_prefix("in ") {
            graph.inputs.push(value_of(value));
        } else if let Some(value) = line.strip_prefix("out ") {
            graph.outputs.push(value_of(value));
        } else if let Some(opset) = line.strip_prefix("opset ") {
            graph.opset = opset.parse().unwrap();
        } else {
            let (names, right) = line.split_once(" = ").unwrap();
            match right.split_once('(') {
                Some((operator, rest)) => graph.nodes.push(node(names, operator, rest)),
                None => graph.initializers.push(constant(names, right)),
            }
        }
    }
    graph
}

/// `x [n, 4]`, or `x i64 [3]`.
fn value_of(text: &str) -> Value {
    let (name, rest) = text.split_once(' ').unwrap_or((text, "[]"));
    let (element, shape) = match rest.strip_prefix("i64 ") {
        Some(shape) => (ElementType::I64, shape),
        None => (ElementType::F32, rest),
    };
    let dim = |axis: &str| axis.parse().map_or_else(|_| Dim::Dynamic(axis.trim_matches('?').to_owned()), Dim::Fixed);
    Value::new(name, element, list(shape).into_iter().map(dim).collect())
}

fn list(text: &str) -> Vec<&str> {
    let inside = text.trim().trim_start_matches('[').trim_end_matches(']');
    inside.split(',').map(str::trim).filter(|item| !item.is_empty()).collect()
}

/// `0.5`, `ints 1, -1`, `int 1`, or `f32 [2, 3]`, whose numbers are chosen here and positive.
fn constant(name: &str, text: &str) -> Initializer {
    if let Some(numbers) = text.strip_prefix("ints ") {
        let numbers: Vec<i64> = list(numbers).iter().map(|number| number.parse().unwrap()).collect();
        return Initializer::from_i64(name, vec![numbers.len()], &numbers);
    }
    if let Some(number) = text.strip_prefix("int ") {
        return Initializer::from_i64(name, vec![], &[number.parse().unwrap()]);
    }
    if let Some(shape) = text.strip_prefix("f32 ") {
        let shape: Vec<usize> = list(shape).iter().map(|length| length.parse().unwrap()).collect();
        let salt: usize = name.bytes().map(usize::from).sum();
        let count = shape.iter().product::<usize>();
        let numbers: Vec<f32> = (0..count).map(|at| 0.1 + ((at * 37 + salt) % 101) as f32 / 101.0).collect();
        return Initializer::from_f32(name, shape, &numbers);
    }
    Initializer::from_f32(name, vec![], &[text.parse().unwrap()])
}

fn node(outputs: &str, operator: &str, rest: &str) -> Node {
    let (inputs, attributes) = rest.split_once(')').unwrap();
    let names = |text: &str| -> Vec<String> { text.split(',').map(|name| name.trim().replace('_', "")).collect() };
    let (domain, operator) = operator.split_once('.').unwrap_or(("", operator));
    let inputs = if inputs.is_empty() { Vec::new() } else { names(inputs) };
    let mut node = Node { domain: domain.into(), inputs, outputs: names(outputs), ..Node::new("", operator, &[], &[]) };
    for pair in attributes.split_whitespace() {
        let (name, value) = pair.split_once('=').unwrap();
        node.attributes.insert(name.into(), attribute(value));
    }
    node
}

/// `1`, `0.5`, `[1,2]`, or text.
fn attribute(text: &str) -> Attribute {
    if text.starts_with('[') {
        return Attribute::Ints(list(text).iter().map(|number| number.parse().unwrap()).collect());
    }
    let integer = text.parse().map(Attribute::Int).ok();
    let number = || text.parse().map(Attribute::Float).ok();
    integer.or_else(number).unwrap_or_else(|| Attribute::String(text.to_owned()))
}

/// One line for each constant of integers and for each node, then what comes out.
pub(super) fn print(graph: &Graph) -> String {
    let constants = graph.initializers.iter().map(|tensor| match (&tensor.data, tensor.to_i64()) {
        (_, Some(numbers)) => format!("{} = {numbers:?}\n", tensor.name),
        (Data::Inline(bytes), None) if bytes.len() == 4 => {
            format!("{} = {}\n", tensor.name, f32::from_le_bytes(bytes[..4].try_into().unwrap()))
        }
        _ => format!("{} = {}{:?}\n", tensor.name, tensor.element, tensor.shape),
    });
    let constants: String = constants.collect();
    let nodes: String = graph.nodes.iter().map(line).collect();
    let outputs: Vec<String> = graph.outputs.iter().map(|value| value.name.clone()).collect();
    format!("{constants}{nodes}-> {}\n", outputs.join(", "))
}

fn line(node: &Node) -> String {
    let domain = if node.domain.is_empty() { String::new() } else { format!("{}.", node.domain) };
    let names = |names: &[String]| -> String {
        names.iter().map(|name| if name.is_empty() { "_" } else { name }).collect::<Vec<_>>().join(", ")
    };
    let attributes: String = node.attributes.iter().map(|(name, value)| format!(" {name}={}", shown(value))).collect();
    format!("{} = {domain}{}({}){attributes}\n", names(&node.outputs), node.operator, names(&node.inputs))
}

fn shown(attribute: &Attribute) -> String {
    match attribute {
        Attribute::Int(number) => number.to_string(),
        Attribute::Float(number) => format!("{number:?}"),
        Attribute::Ints(numbers) => format!("{numbers:?}"),
        Attribute::String(text) => text.clone(),
        other => format!("{other:?}"),
    }
}
