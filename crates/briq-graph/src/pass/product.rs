//! Products taken apart into factors.

use super::rewriter::Rewriter;
use crate::Node;

/// How many multiplications deep factors are looked for.
const MAX_DEPTH: usize = 4;

/// A product of values, in no order, and of one number.
pub(super) struct Product {
    /// All its scalar constants, multiplied.
    pub(super) constant: f64,
    /// Its other factors; one that occurs several times stands here as often.
    pub(super) values: Vec<String>,
}

impl Product {
    /// The factors of what a `Mul` or `Div` computes.
    pub(super) fn of(rewriter: &Rewriter<'_>, node: &Node) -> Self {
        let mut product = Self { constant: 1.0, values: Vec::new() };
        product.multiply(rewriter, node, MAX_DEPTH);
        product
    }

    /// The factors of a value; itself alone, where it is no product.
    pub(super) fn of_value(rewriter: &Rewriter<'_>, value: &str) -> Self {
        let mut product = Self { constant: 1.0, values: Vec::new() };
        product.take(rewriter, value, MAX_DEPTH);
        product
    }

    fn take(&mut self, rewriter: &Rewriter<'_>, value: &str, depth: usize) {
        if let Some(number) = rewriter.scalar(value) {
            self.constant *= number;
            return;
        }
        match rewriter.producer(value).map(|id| rewriter.node(id)) {
            Some(node) if depth > 0 && is_product(rewriter, node) => self.multiply(rewriter, node, depth - 1),
            _ => self.values.push(value.to_owned()),
        }
    }

    fn multiply(&mut self, rewriter: &Rewriter<'_>, node: &Node, depth: usize) {
        match node.operator.as_str() {
            "Pow" => {
                let times = rewriter.scalar(node.operand(1)).unwrap_or(1.0) as usize;
                (0..times).for_each(|_| self.take(rewriter, node.operand(0), depth));
            }
            "Div" => match rewriter.scalar(node.operand(1)) {
                Some(number) => {
                    self.constant /= number;
                    self.take(rewriter, node.operand(0), depth);
                }
                None => self.values.push(node.outputs[0].clone()),
            },
            _ => node.inputs.iter().for_each(|factor| self.take(rewriter, factor, depth)),
        }
    }
}

/// Whether a node multiplies, divides by a constant, or squares or cubes.
fn is_product(rewriter: &Rewriter<'_>, node: &Node) -> bool {
    let by = |number: f64| node.input(1).is_some_and(|name| rewriter.scalar(name) == Some(number));
    match node.operator.as_str() {
        _ if !node.domain.is_empty() || node.inputs.len() != 2 => false,
        "Mul" => true,
        "Div" => rewriter.scalar(node.operand(1)).is_some(),
        "Pow" => by(2.0) || by(3.0),
        _ => false,
    }
}
