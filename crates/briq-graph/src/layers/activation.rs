//! Functions of each value.

use briq_spec::recipe::{ActivationFunction as Function, Layer};

use super::builder::Builder;
use crate::{GraphError, Node};

/// Whether a rectifier stands behind the first of the layers: in it, or right after it but for a normalisation.
/// Such a layer starts with He's variance, others with Glorot's.
pub(super) fn rectified(layers: &[Layer]) -> bool {
    let own = match layers.first() {
        Some(Layer::Dense(layer)) => layer.activation,
        Some(Layer::Conv2d(layer)) => layer.activation,
        _ => None,
    };
    let skipped = |layer: &&Layer| matches!(layer, Layer::BatchNorm(_) | Layer::LayerNorm(_));
    let next = match layers.iter().skip(1).find(|layer| !skipped(layer)) {
        Some(Layer::Activation(layer)) => Some(layer.function),
        _ => None,
    };
    let function = own.or(next).unwrap_or(Function::Linear);
    matches!(function, Function::Relu | Function::LeakyRelu | Function::Elu | Function::Gelu | Function::Silu)
}

impl Builder {
    /// The activation inside another layer: node `dense_1.relu`.
    pub(super) fn activate(&mut self, function: Option<Function>) -> Result<(), GraphError> {
        match function {
            None | Some(Function::Linear) => Ok(()),
            Some(function) => self.activation(function, format!("{}.{}", self.name, word(function))),
        }
    }

    /// An activation that is a layer of its own: node `activation_1`.
    pub(super) fn activation_layer(&mut self, function: Function) -> Result<(), GraphError> {
        self.activation(function, self.name.clone())
    }

    fn activation(&mut self, function: Function, name: String) -> Result<(), GraphError> {
        let node = |operator: &str| Node::new(&name, operator, &[], &[]);
        let node = match function {
            Function::Relu => node("Relu"),
            Function::LeakyRelu => node("LeakyRelu").with("alpha", 0.01_f32),
            Function::Elu => node("Elu").with("alpha", 1.0_f32),
            Function::Gelu => node("Gelu").with("approximate", "none"),
            Function::Silu => return self.silu(name),
            Function::Tanh => node("Tanh"),
            Function::Sigmoid => node("Sigmoid"),
            Function::Softmax => node("Softmax").with("axis", -1_i64),
            Function::Linear => node("Identity"),
        };
        self.emit(node, &[], self.shape.clone())
    }

    /// x σ(x): no operator of its own before operator set 24.
    fn silu(&mut self, name: String) -> Result<(), GraphError> {
        let before = self.value.clone();
        self.emit(Node::new(format!("{name}.sigmoid"), "Sigmoid", &[], &[]), &[], self.shape.clone())?;
        self.emit(Node::new(name, "Mul", &[], &[]), &[before], self.shape.clone())
    }
}

/// What the function is called in a node's name.
fn word(function: Function) -> &'static str {
    match function {
        Function::Relu => "relu",
        Function::LeakyRelu => "leaky_relu",
        Function::Elu => "elu",
        Function::Gelu => "gelu",
        Function::Silu => "silu",
        Function::Tanh => "tanh",
        Function::Sigmoid => "sigmoid",
        Function::Softmax => "softmax",
        Function::Linear => "linear",
    }
}
