//! Activation functions by Keras' names.

use briq_graph::Node;
use serde_json::Value;

use super::call::Call;
use crate::ImportError;

/// A function of each element, or along the last axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Function {
    Linear,
    /// One operator with numbers as its attributes.
    Operator(&'static str, Vec<(&'static str, f32)>),
    /// x · g(x).
    Gated(&'static str, Vec<(&'static str, f32)>),
    Gelu {
        approximate: bool,
    },
    /// Between 0 and a bound.
    Clipped(f64),
    /// Along the last axis.
    Softmax,
    LogSoftmax,
    Mish,
}

impl Function {
    /// Reads what a layer has as its `activation`: a name, or an object with a configuration.
    pub(super) fn read(value: &Value, keras: u32) -> Result<Self, ImportError> {
        match value {
            Value::Null => Ok(Self::Linear),
            Value::String(name) => Self::named(name, keras),
            _ => Self::object(value, keras),
        }
    }

    fn object(value: &Value, keras: u32) -> Result<Self, ImportError> {
        let config = &value["config"];
        let number = |keys: &[&str], otherwise: f64| {
            keys.iter().find_map(|key| config[*key].as_f64()).unwrap_or(otherwise) as f32
        };
        match value["class_name"].as_str().unwrap_or_default() {
            "function" => Self::named(config.as_str().unwrap_or_default(), keras),
            "ReLU" if config["max_value"].is_null() => Ok(Self::Operator("Relu", vec![])),
            "LeakyReLU" => Ok(Self::Operator("LeakyRelu", vec![("alpha", number(&["negative_slope", "alpha"], 0.3))])),
            "ELU" => Ok(Self::Operator("Elu", vec![("alpha", number(&["alpha"], 1.0))])),
            "Softmax" => Ok(Self::Softmax),
            other => Err(ImportError::unsupported(format!("activation `{other}` is not carried"))),
        }
    }

    fn named(name: &str, keras: u32) -> Result<Self, ImportError> {
        let plain = |operator| Ok(Self::Operator(operator, vec![]));
        // Keras 3 has x / 6 + 1 / 2 where Keras 2 had x / 5 + 1 / 2.
        let slope = if keras >= 3 { 1.0 / 6.0 } else { 0.2 };
        match name {
            "linear" | "" => Ok(Self::Linear),
            "relu" => plain("Relu"),
            "sigmoid" => plain("Sigmoid"),
            "tanh" => plain("Tanh"),
            "softplus" => plain("Softplus"),
            "softsign" => plain("Softsign"),
            "exponential" => plain("Exp"),
            "elu" => Ok(Self::Operator("Elu", vec![("alpha", 1.0)])),
            "selu" => plain("Selu"),
            "leaky_relu" => Ok(Self::Operator("LeakyRelu", vec![("alpha", 0.2)])),
            "relu6" => Ok(Self::Clipped(6.0)),
            "hard_sigmoid" => Ok(Self::Operator("HardSigmoid", vec![("alpha", slope), ("beta", 0.5)])),
            "swish" | "silu" => Ok(Self::Gated("Sigmoid", vec![])),
            "hard_silu" | "hard_swish" => Ok(Self::Gated("HardSigmoid", vec![("alpha", 1.0 / 6.0), ("beta", 0.5)])),
            "mish" => Ok(Self::Mish),
            "gelu" => Ok(Self::Gelu { approximate: false }),
            "softmax" => Ok(Self::Softmax),
            "log_softmax" => Ok(Self::LogSoftmax),
            other => Err(ImportError::unsupported(format!("activation `{other}` is not carried"))),
        }
    }

    /// Whether it looks along the last axis, rather than at each element.
    pub(super) fn is_along_axis(&self) -> bool {
        matches!(self, Self::Softmax | Self::LogSoftmax)
    }

    /// The function of a value.
    pub(super) fn emit(&self, call: &mut Call<'_>, value: &str) -> String {
        let numbers = |numbers: &[(&'static str, f32)]| {
            let numbers = numbers.to_vec();
            move |node: Node| numbers.into_iter().fold(node, |node, (name, number)| node.with(name, number))
        };
        match self {
            Self::Linear => value.to_owned(),
            Self::Operator(operator, list) => call.node(operator, &[value], numbers(list)),
            Self::Gated(operator, list) => {
                let gate = call.node(operator, &[value], numbers(list));
                call.node("Mul", &[value, &gate], |node| node)
            }
            Self::Gelu { approximate } => {
                let how = if *approximate { "tanh" } else { "none" };
                call.node("Gelu", &[value], |node| node.with("approximate", how))
            }
            Self::Clipped(bound) => {
                let (low, high) = (call.scalar("lowest", 0.0), call.scalar("highest", *bound));
                call.node("Clip", &[value, &low, &high], |node| node)
            }
            Self::Softmax => call.node("Softmax", &[value], |node| node.with("axis", -1_i64)),
            Self::LogSoftmax => call.node("LogSoftmax", &[value], |node| node.with("axis", -1_i64)),
            Self::Mish => {
                let soft = call.node("Softplus", &[value], |node| node);
                let gate = call.node("Tanh", &[&soft], |node| node);
                call.node("Mul", &[value, &gate], |node| node)
            }
        }
    }

    /// What a recurrent operator calls it, with its `alpha` and `beta` where it has them.
    pub(super) fn recurrent(&self) -> Option<(&'static str, f32, f32)> {
        match self {
            Self::Linear => Some(("Affine", 1.0, 0.0)),
            Self::Operator(name @ ("Relu" | "Sigmoid" | "Tanh" | "Softplus" | "Softsign"), _) => Some((name, 0.0, 0.0)),
            Self::Operator("HardSigmoid", list) => Some(("HardSigmoid", list[0].1, list[1].1)),
            _ => None,
        }
    }
}
