//! `[[layer]]`: the layers that a network is built of.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One layer. Images are channels first: `[channels, height, width]` for each example.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Layer {
    /// Every input to every unit.
    Dense(Dense),
    /// A convolution over an image.
    Conv2d(Conv2d),
    /// The largest value of each window.
    MaxPool2d(Pool2d),
    /// The mean of each window.
    AvgPool2d(Pool2d),
    /// The mean of each channel.
    GlobalAvgPool2d(Empty),
    /// All dimensions of an example into one.
    Flatten(Empty),
    /// The same values in another shape.
    Reshape(Reshape),
    /// Some values set to 0 while training.
    Dropout(Dropout),
    /// Each channel to the mean and variance of the batch.
    BatchNorm(BatchNorm),
    /// Each example to its own mean and variance over the last dimension.
    LayerNorm(LayerNorm),
    /// A function of each value.
    Activation(ActivationLayer),
}

impl Layer {
    /// The name of its type as `briq.toml` spells it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Dense(_) => "dense",
            Self::Conv2d(_) => "conv2d",
            Self::MaxPool2d(_) => "max-pool2d",
            Self::AvgPool2d(_) => "avg-pool2d",
            Self::GlobalAvgPool2d(_) => "global-avg-pool2d",
            Self::Flatten(_) => "flatten",
            Self::Reshape(_) => "reshape",
            Self::Dropout(_) => "dropout",
            Self::BatchNorm(_) => "batch-norm",
            Self::LayerNorm(_) => "layer-norm",
            Self::Activation(_) => "activation",
        }
    }
}

/// A layer without parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Empty {}

/// `type = "dense"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Dense {
    /// How many numbers come out.
    pub units: usize,
    /// The function of each of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation: Option<ActivationFunction>,
    /// Whether a learnt number is added to each.
    #[serde(default = "yes")]
    pub bias: bool,
}

/// `type = "conv2d"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Conv2d {
    /// How many channels come out.
    pub filters: usize,
    /// The window.
    pub kernel: Extent2d,
    /// The step from window to window.
    #[serde(default = "one")]
    pub stride: Extent2d,
    /// What is added around the image.
    #[serde(default)]
    pub padding: Padding,
    /// The function of each value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation: Option<ActivationFunction>,
    /// Whether a learnt number is added to each channel.
    #[serde(default = "yes")]
    pub bias: bool,
}

/// `type = "max-pool2d"` and `type = "avg-pool2d"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Pool2d {
    /// The window.
    pub size: Extent2d,
    /// The step from window to window; absent for the window itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stride: Option<Extent2d>,
}

/// `type = "reshape"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Reshape {
    /// The new shape of one example.
    pub shape: Vec<usize>,
}

/// `type = "dropout"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Dropout {
    /// The part that is set to 0, from 0 up to but not including 1.
    pub rate: f64,
}

/// `type = "batch-norm"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct BatchNorm {
    /// How much of the running mean and variance is kept at each step, as in ONNX and Keras.
    pub momentum: f64,
    /// What is added to the variance.
    pub epsilon: f64,
}

impl Default for BatchNorm {
    fn default() -> Self {
        Self { momentum: 0.9, epsilon: 1e-5 }
    }
}

/// `type = "layer-norm"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct LayerNorm {
    /// What is added to the variance.
    pub epsilon: f64,
}

impl Default for LayerNorm {
    fn default() -> Self {
        Self { epsilon: 1e-5 }
    }
}

/// `type = "activation"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ActivationLayer {
    /// The function.
    pub function: ActivationFunction,
}

/// A function of each value; softmax is over the last dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ActivationFunction {
    /// max(x, 0).
    Relu,
    /// x, or 0.01 x below 0.
    LeakyRelu,
    /// x, or eˣ − 1 below 0.
    Elu,
    /// x Φ(x), with the exact error function.
    Gelu,
    /// x σ(x).
    Silu,
    /// The hyperbolic tangent.
    Tanh,
    /// σ(x) = 1 / (1 + e⁻ˣ).
    Sigmoid,
    /// eˣ over the sum of all eˣ.
    Softmax,
    /// x.
    Linear,
}

/// A height and a width: one number for both, or `[height, width]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(from = "OneOrTwo", into = "OneOrTwo")]
pub struct Extent2d {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Extent2d {
    /// As high as wide.
    pub const fn square(side: usize) -> Self {
        Self { height: side, width: side }
    }
}

/// An [`Extent2d`] as it is written.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum OneOrTwo {
    One(usize),
    Two([usize; 2]),
}

impl From<OneOrTwo> for Extent2d {
    fn from(written: OneOrTwo) -> Self {
        match written {
            OneOrTwo::One(side) => Self::square(side),
            OneOrTwo::Two([height, width]) => Self { height, width },
        }
    }
}

impl From<Extent2d> for OneOrTwo {
    fn from(Extent2d { height, width }: Extent2d) -> Self {
        if height == width { Self::One(height) } else { Self::Two([height, width]) }
    }
}

/// What a convolution adds around the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(from = "WrittenPadding", into = "WrittenPadding")]
pub enum Padding {
    /// As much as keeps height and width divided by the stride, rounded up; an odd one goes below and to the right.
    Same,
    /// Nothing.
    #[default]
    Valid,
    /// So many rows and columns of zeros on each side.
    Explicit(usize),
}

/// A [`Padding`] as it is written.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum WrittenPadding {
    Named(NamedPadding),
    Explicit(usize),
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum NamedPadding {
    Same,
    Valid,
}

impl From<WrittenPadding> for Padding {
    fn from(written: WrittenPadding) -> Self {
        match written {
            WrittenPadding::Named(NamedPadding::Same) => Self::Same,
            WrittenPadding::Named(NamedPadding::Valid) => Self::Valid,
            WrittenPadding::Explicit(side) => Self::Explicit(side),
        }
    }
}

impl From<Padding> for WrittenPadding {
    fn from(padding: Padding) -> Self {
        match padding {
            Padding::Same => Self::Named(NamedPadding::Same),
            Padding::Valid => Self::Named(NamedPadding::Valid),
            Padding::Explicit(side) => Self::Explicit(side),
        }
    }
}

fn yes() -> bool {
    true
}

fn one() -> Extent2d {
    Extent2d::square(1)
}
