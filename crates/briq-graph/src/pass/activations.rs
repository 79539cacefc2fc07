//! Activations that an exporter wrote out in arithmetic become one node.
//!
//! Exporters agree on the formula and not on the order in which it is multiplied: `x · 0.5 · (1 + erf(x / √2))` comes in every
//! association. What is matched is therefore the set of factors of a product ([`Product`]), not a tree.

use super::product::Product;
use super::rewriter::{Id, Rewriter, about};
use super::{Changes, FUSED_DOMAIN};
use crate::{Attribute, GraphError, Initializer, Node};

pub(super) fn run(rewriter: &mut Rewriter<'_>) -> Result<Changes, GraphError> {
    let mut changes = Changes::default();
    for id in rewriter.order()? {
        clip(rewriter, id, &mut changes);
        let Some(found) = recognised(rewriter, id) else { continue };
        changes.count(found.name());
        rewriter.replace(id, found.node(rewriter.node(id)));
    }
    Ok(changes)
}

/// An activation and what it is applied to.
enum Found {
    Gelu(String),
    GeluTanh(String),
    Silu(String),
    HardSwish(String),
    HardSigmoid(String),
    Mish(String),
    Softplus(String),
}

impl Found {
    fn name(&self) -> &'static str {
        match self {
            Self::Gelu(_) | Self::GeluTanh(_) => "Gelu",
            Self::Silu(_) => "Silu",
            Self::HardSwish(_) => "HardSwish",
            Self::HardSigmoid(_) => "HardSigmoid",
            Self::Mish(_) => "Mish",
            Self::Softplus(_) => "Softplus",
        }
    }

    fn node(&self, root: &Node) -> Node {
        let plain = |input: &str| Node::new(&root.name, self.name(), &[input], &[&root.outputs[0]]);
        match self {
            Self::Gelu(x) | Self::HardSwish(x) | Self::Mish(x) | Self::Softplus(x) => plain(x),
            Self::GeluTanh(x) => plain(x).with("approximate", "tanh"),
            Self::HardSigmoid(x) => plain(x).with("alpha", 1.0_f32 / 6.0).with("beta", 0.5),
            Self::Silu(x) => Node { domain: FUSED_DOMAIN.to_owned(), ..plain(x) },
        }
    }
}

fn recognised(rewriter: &Rewriter<'_>, id: Id) -> Option<Found> {
    let node = rewriter.node(id);
    match node.operator.as_str() {
        "Mul" | "Div" if node.domain.is_empty() => gated(rewriter, node),
        "Log" if node.domain.is_empty() => softplus(rewriter, node),
        _ => None,
    }
}

/// `x` times a function of `x`, times a constant; or that function alone.
fn gated(rewriter: &Rewriter<'_>, node: &Node) -> Option<Found> {
    let product = Product::of(rewriter, node);
    if let [gate] = product.values.as_slice() {
        let inner = relu6_of_shifted(rewriter, gate).filter(|_| about(product.constant, 1.0 / 6.0))?;
        return Some(Found::HardSigmoid(inner));
    }
    let [a, b] = product.values.as_slice() else { return None };
    by_gate(rewriter, a, b, product.constant).or_else(|| by_gate(rewriter, b, a, product.constant))
}

fn by_gate(rewriter: &Rewriter<'_>, x: &str, gate: &str, constant: f64) -> Option<Found> {
    let is_of = |operator: &str| rewriter.made_by(gate, operator).is_some_and(|node| node.operand(0) == x);
    if about(constant, 1.0) {
        return match () {
            () if is_of("Sigmoid") => Some(Found::Silu(x.to_owned())),
            () if is_of("HardSigmoid") && is_sixth(rewriter, gate) => Some(Found::HardSwish(x.to_owned())),
            () if is_mish_gate(rewriter, x, gate) => Some(Found::Mish(x.to_owned())),
            () => None,
        };
    }
    if about(constant, 1.0 / 6.0) {
        let inner = relu6_of_shifted(rewriter, gate)?;
        return (inner == x).then_some(Found::HardSwish(inner));
    }
    let bell = plus(rewriter, gate, 1.0).filter(|_| about(constant, 0.5))?;
    match () {
        () if is_erf_of(rewriter, bell, x) => Some(Found::Gelu(x.to_owned())),
        () if is_tanh_of(rewriter, bell, x) => Some(Found::GeluTanh(x.to_owned())),
        () => None,
    }
}

/// What a constant is added to.
fn plus<'r>(rewriter: &'r Rewriter<'_>, value: &str, constant: f64) -> Option<&'r str> {
    let node = rewriter.made_by(value, "Add")?;
    let (a, b) = (node.input(0)?, node.input(1)?);
    match (rewriter.is_about(a, constant), rewriter.is_about(b, constant)) {
        (_, true) => Some(a),
        (true, _) => Some(b),
        _ => None,
    }
}

fn is_erf_of(rewriter: &Rewriter<'_>, value: &str, x: &str) -> bool {
    let argument = rewriter.made_by(value, "Erf").map(|node| Product::of_value(rewriter, node.operand(0)));
    argument.is_some_and(|argument| argument.values == [x] && about(argument.constant, std::f64::consts::FRAC_1_SQRT_2))
}

