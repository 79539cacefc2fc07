//! The activation that a fused node ends in.

use briq_kernels::Activation;

use crate::operator::{Call, Fault};

/// The activation that a node's attributes name.
///
/// # Errors
/// When no activation has that name.
pub(crate) fn activation(call: &Call) -> Result<Activation, Fault> {
    let alpha = || call.float("activation_alpha", 0.0);
    let beta = || call.float("activation_beta", 0.0);
    Ok(match call.string("activation")? {
        None => Activation::Identity,
        Some("relu") => Activation::Relu,
        Some("clip") => Activation::Clip { min: alpha()?, max: beta()? },
        Some("leaky_relu") => Activation::LeakyRelu(alpha()?),
        Some("sigmoid") => Activation::Sigmoid,
        Some("tanh") => Activation::Tanh,
        Some("gelu") => Activation::Gelu,
        Some("gelu_tanh") => Activation::GeluTanh,
        Some("silu") => Activation::Silu,
        Some("hard_sigmoid") => Activation::HardSigmoid { alpha: alpha()?, beta: beta()? },
        Some("hard_swish") => Activation::HardSwish,
        Some("elu") => Activation::Elu(alpha()?),
        Some("softplus") => Activation::Softplus,
        Some("mish") => Activation::Mish,
        Some(_) => return Err(Fault::WrongAttribute { name: "activation", expected: "the name of an activation" }),
    })
}
