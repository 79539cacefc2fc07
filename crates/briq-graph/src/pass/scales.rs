//! What scales and shifts each channel behind a convolution or a product goes into its weight and its bias.
//!
//! With a factor *f* and a shift *s* for each channel, `f · (W x + b) + s = (f W) x + (f b + s)`. The products over constants
//! are written as nodes, which [`super::Pass::Constants`] has computed. Batch normalisation (Ioffe and Szegedy, 2015) has
//! `f = scale / √(variance + ε)` and `s = bias − f · mean`.

use super::channel::{as_list, is_per_channel};
use super::products::columns;
use super::rewriter::{Id, Rewriter};
use super::{Changes, FUSED_DOMAIN};
use crate::shape::Inference;
use crate::{Attribute, GraphError, Initializer, Node};

pub(super) fn run(rewriter: &mut Rewriter<'_>) -> Result<Changes, GraphError> {
    let mut changes = Changes::default();
    let inference = rewriter.infer()?;
    for id in rewriter.order()? {
        unpad(rewriter, id, &mut changes);
        let Some(mut linear) = Linear::of(rewriter, id, &inference) else { continue };
        while let Some((reader, affine)) = linear.scaled_by(rewriter) {
            changes.count(match affine {
                Affine::Normalized => "BatchNormalization",
                Affine::Factor(_) | Affine::Divisor(_) => "factor",
                Affine::Shift(_) | Affine::NegativeShift(_) => "shift",
            });
            linear.absorb(rewriter, reader, &affine);
        }
    }
    Ok(changes)
}

/// A convolution or product with a constant weight.
struct Linear {
    id: Id,
    channels: usize,
    /// Number of axes of its output, and which of them is the channels'.
    rank: usize,
    axis: usize,
    /// The shape in which one factor for each channel is broadcast to the weight.
    spread: Vec<i64>,
}

impl Linear {
    fn of(rewriter: &Rewriter<'_>, id: Id, inference: &Inference) -> Option<Self> {
        let node = rewriter.node(id);
        let weight = rewriter.weights(node.input(1)?)?.shape.as_slice();
        if node.input(2).is_some_and(|bias| rewriter.weights(bias).is_none()) {
            return None;
        }
        let spread_along = |axis: usize| (0..weight.len()).map(|place| if place == axis { -1 } else { 1 }).collect();
        let int =
            |name: &str, otherwise: i64| node.attributes.get(name).and_then(Attribute::as_int).unwrap_or(otherwise);
        let windowed = |at: usize| {
            Some(Self { id, channels: *weight.get(at)?, rank: weight.len(), axis: 1, spread: spread_along(at) })
        };
        match (node.domain.as_str(), node.operator.as_str()) {
            ("", "Conv") => windowed(0),
            ("", "ConvTranspose") if int("group", 1) == 1 => windowed(1),
            (FUSED_DOMAIN, "Gemm") if node.input(3).is_none() && !node.attributes.contains_key("activation") => {
                let transposed = int("transB", 0) != 0;
                let rank = inference.value(&node.outputs[0])?.shape.len();
                let spread = spread_along(usize::from(!transposed));
                Some(Self { id, channels: columns(weight, transposed)?, rank, axis: rank - 1, spread })
            }
            _ => None,
        }
    }

    /// The only node that reads it, where that scales or shifts each channel by constants.
    fn scaled_by(&self, rewriter: &Rewriter<'_>) -> Option<(Id, Affine)> {
        let output = rewriter.node(self.id).outputs[0].as_str();
        let reader = rewriter.sole_reader(output)?;
        let node = rewriter.node(reader);
        if !node.domain.is_empty() {
            return None;
        }
        if node.operator == "BatchNormalization" {
            return (node.operand(0) == output && self.is_normalized_by(rewriter, node))
                .then_some((reader, Affine::Normalized));
        }
        let (first, second) = (node.input(0)?, node.input(1)?);
        let (constant, behind) = if first == output { (second, true) } else { (first, false) };
        let affine = match node.operator.as_str() {
            "Mul" => Affine::Factor,
            "Div" if behind => Affine::Divisor,
            "Add" => Affine::Shift,
            "Sub" if behind => Affine::NegativeShift,
            _ => return None,
        };
        let shape = &rewriter.weights(constant)?.shape;
        let fits = is_per_channel(shape, self.rank, self.axis, self.channels);
        fits.then(|| (reader, affine(constant.to_owned())))
    }

    fn is_normalized_by(&self, rewriter: &Rewriter<'_>, node: &Node) -> bool {
        let training = node.attributes.get("training_mode").and_then(Attribute::as_int).unwrap_or(0) != 0;
        let statistics = (1..5).map(|position| rewriter.weights(node.input(position)?));
        let each = statistics.map(|tensor| tensor.is_some_and(|tensor| tensor.shape == [self.channels]));
        self.axis == 1
            && !training
            && node.outputs[1..].iter().all(String::is_empty)
            && each.into_iter().all(|fits| fits)
    }

    /// Takes the place of the node that scales it.
    fn absorb(&mut self, rewriter: &mut Rewriter<'_>, reader: Id, affine: &Affine) {
        let mut node = rewriter.node(self.id).clone();
        let [factor, shift] = self.terms(rewriter, reader, affine);
        if let Some(factor) = &factor {
            let target = rewriter.add_integers(factor, &self.spread);
            let spread = rewriter.emit("Reshape", &[factor, &target], reader);
            node.inputs[1] = rewriter.emit("Mul", &[node.operand(1), &spread], reader);
        }
        if let Some(bias) = self.shifted(rewriter, node.input(2), [factor, shift], reader) {
            node.inputs.resize(3.max(node.inputs.len()), String::new());
            node.inputs[2] = bias;
        }
        node.outputs = vec![rewriter.node(reader).outputs[0].clone()];
        rewriter.remove(self.id);
        rewriter.replace(reader, node);
        self.id = reader;
    }

