//! Random inputs that a network can answer: what golden examples of an import are recorded on.

use briq_engine::{DataType, Tensor, TensorSpec};
use briq_graph::{Graph, Node};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Examples that are recorded.
const EXAMPLES: usize = 4;

/// Operators that hand indices on as they are.
const HANDING_ON: [&str; 8] = ["Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Flatten", "Expand"];

/// One tensor for each input; the error says for which there can be none.
pub(crate) fn inputs(graph: &Graph, specs: &[TensorSpec]) -> Result<Vec<Tensor>, String> {
    let mut random = ChaCha8Rng::seed_from_u64(0);
    specs.iter().map(|spec| input(graph, spec, &mut random)).collect()
}

fn input(graph: &Graph, spec: &TensorSpec, random: &mut ChaCha8Rng) -> Result<Tensor, String> {
    let shape = shape(spec)?;
    let count: usize = shape.iter().product();
    if spec.datatype == DataType::Fp32 {
        let values: Vec<f32> = (0..count).map(|_| random.random_range(-1.0..=1.0)).collect();
        return Ok(Tensor::from_f32(&spec.name, &shape, &values));
    }
    let Some(bytes) = little_endian(spec.datatype) else {
        return Err(format!("input `{}` is {}", spec.name, spec.datatype));
    };
    let unknown = || format!("input `{}` is {}, and no table says how large it may be", spec.name, spec.datatype);
    let bound = table_length(graph, &spec.name).ok_or_else(unknown)?.clamp(1, largest(spec.datatype));
    let data = (0..count).flat_map(|_| bytes(random.random_range(0..bound) as i64)).collect();
    Ok(Tensor { name: spec.name.clone(), datatype: spec.datatype, shape, data })
}

fn shape(spec: &TensorSpec) -> Result<Vec<usize>, String> {
    let mut shape = Vec::with_capacity(spec.shape.len());
    for (axis, &length) in spec.shape.iter().enumerate() {
        let open = || format!("dimension {axis} of input `{}` is open", spec.name);
        shape.push(if axis == 0 && length < 0 { EXAMPLES } else { usize::try_from(length).map_err(|_| open())? });
    }
    Ok(shape)
}

/// How an integer of a type is written; nothing for other types.
fn little_endian(datatype: DataType) -> Option<fn(i64) -> Vec<u8>> {
    Some(match datatype {
        DataType::Int64 | DataType::Uint64 => |number| number.to_le_bytes().to_vec(),
        DataType::Int32 | DataType::Uint32 => |number| (number as i32).to_le_bytes().to_vec(),
        DataType::Int16 | DataType::Uint16 => |number| (number as i16).to_le_bytes().to_vec(),
        DataType::Int8 | DataType::Uint8 => |number| (number as i8).to_le_bytes().to_vec(),
        _ => return None,
    })
}

/// The first number that does not fit, for the narrow types.
fn largest(datatype: DataType) -> usize {
    match datatype {
        DataType::Int8 | DataType::Uint8 => 1 << 7,
        DataType::Int16 | DataType::Uint16 => 1 << 15,
        _ => 1 << 31,
    }
}

/// How many rows the smallest table has that an input indexes; nothing where it is used in any other way.
fn table_length(graph: &Graph, input: &str) -> Option<usize> {
    let mut names = vec![input];
    let mut shortest: Option<usize> = None;
    let mut at = 0;
    while let Some(&name) = names.get(at) {
        at += 1;
        for node in graph.nodes.iter().filter(|node| node.reads().any(|read| read == name)) {
            if HANDING_ON.contains(&node.operator.as_str()) && node.input(0) == Some(name) {
                names.extend(
                    node.outputs
                        .iter()
                        .map(String::as_str)
                        .filter(|output| !names.contains(output))
                        .collect::<Vec<_>>(),
                );
            } else {
                let length = gathered(graph, node, name)?;
                shortest = Some(shortest.map_or(length, |known| known.min(length)));
            }
        }
    }
    shortest
}

/// The length of the axis that a `Gather` indexes, where its table is constant.
fn gathered(graph: &Graph, node: &Node, indices: &str) -> Option<usize> {
    if node.operator != "Gather" || node.input(1) != Some(indices) {
        return None;
    }
    let table = graph.initializer(node.input(0)?)?;
    let axis = node.attributes.get("axis").and_then(briq_graph::Attribute::as_int).unwrap_or(0);
    let axis = if axis < 0 { axis + table.shape.len() as i64 } else { axis };
    table.shape.get(usize::try_from(axis).ok()?).copied()
}
