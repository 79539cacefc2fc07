//! Networks from the `[[layer]]` tables of `briq.toml`.
//!
//! The graph's input is the raw feature: normalisation is part of the network, so a package needs no separate
//! preprocessing. A layer is called by its type and its number among those of its type (`conv2d_1`), its node and the
//! value that the node computes likewise, its parameters `conv2d_1.weight` and so on, and further nodes that it needs
//! `conv2d_1.relu`. Tensors are channels first. The last value is called `output`.
//!
//! Padding `same` keeps ⌈length / stride⌉; it is written as explicit pads, since an example's shape is fixed.
//!
//! ```
//! use briq_graph::layers::{build, LayerInput};
//! use briq_spec::recipe::{ActivationFunction, Dense, Layer};
//!
//! let dense = Layer::Dense(Dense { units: 10, activation: Some(ActivationFunction::Softmax), bias: true });
//! let input = LayerInput { name: "input".into(), shape: vec![64] };
//! let network = build("digits", &[dense], &input, None)?;
//! assert_eq!(network.output_shape, [10]);
//! assert_eq!(network.logits, "dense_1");
//! assert_eq!(network.parameters[0].name, "dense_1.weight");
//! # Ok::<(), briq_graph::GraphError>(())
//! ```

mod activation;
mod builder;
mod dense;
mod image;
mod normalization;
mod reshaping;

use briq_spec::recipe::Layer;

use self::builder::Builder;
use crate::{Graph, GraphError};

/// The largest number that a layer may be given for a length: units, filters, a window, a stride, padding.
pub const MAX_LENGTH: usize = 1 << 31;

/// The most elements that one parameter, or one value for one example, may have.
pub const MAX_ELEMENTS: usize = 1 << 40;

/// The name of the graph's output.
pub const OUTPUT: &str = "output";

/// The symbol of the first axis of every value: the number of examples.
pub const BATCH: &str = "batch";

/// Builds the network of some layers for examples of a given shape.
///
/// # Errors
/// A layer that cannot take the shape before it, or whose own numbers make no sense: the error names the layer's
/// position (from 1), its type and both shapes. Statistics that do not fit the input.
pub fn build(
    name: &str,
    layers: &[Layer],
    input: &LayerInput,
    normalize: Option<&Normalize>,
) -> Result<Network, GraphError> {
    let mut builder = Builder::new(name, input)?;
    if let Some(statistics) = normalize {
        builder.normalize(statistics)?;
    }
    for position in 0..layers.len() {
        builder.enter(position, &layers[position]);
        add(&mut builder, layers, position)?;
    }
    builder.finish()
}

fn add(builder: &mut Builder, layers: &[Layer], position: usize) -> Result<(), GraphError> {
    let rectified = activation::rectified(&layers[position..]);
    match &layers[position] {
        Layer::Dense(layer) => builder.dense(layer, rectified),
        Layer::Conv2d(layer) => builder.conv2d(layer, rectified),
        Layer::MaxPool2d(layer) => builder.pool2d("MaxPool", layer),
        Layer::AvgPool2d(layer) => builder.pool2d("AveragePool", layer),
        Layer::GlobalAvgPool2d(_) => builder.global_avg_pool2d(),
        Layer::Flatten(_) => builder.flatten(),
        Layer::Reshape(layer) => builder.reshape(layer),
        Layer::Dropout(layer) => builder.dropout(layer),
        Layer::BatchNorm(layer) => builder.batch_norm(layer),
        Layer::LayerNorm(layer) => builder.layer_norm(layer),
        Layer::Activation(layer) => builder.activation_layer(layer.function),
    }
}

/// What the network is fed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerInput {
    /// The name of the graph's input, `input` by custom.
    pub name: String,
    /// The shape of one example: `[features]`, or `[channels, height, width]` for images.
    pub shape: Vec<usize>,
}

/// Statistics that turn raw features into normalised ones: `(x - offset) / scale`.
///
/// Both hold one number for each feature (row-major over the shape of an example), or a single one for all.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalize {
    /// Subtracted first.
    pub offset: Vec<f32>,
    /// Divided by afterwards. Never 0.
    pub scale: Vec<f32>,
}

/// A graph that was built from layers, whose parameters are declared and not yet filled.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// The graph. Each parameter is an initializer with [`Data::Unset`](crate::Data::Unset).
    pub graph: Graph,
    /// Every parameter, in the order of the layers.
    pub parameters: Vec<Parameter>,
    /// The value before a final softmax, or the output where there is none.
    pub logits: String,
    /// The shape of the output for one example.
    pub output_shape: Vec<usize>,
}

/// A tensor that belongs to a layer and is learnt, or kept by the layer while it learns.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// The name of its initializer, such as `conv2d_1.weight`.
    pub name: String,
    /// One length for each axis.
    pub shape: Vec<usize>,
    /// How it starts.
    pub init: Init,
    /// Whether an optimiser changes it. The running statistics of a batch normalisation are not trainable: the
    /// layer itself keeps them.
    pub trainable: bool,
}

/// How a parameter starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// Uniform in ±√(6 / (fan_in + fan_out)) (Glorot and Bengio 2010): for layers without a rectifier behind them.
    GlorotUniform {
        /// Inputs that each output depends on.
        fan_in: usize,
        /// Outputs that each input reaches.
        fan_out: usize,
    },
    /// Uniform in ±√(6 / fan_in) (He et al. 2015): for layers with a rectifier behind them.
    KaimingUniform {
        /// Inputs that each output depends on.
        fan_in: usize,
    },
    /// All 0.
    Zeros,
    /// All 1.
    Ones,
}

impl Init {
    /// The bound of the uniform distribution, or `None` for a constant start.
    pub fn bound(self) -> Option<f64> {
        let fan = match self {
            Self::GlorotUniform { fan_in, fan_out } => fan_in + fan_out,
            Self::KaimingUniform { fan_in } => fan_in,
            Self::Zeros | Self::Ones => return None,
        };
        Some((6.0 / fan.max(1) as f64).sqrt())
    }
}
