//! How a value shows another one: reshaped, transposed, and scaled.
//!
//! Exporters split and merge the axes of attention in many ways, by einsum or by hand. What they mean is found by following
//! the axes: each axis of a view is a list of *atoms*, parts of the axes of the source, which a reshape regroups or splits
//! and a transpose reorders.

use super::rewriter::Rewriter;
use crate::shape::{Inference, Size};
use crate::{Attribute, Dim, Node};

/// A part of an axis of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Atom {
    /// The axis, then which part of it, then which part of that: in the order of memory.
    pub(super) path: Vec<usize>,
    pub(super) size: Size,
}

/// The atoms of each axis of a value.
pub(super) type Axes = Vec<Vec<Atom>>;

/// How a value comes from another one, by nodes that only rearrange or scale.
pub(super) struct Trace<'r> {
    /// The other value.
    pub(super) source: &'r str,
    /// What it is multiplied by.
    pub(super) scale: f64,
    /// The nodes in between, the last one first.
    chain: Vec<&'r Node>,
}

impl<'r> Trace<'r> {
    /// Follows a value back through what rearranges it, and through scaling if it may be scaled.
    pub(super) fn of(rewriter: &'r Rewriter<'_>, value: &'r str, scaled: bool) -> Self {
        let mut trace = Self { source: value, scale: 1.0, chain: Vec::new() };
        while let Some(node) = rewriter.producer(trace.source).map(|id| rewriter.node(id)) {
            match step(rewriter, node) {
                Some(Step::Rearranged) => trace.source = node.operand(0),
                Some(Step::Scaled(input, by)) if scaled => {
                    trace.scale *= by;
                    trace.source = input;
                }
                _ => break,
            }
            trace.chain.push(node);
        }
        trace
    }

    /// The axes of the value, each axis of the source being one atom.
    pub(super) fn axes(&self, inference: &Inference) -> Option<Axes> {
        let shape = &inference.value(self.source)?.shape;
        let atom = |(axis, length)| Some(vec![Atom { path: vec![axis], size: Size::of(length)? }]);
        let axes = shape.iter().enumerate().map(atom).collect::<Option<_>>()?;
        self.shown(inference, axes)
    }

    /// The axes of the value, given those of the source.
    pub(super) fn shown(&self, inference: &Inference, axes: Axes) -> Option<Axes> {
        self.chain.iter().rev().try_fold(axes, |axes, node| rearranged(axes, node, inference))
    }
}

/// The axes of what a node that rearranges gives, given those of what it reads.
pub(super) fn rearranged(axes: Axes, node: &Node, inference: &Inference) -> Option<Axes> {
    match node.operator.as_str() {
        "Transpose" => {
            let order = node.attributes.get("perm").and_then(Attribute::as_ints)?;
            order.iter().map(|&axis| axes.get(usize::try_from(axis).ok()?).cloned()).collect()
        }
        "Mul" | "Div" => Some(axes),
        _ => regrouped(axes.concat(), &inference.value(&node.outputs[0])?.shape),
    }
}

/// Whether a node only rearranges.
pub(super) fn rearranges(node: &Node) -> bool {
    node.domain.is_empty() && REARRANGING.contains(&node.operator.as_str())
}

const REARRANGING: [&str; 5] = ["Flatten", "Reshape", "Squeeze", "Transpose", "Unsqueeze"];

enum Step<'n> {
    Rearranged,
    Scaled(&'n str, f64),
}

fn step<'n>(rewriter: &Rewriter<'_>, node: &'n Node) -> Option<Step<'n>> {
    let scalar = |position: usize| node.input(position).and_then(|name| rewriter.scalar(name));
    match node.operator.as_str() {
        _ if !node.domain.is_empty() => None,
        _ if rearranges(node) => Some(Step::Rearranged),
        "Div" => Some(Step::Scaled(node.input(0)?, 1.0 / scalar(1)?)),
        "Mul" => match (scalar(0), scalar(1)) {
            (_, Some(by)) => Some(Step::Scaled(node.input(0)?, by)),
            (Some(by), _) => Some(Step::Scaled(node.input(1)?, by)),
            _ => None,
        },
        _ => None,
    }
}

/// Shares atoms out, in their order, to axes of the given lengths. Atoms of one element are dropped.
fn regrouped(atoms: Vec<Atom>, shape: &[Dim]) -> Option<Axes> {
    let mut rest = atoms.into_iter().rev().filter(|atom| atom.size != Size::one()).collect::<Vec<_>>();
    let mut axes = Vec::with_capacity(shape.len());
    for length in shape {
        let mut wanted = Size::of(length)?;
        let mut axis = Vec::new();
        while wanted != Size::one() {
            let atom = rest.pop()?;
            if let Some(left) = wanted.divided_by(&atom.size) {
                wanted = left;
                axis.push(atom);
            } else {
                let [first, second] = split(&atom, &wanted)?;
                wanted = Size::one();
                axis.push(first);
                rest.push(second);
            }
        }
        axes.push(axis);
    }
    rest.is_empty().then_some(axes)
}

fn split(atom: &Atom, first: &Size) -> Option<[Atom; 2]> {
    let part = |place: usize, size: Size| {
        let path = atom.path.iter().copied().chain([place]).collect();
        Atom { path, size }
    };
    Some([part(0, first.clone()), part(1, atom.size.divided_by(first)?)])
}
