//! Whether the examples of a batch are computed apart.

use std::collections::HashSet;

use crate::pass::{FUSED_DOMAIN, UNARY};
use crate::shape::{self, Shapes};
use crate::{Attribute, Dim, ElementType, Form, Graph, GraphError, Node, plan};

/// Operators beside those on [each element](UNARY) whose first input has the batch, whose result has it at the same place, and
/// which compute each example by itself whatever their other inputs are, as long as those do not have the batch.
const EACH_BY_ITSELF: [&str; 12] = [
    "AveragePool",
    "BatchNormalization",
    "Conv",
    "ConvTranspose",
    "DepthToSpace",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "InstanceNormalization",
    "LRN",
    "MaxPool",
    "Silu",
    "SpaceToDepth",
];

/// Operators on numbers at the same place.
const PLACE_BY_PLACE: [&str; 8] = ["Add", "Div", "Max", "Min", "Mul", "PRelu", "Pow", "Sub"];

/// Reductions whose axes are an attribute or the second input.
const REDUCTIONS: [&str; 6] = ["ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum"];

/// The names of the values whose first axis is the batch, where each example of a batch is computed by itself: their values for
/// a batch are those for its examples, one after the other, and no other value depends on the examples. Nothing unless every
/// node shows it; inputs and outputs are then among them, and of single precision.
#[must_use]
pub fn apart(graph: &Graph) -> Option<HashSet<String>> {
    // A graph whose shapes cannot be told shows nothing.
    let carry = shown(graph).unwrap_or_default()?;
    Some(carry.into_iter().map(str::to_owned).collect())
}

fn shown(graph: &Graph) -> Result<Option<HashSet<&str>>, GraphError> {
    let batch = graph.inputs.first().and_then(|input| input.shape.first());
    let Some(batch @ Dim::Dynamic(_)) = batch else { return Ok(None) };
    let plain = |value: &crate::Value| value.form == Form::Tensor && value.element == ElementType::F32;
    let first = |value: &crate::Value| plain(value) && value.shape.first() == Some(batch);
    if !graph.inputs.iter().all(first) || !graph.outputs.iter().all(plain) {
        return Ok(None);
    }
    let shapes = shape::infer(graph)?;
    let mut carry: HashSet<&str> = graph.inputs.iter().map(|input| input.name.as_str()).collect();
    for step in plan::Plan::new(graph)?.steps {
        let node = &graph.nodes[step.node];
        if node.attributes.values().any(|attribute| attribute.as_graph().is_some()) {
            return Ok(None);
        }
        if !node.reads().any(|name| carry.contains(name)) {
            continue;
        }
        let view = View { graph, shapes: &shapes, carry: &carry, node };
        if !view.keeps_examples_apart() {
            return Ok(None);
        }
        carry.extend(node.outputs.iter().filter(|name| !name.is_empty()).map(String::as_str));
    }
    Ok(graph.outputs.iter().all(|output| carry.contains(output.name.as_str())).then_some(carry))
}

/// A node, and what is known of the values that it reads.
struct View<'a> {
    graph: &'a Graph,
    shapes: &'a Shapes,
    /// The values whose first axis is the batch.
    carry: &'a HashSet<&'a str>,
    node: &'a Node,
}

