//! From tensors to a shard.

use std::collections::BTreeMap;
use std::io::Write;

use serde::Serialize;

use super::{ALIGNMENT, MAX_HEADER_BYTES, Placed, Tensor};
use crate::{Data, Graph, GraphError, GraphErrorKind};

/// Writes a shard and says where each tensor went, in the order given.
///
/// `metadata` becomes the header's `__metadata__`; it may be empty. Nothing is buffered but the header.
///
/// # Errors
/// A name that is empty, reserved or given twice, data whose length does not follow from the shape, and failures of `out`.
pub fn write(
    tensors: &[Tensor<'_>],
    metadata: &BTreeMap<String, String>,
    out: &mut impl Write,
) -> Result<Vec<Placed>, GraphError> {
    check(tensors)?;
    let order = order(tensors);
    let header = header(tensors, &order, metadata)?;
    let io = |tensor: &str| {
        let object = format!("`{tensor}`");
        move |error: std::io::Error| failure(GraphErrorKind::Io, object, "").because(error)
    };
    out.write_all(&(header.len() as u64).to_le_bytes()).map_err(io("header"))?;
    out.write_all(&header).map_err(io("header"))?;
    for &position in &order {
        out.write_all(tensors[position].data).map_err(io(tensors[position].name))?;
    }
    Ok(place(tensors, &order, 8 + header.len() as u64))
}

/// Points the graph's initializers of those names at a shard, dropping the bytes that they held.
///
/// # Errors
/// A tensor that the graph does not have, or has with another element type or shape.
pub fn externalize(graph: &mut Graph, location: &str, tensors: &[Placed]) -> Result<(), GraphError> {
    let mut wanted: BTreeMap<&str, &Placed> = tensors.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
    for initializer in &mut graph.initializers {
        let Some(placed) = wanted.remove(initializer.name.as_str()) else { continue };
        if (initializer.element, &initializer.shape) != (placed.element, &placed.shape) {
            return Err(mismatch(initializer, placed));
        }
        initializer.data =
            Data::External { location: location.to_owned(), offset: placed.offset, length: placed.length };
    }
    match wanted.first_key_value() {
        Some((name, _)) => Err(GraphError::new(
            GraphErrorKind::Shape,
            "attach",
            format!("tensor `{name}`"),
            "the graph has none of that name",
        )),
        None => Ok(()),
    }
}

fn mismatch(initializer: &crate::Initializer, placed: &Placed) -> GraphError {
    let declared = format!("{}{}", initializer.element, crate::brackets(&initializer.shape));
    let stored = format!("{}{}", placed.element, crate::brackets(&placed.shape));
    let reason = format!("the graph declares {declared}, the shard holds {stored}");
    GraphError::new(GraphErrorKind::Shape, "attach", format!("tensor `{}`", placed.name), reason)
}

fn check(tensors: &[Tensor<'_>]) -> Result<(), GraphError> {
    let mut seen = std::collections::BTreeSet::new();
    for tensor in tensors {
        let object = format!("tensor `{}`", tensor.name);
        if tensor.name.is_empty() || tensor.name == "__metadata__" {
            return Err(failure(GraphErrorKind::Malformed, object, "the name is reserved"));
        }
        if !seen.insert(tensor.name) {
            return Err(failure(GraphErrorKind::Malformed, object, "the name is given twice"));
        }
        if tensor.element.bits() < 8 {
            let reason = format!("a shard holds no {}", tensor.element);
            return Err(failure(GraphErrorKind::Unsupported, object, reason));
        }
        let count = tensor.shape.iter().copied().fold(1_usize, usize::saturating_mul);
        let expected = tensor.element.byte_length(count).unwrap_or(usize::MAX);
        if expected != tensor.data.len() {
            let shape = crate::brackets(tensor.shape);
            let reason = format!("{}{shape} takes {expected} bytes, got {}", tensor.element, tensor.data.len());
            return Err(failure(GraphErrorKind::Shape, object, reason));
        }
    }
    Ok(())
}

fn failure(kind: GraphErrorKind, object: impl Into<String>, reason: impl Into<String>) -> GraphError {
    GraphError::new(kind, "write", object, reason)
}

/// The largest power of two, up to [`ALIGNMENT`], that divides a length; an empty tensor fits anywhere.
fn alignment(length: usize) -> u64 {
    if length == 0 { ALIGNMENT } else { ALIGNMENT.min(1 << length.trailing_zeros().min(6)) }
}

fn order(tensors: &[Tensor<'_>]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..tensors.len()).collect();
    order.sort_by_key(|&position| std::cmp::Reverse(alignment(tensors[position].data.len())));
    order
}

/// One member of the header. Typed, because the order of members must not depend on how `serde_json` was built.
#[derive(Serialize)]
#[serde(untagged)]
enum Member<'a> {
    Metadata(&'a BTreeMap<String, String>),
    Tensor { dtype: &'static str, shape: Vec<usize>, data_offsets: [u64; 2] },
}

fn header(tensors: &[Tensor<'_>], order: &[usize], metadata: &BTreeMap<String, String>) -> Result<Vec<u8>, GraphError> {
    let mut header: BTreeMap<String, Member<'_>> = BTreeMap::new();
    if !metadata.is_empty() {
        header.insert("__metadata__".to_owned(), Member::Metadata(metadata));
    }
    for placed in place(tensors, order, 0) {
        let data_offsets = [placed.offset, placed.offset + placed.length];
        let member = Member::Tensor { dtype: placed.element.name(), shape: placed.shape, data_offsets };
        header.insert(placed.name, member);
    }
    let mut bytes = serde_json::to_vec(&header).expect("strings and integers always serialise");
    let padded = (8 + bytes.len() as u64).next_multiple_of(ALIGNMENT) - 8;
    bytes.resize(padded as usize, b' ');
    if padded > MAX_HEADER_BYTES {
        let reason = format!("it takes {padded} bytes, {MAX_HEADER_BYTES} are allowed");
        return Err(failure(GraphErrorKind::Limit, "the header", reason));
    }
    Ok(bytes)
}

/// Where each tensor goes, in the given order, when the data section starts at `start`.
fn place(tensors: &[Tensor<'_>], order: &[usize], start: u64) -> Vec<Placed> {
    let mut offsets = vec![0; tensors.len()];
    let mut next = start;
    for &position in order {
        offsets[position] = next;
        next += tensors[position].data.len() as u64;
    }
    let placed = tensors.iter().zip(offsets).map(|(tensor, offset)| Placed {
        name: tensor.name.to_owned(),
        element: tensor.element,
        shape: tensor.shape.to_vec(),
        offset,
        length: tensor.data.len() as u64,
    });
    placed.collect()
}