    fn shifted(
        &self,
        rewriter: &mut Rewriter<'_>,
        bias: Option<&str>,
        [factor, shift]: [Option<String>; 2],
        beside: Id,
    ) -> Option<String> {
        let Some(bias) = bias else { return shift };
        let scaled = match factor {
            Some(factor) => rewriter.emit("Mul", &[bias, &factor], beside),
            None => bias.to_owned(),
        };
        Some(shift.map_or(scaled.clone(), |shift| rewriter.emit("Add", &[&scaled, &shift], beside)))
    }

    /// One factor and one shift for each channel, where there are some.
    fn terms(&self, rewriter: &mut Rewriter<'_>, beside: Id, affine: &Affine) -> [Option<String>; 2] {
        let mut list = |name: &str| {
            as_list(rewriter, name, self.channels, beside)
                .expect("it was found to be a constant of one number for each channel")
        };
        match affine {
            Affine::Factor(name) => [Some(list(name)), None],
            Affine::Shift(name) => [None, Some(list(name))],
            Affine::Divisor(name) => {
                let list = list(name);
                [Some(rewriter.emit("Reciprocal", &[&list], beside)), None]
            }
            Affine::NegativeShift(name) => {
                let list = list(name);
                [None, Some(rewriter.emit("Neg", &[&list], beside))]
            }
            Affine::Normalized => normalization(rewriter, beside).map(Some),
        }
    }
}

/// What a node does to each channel.
enum Affine {
    Factor(String),
    Divisor(String),
    Shift(String),
    NegativeShift(String),
    Normalized,
}

/// The factor and the shift of a batch normalisation.
fn normalization(rewriter: &mut Rewriter<'_>, id: Id) -> [String; 2] {
    let node = rewriter.node(id).clone();
    let epsilon = node.attributes.get("epsilon").and_then(Attribute::as_float).unwrap_or(1e-5);
    let [_, scale, bias, mean, variance] = [0, 1, 2, 3, 4].map(|position| node.operand(position));
    let name = rewriter.fresh(variance);
    let epsilon = rewriter.add_constant(Initializer::from_f32(name, Vec::new(), &[epsilon]));
    let variance = rewriter.emit("Add", &[variance, &epsilon], id);
    let deviation = rewriter.emit("Sqrt", &[&variance], id);
    let factor = rewriter.emit("Div", &[scale, &deviation], id);
    let centre = rewriter.emit("Mul", &[mean, &factor], id);
    let shift = rewriter.emit("Sub", &[bias, &centre], id);
    [factor, shift]
}

/// Zeros that a `Pad` puts around become padding of the convolution behind it.
fn unpad(rewriter: &mut Rewriter<'_>, id: Id, changes: &mut Changes) {
    if let Some(node) = unpadded(rewriter, rewriter.node(id)) {
        changes.count("Pad");
        rewriter.replace(id, node);
    }
}

fn unpadded(rewriter: &Rewriter<'_>, node: &Node) -> Option<Node> {
    let input = node.input(0).filter(|_| node.is("Conv"))?;
    let pad = rewriter.made_by(input, "Pad").filter(|_| rewriter.sole_reader(input).is_some())?;
    let text = |node: &Node, name: &str| node.attributes.get(name).and_then(Attribute::as_str).map(str::to_owned);
    let explicit = text(node, "auto_pad").is_none_or(|auto| auto == "NOTSET" || auto == "VALID");
    let zeros = text(pad, "mode").is_none_or(|mode| mode == "constant")
        && pad.input(2).is_none_or(|value| rewriter.scalar(value) == Some(0.0))
        && pad.attributes.get("value").and_then(Attribute::as_float).unwrap_or(0.0) == 0.0;
    let spatial = rewriter.constant(node.input(1)?)?.shape.len().checked_sub(2)?;
    let around = pads(rewriter, pad).filter(|pads| explicit && zeros && pads.len() == 2 * (spatial + 2))?;
    let (before, after) = around.split_at(spatial + 2);
    let outside = before[..2].iter().chain(&after[..2]).all(|&pad| pad == 0);
    let own =
        node.attributes.get("pads").and_then(Attribute::as_ints).map_or_else(|| vec![0; 2 * spatial], <[i64]>::to_vec);
    if !outside || own.len() != 2 * spatial || around.iter().any(|&pad| pad < 0) {
        return None;
    }
    let added = before[2..].iter().chain(&after[2..]);
    let sum: Vec<i64> = own.iter().zip(added).map(|(own, added)| own.saturating_add(*added)).collect();
    let mut merged = node.clone().with("pads", sum);
    merged.attributes.remove("auto_pad");
    merged.inputs[0] = pad.operand(0).to_owned();
    Some(merged)
}

/// How much a `Pad` adds, unless it names its axes.
fn pads(rewriter: &Rewriter<'_>, pad: &Node) -> Option<Vec<i64>> {
    match pad.attributes.get("pads").and_then(Attribute::as_ints) {
        Some(pads) => Some(pads.to_vec()),
        None => rewriter.integers(pad.input(1)?).filter(|_| pad.input(3).is_none()),
    }
}
