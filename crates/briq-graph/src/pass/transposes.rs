//! A transpose that is undone later is not done: what lies in between does not mind the order of the axes.

use std::collections::HashSet;

use super::rewriter::{Id, Rewriter};
use super::{Changes, FUSED_DOMAIN};
use crate::{Attribute, GraphError, Node};

/// How many nodes may lie between.
const MAX_BETWEEN: usize = 32;

pub(super) fn run(rewriter: &mut Rewriter<'_>) -> Result<Changes, GraphError> {
    let mut changes = Changes::default();
    for id in rewriter.order()? {
        if !rewriter.is_live(id) || !rewriter.node(id).is("Transpose") {
            continue;
        }
        let Some(between) = Between::of(rewriter, id) else { continue };
        changes.count("Transpose");
        between.remove(rewriter, id);
    }
    Ok(changes)
}

/// What lies between a transpose and those that undo it.
#[derive(Default)]
struct Between {
    /// The values, as they are transposed.
    values: HashSet<String>,
    ends: Vec<Id>,
}

impl Between {
    fn of(rewriter: &Rewriter<'_>, id: Id) -> Option<Self> {
        let node = rewriter.node(id);
        let order = permutation(node)?;
        let mut between = Self::default();
        let mut open = vec![node.outputs[0].clone()];
        while let Some(value) = open.pop() {
            if rewriter.is_pinned(&value) || between.values.len() == MAX_BETWEEN {
                return None;
            }
            for reader in rewriter.readers(&value) {
                let next = rewriter.node(reader);
                if next.is("Transpose") {
                    let undone = undoes(&order, &permutation(next)?) && !rewriter.is_pinned(&next.outputs[0]);
                    undone.then(|| between.ends.push(reader))?;
                } else {
                    passes(rewriter, next, &value, &order).then_some(())?;
                    open.extend(next.outputs.iter().filter(|name| !name.is_empty()).cloned());
                }
            }
            between.values.insert(value);
        }
        (!between.ends.is_empty()).then_some(between)
    }

    fn remove(self, rewriter: &mut Rewriter<'_>, id: Id) {
        let node = rewriter.node(id);
        let (input, output) = (node.operand(0).to_owned(), node.outputs[0].clone());
        rewriter.substitute(&output, &input);
        for end in self.ends {
            let end = rewriter.node(end);
            let (before, after) = (end.operand(0).to_owned(), end.outputs[0].clone());
            rewriter.substitute(&after, &before);
        }
        self.values.iter().for_each(|value| rewriter.forget(value));
    }
}

fn permutation(node: &Node) -> Option<Vec<usize>> {
    let order = node.attributes.get("perm")?.as_ints()?;
    order.iter().map(|&axis| usize::try_from(axis).ok().filter(|&axis| axis < order.len())).collect()
}

fn undoes(first: &[usize], second: &[usize]) -> bool {
    first.len() == second.len() && second.iter().enumerate().all(|(place, &axis)| first[axis] == place)
}

/// Whether a node that reads a value gives the same of it in another order of axes, in that order.
fn passes(rewriter: &Rewriter<'_>, node: &Node, value: &str, order: &[usize]) -> bool {
    let once = node.reads().filter(|name| *name == value).count() == 1;
    let first = node.operand(0) == value;
    let others =
        |fits: &dyn Fn(&str) -> bool| node.inputs.iter().all(|name| name == value || name.is_empty() || fits(name));
    let is_scalar = |name: &str| rewriter.scalar(name).is_some();
    let keeps_last = order.last() == Some(&(order.len() - 1));
    let is_row = |name: &str| rewriter.constant(name).is_some_and(|tensor| tensor.shape.len() <= 1);
    match (node.domain.as_str(), node.operator.as_str()) {
        _ if !once => false,
        ("", operator) if UNARY.contains(&operator) => first && others(&is_scalar),
        (FUSED_DOMAIN, "Silu") => true,
        ("", "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Min" | "Max") => {
            others(&is_scalar) || (keeps_last && others(&is_row))
        }
        (FUSED_DOMAIN, "Gemm") => first && keeps_last && node.input(3).is_none(),
        ("", "LayerNormalization" | "RMSNormalization") => {
            first && keeps_last && axis(node, -1) == Some(-1) && others(&is_row)
        }
        ("", "Softmax" | "LogSoftmax") => rewriter.graph().opset >= 13 && keeps_last && axis(node, -1) == Some(-1),
        ("", "Split") => first && keeps_last && axis(node, 0) == Some(-1),
        ("", "Slice") => {
            first && keeps_last && node.input(3).and_then(|axes| rewriter.integers(axes)) == Some(vec![-1])
        }
        _ => false,
    }
}

fn axis(node: &Node, otherwise: i64) -> Option<i64> {
    node.attributes.get("axis").map_or(Some(otherwise), Attribute::as_int)
}

/// Operators that work on each element by itself; further inputs are scalars.
pub(crate) const UNARY: [&str; 30] = [
    "Abs",
    "Cast",
    "Ceil",
    "Clip",
    "Cos",
    "Elu",
    "Erf",
    "Exp",
    "Floor",
    "Gelu",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "LeakyRelu",
    "Log",
    "Mish",
    "Neg",
    "Not",
    "Reciprocal",
    "Relu",
    "Round",
    "Selu",
    "Sigmoid",
    "Sign",
    "Sin",
    "Softplus",
    "Softsign",
    "Sqrt",
    "Tanh",
    "ThresholdedRelu",
];