/// `tanh(√(2/π) · (x + 0.044715 · x³))`, or with one `x` taken out (Hendrycks and Gimpel, 2016).
fn is_tanh_of(rewriter: &Rewriter<'_>, value: &str, x: &str) -> bool {
    const CUBIC: f64 = 0.044_715;
    let Some(node) = rewriter.made_by(value, "Tanh") else { return false };
    let argument = Product::of_value(rewriter, node.operand(0));
    let scaled = about(argument.constant, (2.0 / std::f64::consts::PI).sqrt());
    let is_power = |term: &str, power: usize| {
        let term = Product::of_value(rewriter, term);
        about(term.constant, CUBIC) && term.values.len() == power && term.values.iter().all(|factor| factor == x)
    };
    let is_sum = |sum: &str| {
        let Some(node) = rewriter.made_by(sum, "Add") else { return false };
        let (a, b) = (node.operand(0), node.operand(1));
        (a == x && is_power(b, 3)) || (b == x && is_power(a, 3))
    };
    let is_factor = |sum: &str| plus(rewriter, sum, 1.0).is_some_and(|term| is_power(term, 2));
    scaled
        && match argument.values.as_slice() {
            [sum] => is_sum(sum),
            [a, b] => (a == x && is_factor(b)) || (b == x && is_factor(a)),
            _ => false,
        }
}

/// `x` of `min(max(x + 3, 0), 6)`.
fn relu6_of_shifted(rewriter: &Rewriter<'_>, gate: &str) -> Option<String> {
    let node = rewriter.made_by(gate, "Clip")?;
    let bound = |name: &str, position: usize| match node.attributes.get(name) {
        Some(attribute) => attribute.as_float().map(f64::from),
        None => rewriter.scalar(node.input(position)?),
    };
    let six = bound("min", 1) == Some(0.0) && bound("max", 2) == Some(6.0);
    plus(rewriter, node.operand(0), 3.0).filter(|_| six).map(str::to_owned)
}

fn is_sixth(rewriter: &Rewriter<'_>, gate: &str) -> bool {
    let node = rewriter.made_by(gate, "HardSigmoid");
    let float = |name: &str, otherwise: f32| {
        let attribute = node.and_then(|node| node.attributes.get(name));
        f64::from(attribute.and_then(Attribute::as_float).unwrap_or(otherwise))
    };
    about(float("alpha", 0.2), 1.0 / 6.0) && about(float("beta", 0.5), 0.5)
}

fn is_mish_gate(rewriter: &Rewriter<'_>, x: &str, gate: &str) -> bool {
    let inner = rewriter.made_by(gate, "Tanh").and_then(|node| rewriter.made_by(node.operand(0), "Softplus"));
    inner.is_some_and(|node| node.operand(0) == x)
}

/// `log(1 + exp(x))`.
fn softplus(rewriter: &Rewriter<'_>, node: &Node) -> Option<Found> {
    let exponential = plus(rewriter, node.input(0)?, 1.0)?;
    rewriter.made_by(exponential, "Exp").map(|node| Found::Softplus(node.operand(0).to_owned()))
}

/// A `Min` of a `Max` with constants, or of a `Relu`, becomes a `Clip`.
fn clip(rewriter: &mut Rewriter<'_>, id: Id, changes: &mut Changes) {
    let Some((input, low, high)) = clipped(rewriter, rewriter.node(id)) else { return };
    changes.count("Clip");
    let root = rewriter.node(id).clone();
    let low = match low {
        Some(low) => low,
        None => {
            let name = rewriter.fresh(&high);
            rewriter.add_constant(Initializer::from_f32(name, Vec::new(), &[0.0]))
        }
    };
    rewriter.replace(id, Node::new(&root.name, "Clip", &[&input, &low, &high], &[&root.outputs[0]]));
}

/// What is clipped, from where (`None`: from 0), and to where.
fn clipped(rewriter: &Rewriter<'_>, node: &Node) -> Option<(String, Option<String>, String)> {
    if !node.is("Min") || rewriter.graph().opset < 11 {
        return None;
    }
    let (inner, high) = bounded(rewriter, node)?;
    if let Some(relu) = rewriter.made_by(inner, "Relu") {
        return Some((relu.operand(0).to_owned(), None, high.to_owned()));
    }
    let (input, low) = bounded(rewriter, rewriter.made_by(inner, "Max")?)?;
    Some((input.to_owned(), Some(low.to_owned()), high.to_owned()))
}

/// The operand of a `Min` or `Max` of two, and the scalar of single precision that bounds it.
fn bounded<'n>(rewriter: &Rewriter<'_>, node: &'n Node) -> Option<(&'n str, &'n str)> {
    let [a, b] = node.inputs.as_slice() else { return None };
    let is_bound = |name: &str| rewriter.weights(name).is_some_and(|tensor| tensor.shape.is_empty());
    match (is_bound(a), is_bound(b)) {
        (_, true) => Some((a, b)),
        (true, _) => Some((b, a)),
        _ => None,
    }
}
