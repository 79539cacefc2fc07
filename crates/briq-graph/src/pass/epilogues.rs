//! The residual and the activation behind a convolution or product are carried out where its result is still at hand.

use super::identities::is_same;
use super::rewriter::{Id, Rewriter};
use super::{Changes, FUSED_DOMAIN};
use crate::shape::Inference;
use crate::{Attribute, GraphError, Node};

pub(super) fn run(rewriter: &mut Rewriter<'_>) -> Result<Changes, GraphError> {
    let mut changes = Changes::default();
    let inference = rewriter.infer()?;
    for id in rewriter.order()? {
        let mut at = id;
        while let Some((reader, node, what)) = joined(rewriter, at, &inference) {
            changes.count(what);
            rewriter.remove(at);
            rewriter.replace(reader, node);
            at = reader;
        }
    }
    Ok(changes)
}

/// A convolution or product with what its only reader does, where that can be joined to it.
fn joined(rewriter: &Rewriter<'_>, id: Id, inference: &Inference) -> Option<(Id, Node, &'static str)> {
    let node = rewriter.node(id);
    if !is_linear(rewriter, node) || node.attributes.contains_key("activation") {
        return None;
    }
    let reader = rewriter.sole_reader(node.outputs.first()?)?;
    let next = rewriter.node(reader);
    let mut joined = Node { domain: FUSED_DOMAIN.to_owned(), outputs: next.outputs.clone(), ..node.clone() };
    if let Some(activation) = activation(rewriter, next) {
        joined = activation.attach(joined);
        return Some((reader, joined, "activation"));
    }
    let residual = residual(node, next, inference)?;
    joined.inputs.resize(4, String::new());
    residual.clone_into(&mut joined.inputs[3]);
    Some((reader, joined, "residual"))
}

fn is_linear(rewriter: &Rewriter<'_>, node: &Node) -> bool {
    let fused = node.domain == FUSED_DOMAIN && (node.operator == "Conv" || node.operator == "Gemm");
    (node.is("Conv") || fused) && node.input(1).is_some_and(|weight| rewriter.weights(weight).is_some())
}

/// The other operand of an addition, where it has the very shape of the first.
fn residual<'r>(node: &Node, next: &'r Node, inference: &Inference) -> Option<&'r str> {
    let output = &node.outputs[0];
    if !next.is("Add") || node.input(3).is_some() {
        return None;
    }
    let other = next.inputs.iter().find(|input| *input != output)?;
    is_same(inference.value(other)?, inference.value(output)?).then_some(other)
}

/// A function of each element, as an attribute of a fused node says it.
struct Activation {
    name: &'static str,
    parameters: [Option<f32>; 2],
}

impl Activation {
    fn attach(&self, node: Node) -> Node {
        let mut node = node.with("activation", self.name);
        for (name, parameter) in ["activation_alpha", "activation_beta"].iter().zip(self.parameters) {
            if let Some(number) = parameter {
                node = node.with(name, number);
            }
        }
        node
    }
}

fn activation(rewriter: &Rewriter<'_>, node: &Node) -> Option<Activation> {
    let plain = |name| Some(Activation { name, parameters: [None, None] });
    let float =
        |name: &str, otherwise: f32| node.attributes.get(name).and_then(Attribute::as_float).unwrap_or(otherwise);
    let with = |name, alpha, beta| Some(Activation { name, parameters: [Some(alpha), beta] });
    match (node.domain.as_str(), node.operator.as_str()) {
        ("", "Relu") => plain("relu"),
        ("", "Sigmoid") => plain("sigmoid"),
        ("", "Tanh") => plain("tanh"),
        ("", "Softplus") => plain("softplus"),
        ("", "Mish") => plain("mish"),
        ("", "HardSwish") => plain("hard_swish"),
        ("", "Gelu") if node.attributes.get("approximate").and_then(Attribute::as_str) == Some("tanh") => {
            plain("gelu_tanh")
        }
        ("", "Gelu") => plain("gelu"),
        (FUSED_DOMAIN, "Silu") => plain("silu"),
        ("", "Swish") if float("alpha", 1.0) == 1.0 => plain("silu"),
        ("", "LeakyRelu") => with("leaky_relu", float("alpha", 0.01), None),
        ("", "Elu") => with("elu", float("alpha", 1.0), None),
        ("", "HardSigmoid") => with("hard_sigmoid", float("alpha", 0.2), Some(float("beta", 0.5))),
        ("", "Clip") => clip(rewriter, node),
        _ => None,
    }
}

/// The bounds of a `Clip`, which are attributes up to operator set 10 and inputs after.
fn clip(rewriter: &Rewriter<'_>, node: &Node) -> Option<Activation> {
    let bound = |name: &str, position: usize, none: f32| match (node.attributes.get(name), node.input(position)) {
        (Some(attribute), _) => attribute.as_float(),
        (None, Some(input)) => rewriter.scalar(input).map(|number| number as f32),
        (None, None) => Some(none),
    };
    let (low, high) = (bound("min", 1, f32::NEG_INFINITY)?, bound("max", 2, f32::INFINITY)?);
    Some(Activation { name: "clip", parameters: [Some(low), Some(high)] })
}
