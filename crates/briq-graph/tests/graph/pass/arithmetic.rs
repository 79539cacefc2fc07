//! Just enough arithmetic over single precision to fold what the passes write.

use std::borrow::Cow;

use briq_graph::pass::Evaluate;
use briq_graph::{Graph, Initializer, Node};

/// Runs graphs of one node.
pub(super) struct Arithmetic;

impl Evaluate for Arithmetic {
    fn bytes<'a>(&'a self, initializer: &'a Initializer) -> Option<Cow<'a, [u8]>> {
        initializer.inline().map(Cow::Borrowed)
    }

    fn evaluate(&mut self, graph: &Graph) -> Option<Vec<Initializer>> {
        let [node] = graph.nodes.as_slice() else { return None };
        let shape: Vec<usize> = graph.outputs[0].shape.iter().map(|length| length.fixed()).collect::<Option<_>>()?;
        let numbers = computed(graph, node, &shape)?;
        Some(vec![Initializer::from_f32(&graph.outputs[0].name, shape, &numbers)])
    }
}

fn computed(graph: &Graph, node: &Node, shape: &[usize]) -> Option<Vec<f32>> {
    let input = |position: usize| graph.initializer(node.input(position)?);
    let each = |function: fn(f32) -> f32| Some(numbers(input(0)?)?.into_iter().map(function).collect());
    let pairs = |function: fn(f32, f32) -> f32| {
        let (a, b) = (spread(input(0)?, shape)?, spread(input(1)?, shape)?);
        Some(a.into_iter().zip(b).map(|(a, b)| function(a, b)).collect())
    };
    match node.operator.as_str() {
        "Add" => pairs(|a, b| a + b),
        "Sub" => pairs(|a, b| a - b),
        "Mul" => pairs(|a, b| a * b),
        "Div" => pairs(|a, b| a / b),
        "Sqrt" => each(f32::sqrt),
        "Neg" => each(|a| -a),
        "Reciprocal" => each(f32::recip),
        "Reshape" => numbers(input(0)?),
        "Expand" => spread(input(0)?, shape),
        _ => None,
    }
}

fn numbers(tensor: &Initializer) -> Option<Vec<f32>> {
    let bytes = tensor.inline().filter(|_| tensor.element == briq_graph::ElementType::F32)?;
    Some(bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect())
}

/// A tensor broadcast to a shape.
fn spread(tensor: &Initializer, shape: &[usize]) -> Option<Vec<f32>> {
    let numbers = numbers(tensor)?;
    let missing = shape.len().checked_sub(tensor.shape.len())?;
    let position = |mut place: usize| {
        let (mut position, mut step) = (0, 1);
        for axis in (0..shape.len()).rev() {
            let at = place % shape[axis];
            place /= shape[axis];
            if let Some(&own) = axis.checked_sub(missing).and_then(|axis| tensor.shape.get(axis)) {
                position += if own == 1 { 0 } else { at * step };
                step *= own;
            }
        }
        position
    };
    Some((0..shape.iter().product()).map(|place| numbers[position(place)]).collect())
}