impl View<'_> {
    fn keeps_examples_apart(&self) -> bool {
        let node = self.node;
        let fused = node.domain == FUSED_DOMAIN;
        if !fused && !matches!(node.domain.as_str(), "" | "ai.onnx") || node.outputs.len() != 1 {
            return false;
        }
        match node.operator.as_str() {
            "BatchNormalization" if self.int("training_mode", 0) != 0 => false,
            "Conv" if fused => self.carries(0) && self.constant(1..3) && self.residual(3),
            name if UNARY.contains(&name) || EACH_BY_ITSELF.contains(&name) => {
                self.carries(0) && self.constant(1..node.inputs.len())
            }
            name if PLACE_BY_PLACE.contains(&name) => (0..node.inputs.len()).all(|index| self.is_aligned(index)),
            "Gemm" => {
                let plain = self.int("transA", 0) == 0 && self.carries(0) && self.constant(1..3);
                plain && self.rank(0) >= Some(2) && self.is_aligned(2) && self.residual(3)
            }
            "MatMul" => self.carries(0) && self.constant(1..2) && self.rank(0) >= Some(2) && self.rank(1) == Some(2),
            "Softmax" | "LogSoftmax" => {
                let default = if self.graph.opset < 13 { 1 } else { -1 };
                self.carries(0) && self.is_behind_batch(self.int("axis", default))
            }
            "Flatten" => self.carries(0) && self.int("axis", 1) == 1,
            "Reshape" => self.carries(0) && self.reshapes_examples(),
            "Transpose" => {
                let order = node.attributes.get("perm").and_then(Attribute::as_ints);
                self.carries(0) && order.is_some_and(|order| order.first() == Some(&0))
            }
            "Concat" => {
                let all = (0..node.inputs.len()).all(|index| self.carries(index));
                all && node.attributes.contains_key("axis") && self.is_behind_batch(self.int("axis", 0))
            }
            name if REDUCTIONS.contains(&name) => {
                let axes = self.ints("axes", 1).filter(|axes| !axes.is_empty());
                self.carries(0) && axes.is_some_and(|axes| axes.iter().all(|axis| self.is_behind_batch(*axis)))
            }
            _ => false,
        }
    }

    fn int(&self, attribute: &str, default: i64) -> i64 {
        self.node.attributes.get(attribute).and_then(Attribute::as_int).unwrap_or(default)
    }

    /// Integers that are an attribute, or an input whose value is known.
    fn ints(&self, attribute: &str, input: usize) -> Option<Vec<i64>> {
        if let Some(given) = self.node.attributes.get(attribute) {
            return given.as_ints().map(<[i64]>::to_vec);
        }
        self.graph.initializer(self.node.input(input)?)?.to_i64()
    }

    fn carries(&self, index: usize) -> bool {
        self.node.input(index).is_some_and(|name| self.carry.contains(name))
    }

    /// Whether none of these inputs has the batch.
    fn constant(&self, mut indices: std::ops::Range<usize>) -> bool {
        indices.all(|index| !self.carries(index))
    }

    /// Whether what is added to a result of the same shape has the batch too, or is not there.
    fn residual(&self, index: usize) -> bool {
        self.node.input(index).is_none() || (self.carries(index) && self.rank(index) == self.result_rank())
    }

    fn shape(&self, name: &str) -> Option<Vec<Dim>> {
        let constant = || {
            let initializer = self.graph.initializer(name)?;
            Some(initializer.shape.iter().map(|length| Dim::Fixed(*length)).collect())
        };
        self.shapes.get(name).map(|value| value.shape.clone()).or_else(constant)
    }

    fn rank(&self, index: usize) -> Option<usize> {
        self.shape(self.node.input(index)?).map(|shape| shape.len())
    }

    fn result_rank(&self) -> Option<usize> {
        self.shape(self.node.outputs.first()?).map(|shape| shape.len())
    }

    /// Whether an input that is spread over the result has the batch where the result has it, or is the same for each example.
    fn is_aligned(&self, index: usize) -> bool {
        let Some(name) = self.node.input(index) else { return true };
        let (Some(shape), Some(rank)) = (self.shape(name), self.result_rank()) else { return false };
        if self.carry.contains(name) {
            shape.len() == rank
        } else {
            shape.len() < rank || (shape.len() == rank && shape.first() == Some(&Dim::Fixed(1)))
        }
    }

    /// Whether an axis of the first input is another than the batch.
    fn is_behind_batch(&self, axis: i64) -> bool {
        let Some(rank) = self.rank(0).and_then(|rank| i64::try_from(rank).ok()) else { return false };
        let axis = if axis < 0 { axis + rank } else { axis };
        (1..rank).contains(&axis)
    }

    /// Whether the first axis stays, so that each example keeps its numbers.
    fn reshapes_examples(&self) -> bool {
        let wanted = self.node.input(1).and_then(|name| self.graph.initializer(name)?.to_i64());
        let Some((first, rest)) = wanted.as_deref().and_then(<[i64]>::split_first) else { return false };
        if *first == 0 {
            return self.int("allowzero", 0) == 0;
        }
        let Some(shape) = self.node.input(0).and_then(|name| self.shape(name)) else { return false };
        let example = shape[1..].iter().map(Dim::fixed).product::<Option<usize>>();
        let sizes: Option<Vec<usize>> = rest.iter().map(|length| usize::try_from(*length).ok()).collect();
        *first == -1 && example.is_some() && example == sizes.map(|sizes| sizes.iter().product())
    }
}
