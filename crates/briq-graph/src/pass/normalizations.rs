//! Layer normalisation (Ba, Kiros and Hinton, 2016) and root-mean-square normalisation (Zhang and Sennrich, 2019), where an
//! exporter wrote them out: means, squares, a square root.
//!
//! `(x − mean) / √(variance + ε)` becomes a `LayerNormalization` whose scale is all ones; the constants that it is then
//! multiplied by and added to become its scale and its bias. Keras multiplies out instead:
//! `x · m + (bias − mean · m)` with `m = scale / √(variance + ε)`.

use super::Changes;
use super::channel::as_list;
use super::rewriter::{Id, Rewriter};
use crate::shape::Inference;
use crate::{Attribute, Dim, ElementType, GraphError, Initializer, Node};

pub(super) fn run(rewriter: &mut Rewriter<'_>) -> Result<Changes, GraphError> {
    let mut changes = Changes::default();
    let inference = rewriter.infer()?;
    for id in rewriter.order()? {
        let seen = Seen { rewriter, inference: &inference };
        let Some(found) = seen.divided(rewriter.node(id)).or_else(|| seen.multiplied_out(rewriter.node(id))) else {
            continue;
        };
        changes.count(if found.centred { "LayerNormalization" } else { "RMSNormalization" });
        found.write(rewriter, id);
    }
    Ok(changes)
}

/// A normalisation over the last axes of a value.
struct Found {
    input: String,
    /// How many axes the input has.
    rank: usize,
    /// The lengths of the axes that are normalised.
    shape: Vec<usize>,
    epsilon: f64,
    /// Whether the mean is subtracted.
    centred: bool,
    scale: Option<String>,
    bias: Option<String>,
}

impl Found {
    fn write(mut self, rewriter: &mut Rewriter<'_>, id: Id) {
        let mut root = id;
        while let Some(reader) = self.joined(rewriter, root) {
            root = reader;
        }
        let scale = match self.listed(rewriter, self.scale.clone(), id) {
            Some(scale) => scale,
            None => {
                let name = rewriter.fresh(&self.input);
                let ones = vec![1.0; self.shape.iter().product()];
                rewriter.add_constant(Initializer::from_f32(name, self.shape.clone(), &ones))
            }
        };
        let inputs = [Some(self.input.clone()), Some(scale), self.listed(rewriter, self.bias.clone(), id)];
        let inputs: Vec<&str> = inputs.iter().flatten().map(String::as_str).collect();
        let operator = if self.centred { "LayerNormalization" } else { "RMSNormalization" };
        let output = rewriter.node(root).outputs[0].clone();
        let node = Node::new(&rewriter.node(root).name, operator, &inputs, &[&output]);
        let axis = -i64::try_from(self.shape.len()).expect("a tensor has few axes");
        rewriter.replace(root, node.with("axis", axis).with("epsilon", self.epsilon as f32));
    }

    /// The node behind `root` that multiplies by a scale or adds a bias, which is taken in.
    fn joined(&mut self, rewriter: &Rewriter<'_>, root: Id) -> Option<Id> {
        let output = rewriter.node(root).outputs[0].as_str();
        let reader = rewriter.sole_reader(output)?;
        let node = rewriter.node(reader);
        let constant = node.inputs.iter().find(|input| *input != output).filter(|name| self.fits(rewriter, name))?;
        match node.operator.as_str() {
            "Mul" if node.domain.is_empty() && self.scale.is_none() && self.bias.is_none() => {
                self.scale = Some(constant.clone());
            }
            "Add" if node.domain.is_empty() && self.bias.is_none() && self.centred => {
                self.bias = Some(constant.clone());
            }
            _ => return None,
        }
        Some(reader)
    }

    /// Whether a constant has one number for each place that is normalised.
    fn fits(&self, rewriter: &Rewriter<'_>, name: &str) -> bool {
        let Some(tensor) = rewriter.weights(name) else { return false };
        let leading = tensor.shape.len().checked_sub(self.shape.len()).filter(|_| tensor.shape.len() <= self.rank);
        let same = leading.is_some_and(|leading| tensor.shape[leading..] == self.shape);
        // Leading axes can be left out of a list, and of nothing else.
        same && (leading == Some(0) || (self.shape.len() == 1 && tensor.count() == self.shape[0]))
    }

