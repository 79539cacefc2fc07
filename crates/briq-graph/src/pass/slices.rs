//! Queries, keys and values that one product gives are parts of its columns. Exporters make an axis of the three, move it about and
//! take one of it; here the part is taken of the columns as they lie, and then split and moved.

use super::Changes;
use super::rewriter::{Id, Rewriter};
use crate::shape::Inference;
use crate::{Attribute, Dim, GraphError, Node};

pub(super) fn run(rewriter: &mut Rewriter<'_>) -> Result<Changes, GraphError> {
    let mut changes = Changes::default();
    let inference = rewriter.infer()?;
    for id in rewriter.order()? {
        let Some(found) = Found::at(rewriter, &inference, id) else { continue };
        changes.count("Slice");
        found.write(rewriter, id);
    }
    Ok(changes)
}

/// One of an axis that the last axis of a value was split into.
struct Found {
    /// The value whose last axis was split.
    source: String,
    /// The columns of it that were taken: first, end.
    columns: [i64; 2],
    /// The shape after that, where 0 is the length that the value has there.
    target: Vec<i64>,
    /// The order in which the axes are then brought.
    order: Option<Vec<i64>>,
}

impl Found {
    /// A `Squeeze` of a `Slice` of one index, of a `Reshape` that splits the last axis, with or without a `Transpose` between.
    fn at(rewriter: &Rewriter<'_>, inference: &Inference, id: Id) -> Option<Self> {
        let squeeze = rewriter.node(id);
        let slice = rewriter.made_by(squeeze.input(0).filter(|_| squeeze.is("Squeeze"))?, "Slice")?;
        let (axis, index) = one_of(rewriter, inference, slice)?;
        let gone = match squeeze.attributes.get("axes").and_then(Attribute::as_ints) {
            Some(axes) => axes.to_vec(),
            None => rewriter.integers(squeeze.input(1)?)?,
        };
        let rank = inference.value(slice.operand(0))?.shape.len();
        if gone.len() != 1 || place(gone[0], rank) != Some(axis) {
            return None;
        }
        let transpose = rewriter.made_by(slice.operand(0), "Transpose");
        let order = match transpose {
            Some(node) => Some(node.attributes.get("perm").and_then(Attribute::as_ints)?.to_vec()),
            None => None,
        };
        let reshape = rewriter.made_by(transpose.unwrap_or(slice).operand(0), "Reshape")?;
        let before = &inference.value(reshape.operand(0))?.shape;
        let after = &inference.value(&reshape.outputs[0])?.shape;
        let axis = order.as_ref().map_or(Some(axis), |order| usize::try_from(order[axis]).ok())?;
        // The axis is the first of those that the last one is split into, and all before it are as they were.
        let leads = axis + 1 == before.len() && before[..axis] == after[..axis];
        let inner: Vec<i64> = after[axis + 1..].iter().map(length).collect::<Option<_>>()?;
        let block: i64 = inner.iter().product();
        let whole = length(before.last()?)? == block * length(&after[axis])?;
        if !leads || !whole || block == 0 || index >= length(&after[axis])? {
            return None;
        }
        let rest = |order: Vec<i64>| {
            let axis = axis as i64;
            order.into_iter().filter(|&other| other != axis).map(|other| other - i64::from(other > axis)).collect()
        };
        Some(Self {
            source: reshape.operand(0).to_owned(),
            columns: [index * block, (index + 1) * block],
            target: [vec![0; axis], inner].concat(),
            order: order.map(rest),
        })
    }

    fn write(self, rewriter: &mut Rewriter<'_>, id: Id) {
        let output = rewriter.node(id).outputs[0].clone();
        let [first, end] = self.columns.map(|column| rewriter.add_integers(&output, &[column]));
        let last = rewriter.add_integers(&output, &[-1]);
        let part = rewriter.emit("Slice", &[&self.source, &first, &end, &last], id);
        let target = rewriter.add_integers(&output, &self.target);
        let Some(order) = self.order else {
            return rewriter.replace(id, Node::new("", "Reshape", &[&part, &target], &[&output]));
        };
        let split = rewriter.emit("Reshape", &[&part, &target], id);
        rewriter.replace(id, Node::new("", "Transpose", &[&split], &[&output]).with("perm", order));
    }
}

/// The axis of which a `Slice` takes one index, and the index.
fn one_of(rewriter: &Rewriter<'_>, inference: &Inference, slice: &Node) -> Option<(usize, i64)> {
    let rank = inference.value(slice.operand(0))?.shape.len();
    let one = |position: usize| match rewriter.integers(slice.input(position)?)?.as_slice() {
        [number] => Some(*number),
        _ => None,
    };
    let (first, end, axis) = (one(1)?, one(2)?, one(3)?);
    let steps = slice.input(4).map_or(Some(1), |_| one(4))?;
    (steps == 1 && first >= 0 && end == first + 1).then_some((place(axis, rank)?, first))
}

/// The place of an axis that may be counted from the last.
fn place(axis: i64, rank: usize) -> Option<usize> {
    let axis = if axis < 0 { axis + i64::try_from(rank).ok()? } else { axis };
    usize::try_from(axis).ok().filter(|&axis| axis < rank)
}

fn length(dim: &Dim) -> Option<i64> {
    i64::try_from(dim.fixed()?).ok()
}