    fn listed(&self, rewriter: &mut Rewriter<'_>, name: Option<String>, beside: Id) -> Option<String> {
        let name = name?;
        match self.shape.as_slice() {
            [width] => as_list(rewriter, &name, *width, beside),
            _ => Some(name),
        }
    }
}

/// The graph as the patterns see it.
struct Seen<'s, 'e> {
    rewriter: &'s Rewriter<'e>,
    inference: &'s Inference,
}

impl<'s> Seen<'s, '_> {
    /// `d / √(v + ε)`, where `v` is the mean of `d²`.
    fn divided(&self, node: &'s Node) -> Option<Found> {
        if node.is("Div") {
            let (variance, epsilon) = self.deviation(node.input(1)?)?;
            return self.normalised(node.input(0)?, variance, epsilon);
        }
        self.operands(node, "Mul")?.into_iter().find_map(|(numerator, inverse)| {
            let (variance, epsilon) = self.inverse_deviation(inverse)?;
            self.normalised(numerator, variance, epsilon)
        })
    }

    fn normalised(&self, numerator: &'s str, variance: &'s str, epsilon: f64) -> Option<Found> {
        let (square, axes) = self.mean(variance)?;
        let squared = self.squared(square)?;
        let centred = self.centred(squared, axes);
        let input = match centred {
            Some(input) if numerator == squared || self.centred(numerator, axes) == Some(input) => input,
            None if numerator == squared => squared,
            _ => return None,
        };
        let (rank, shape) = self.lengths(input, axes)?;
        let (input, centred) = (input.to_owned(), centred.is_some());
        Some(Found { input, rank, shape, epsilon, centred, scale: None, bias: None })
    }

    /// `x · m + (bias − mean · m)`.
    fn multiplied_out(&self, node: &'s Node) -> Option<Found> {
        self.operands(node, "Add")?.into_iter().find_map(|(product, rest)| {
            let factors = self.operands(self.rewriter.made_by(product, "Mul")?, "Mul")?;
            factors.into_iter().find_map(|(input, factor)| self.with_rest(input, factor, rest))
        })
    }

    fn with_rest(&self, input: &'s str, factor: &'s str, rest: &'s str) -> Option<Found> {
        let (mean, bias) = self.shifted_mean(rest, factor)?;
        let (averaged, axes) = self.mean(mean)?;
        let (inverse, scale) = self.scaled(factor);
        let (variance, epsilon) = self.inverse_deviation(inverse)?;
        let (square, _) = self.mean(variance).filter(|(_, own)| averaged == input && *own == axes)?;
        self.centred(self.squared(square)?, axes).filter(|centred| *centred == input)?;
        let (rank, shape) = self.lengths(input, axes)?;
        let (input, scale, bias) = (input.to_owned(), scale.map(str::to_owned), Some(bias.to_owned()));
        let found = Found { input, rank, shape, epsilon, centred: true, scale, bias };
        let fits = |name: &Option<String>| name.as_ref().is_none_or(|name| found.fits(self.rewriter, name));
        (fits(&found.scale) && fits(&found.bias)).then_some(found)
    }

    /// `mean` and `bias` of `bias − mean · factor`, or of `−mean · factor + bias`.
    fn shifted_mean(&self, rest: &'s str, factor: &str) -> Option<(&'s str, &'s str)> {
        let times = |product: &'s str| -> Option<&'s str> {
            let node = self.rewriter.made_by(product, "Mul")?;
            self.operands(node, "Mul")?.into_iter().find(|(_, other)| *other == factor).map(|(own, _)| own)
        };
        if let Some(node) = self.rewriter.made_by(rest, "Sub") {
            return Some((times(node.input(1)?)?, node.input(0)?));
        }
        self.operands(self.rewriter.made_by(rest, "Add")?, "Add")?.into_iter().find_map(|(product, bias)| {
            let negative = self.rewriter.made_by(times(product)?, "Neg")?;
            Some((negative.input(0)?, bias))
        })
    }

    /// A factor without the constant in it, and the constant.
    fn scaled(&self, factor: &'s str) -> (&'s str, Option<&'s str>) {
        let node = self.rewriter.made_by(factor, "Mul");
        let pairs = node.and_then(|node| self.operands(node, "Mul")).into_iter().flatten();
        let constant = |(_, name): &(&str, &str)| self.rewriter.weights(name).is_some();
        pairs.into_iter().find(constant).map_or((factor, None), |(rest, scale)| (rest, Some(scale)))
    }

    /// Both operands of an operator that commutes, in either order.
    fn operands(&self, node: &'s Node, operator: &str) -> Option<[(&'s str, &'s str); 2]> {
        let (a, b) = node.is(operator).then(|| Some((node.input(0)?, node.input(1)?)))??;
        Some([(a, b), (b, a)])
    }

    /// `variance` and `ε` of `√(variance + ε)`.
    fn deviation(&self, value: &str) -> Option<(&'s str, f64)> {
        let sum = self.rewriter.made_by(value, "Sqrt")?.input(0)?;
        self.with_epsilon(sum)
    }

    fn with_epsilon(&self, sum: &str) -> Option<(&'s str, f64)> {
        let node = self.rewriter.made_by(sum, "Add")?;
        self.operands(node, "Add")?
            .into_iter()
            .find_map(|(variance, epsilon)| self.rewriter.scalar(epsilon).map(|epsilon| (variance, epsilon)))
    }

    /// `variance` and `ε` of `1 / √(variance + ε)`.
    fn inverse_deviation(&self, value: &str) -> Option<(&'s str, f64)> {
        let node = self.rewriter.node(self.rewriter.producer(value)?);
        match node.operator.as_str() {
            "Reciprocal" if node.domain.is_empty() => self.deviation(node.input(0)?),
            "Div" if node.domain.is_empty() && self.rewriter.scalar(node.input(0)?) == Some(1.0) => {
                self.deviation(node.input(1)?)
            }
            "Pow" if node.domain.is_empty() && self.rewriter.scalar(node.input(1)?) == Some(-0.5) => {
                self.with_epsilon(node.input(0)?)
            }
            _ => None,
        }
    }

    /// What is averaged, and over how many last axes.
    fn mean(&self, value: &str) -> Option<(&'s str, usize)> {
        let node = self.rewriter.node(self.rewriter.producer(value)?);
        let input = node.input(0)?;
        let rank = self.inference.value(input)?.shape.len();
        if node.is("GlobalAveragePool") {
            return Some((input, rank.checked_sub(2)?));
        }
        let keeps = node.attributes.get("keepdims").and_then(Attribute::as_int).unwrap_or(1) != 0;
        let axes = match node.attributes.get("axes").and_then(Attribute::as_ints) {
            Some(axes) => axes.to_vec(),
            None => self.rewriter.integers(node.input(1)?)?,
        };
        let signed = rank as i64;
        let mut places: Vec<i64> = axes.iter().map(|&axis| if axis < 0 { axis + signed } else { axis }).collect();
        places.sort_unstable();
        let count = places.len();
        let last = count > 0 && count <= rank && places.into_iter().eq((rank - count) as i64..signed);
        (node.is("ReduceMean") && keeps && last).then_some((input, count))
    }

    fn squared(&self, value: &str) -> Option<&'s str> {
        let node = self.rewriter.node(self.rewriter.producer(value)?);
        let (a, b) = (node.input(0)?, node.input(1)?);
        let square = (node.is("Mul") && a == b) || (node.is("Pow") && self.rewriter.scalar(b) == Some(2.0));
        square.then_some(a)
    }

    /// `x` of `x − mean(x)`.
    fn centred(&self, value: &str, axes: usize) -> Option<&'s str> {
        let node = self.rewriter.made_by(value, "Sub")?;
        let input = node.input(0)?;
        (self.mean(node.input(1)?)? == (input, axes)).then_some(input)
    }

    /// How many axes a value of single precision has, and the lengths of its last ones.
    fn lengths(&self, input: &str, axes: usize) -> Option<(usize, Vec<usize>)> {
        let value = self.inference.value(input).filter(|value| value.element == ElementType::F32)?;
        let rank = value.shape.len();
        Some((rank, value.shape[rank - axes..].iter().map(Dim::fixed).collect::<Option<_>>()?))
    }
}
