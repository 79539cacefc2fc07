//! What flex computes with kernels of our own, from `briq-kernels`, in place of Burn's.
//!
//! A kernel is prepared for a node when a network is loaded: what of it is constant is packed then, and let go. The
//! operator of the same name, made of Burn's functions, is the default: it runs on every other backend, under
//! autodiff, and on whatever a kernel gives back.

mod activation;
mod attention;
mod buffer;
mod convolution;
mod dense;
mod elementwise;
mod joining;
mod linear;
mod normalization;
mod plane;
mod pooling;
mod recurrent;
mod reduction;
mod resampling;
mod transposed_convolution;
mod weights;

use briq_kernels::convolution::ConvolutionSpec;
use burn::backend::DispatchDevice;

use crate::operator::{Call, Fault};
use crate::value::Value;

pub(crate) use activation::activation;
pub(crate) use dense::{examples, joined, read};

/// A node that was made ready to run on flex.
pub(crate) trait Kernel: Send + Sync {
    /// Computes the node; nothing, and the inputs untouched, where they are not what this kernel is for.
    ///
    /// # Errors
    /// Where the node cannot be computed at all.
    fn run(&self, call: &mut Call) -> Result<Option<Vec<Value>>, Fault>;
}

/// Prepares a node for a kernel, given a call with the constant inputs only. Those that the kernel takes are not
/// there when it runs. Nothing where the node is not one for it; it has taken nothing then.
type Prepare = fn(&mut Call) -> Result<Option<Box<dyn Kernel>>, Fault>;

/// The kernels of a family of operators, by name.
type Family = &'static [(&'static str, Prepare)];

const KERNELS: &[Family] = &[
    attention::KERNELS,
    convolution::KERNELS,
    elementwise::KERNELS,
    joining::KERNELS,
    linear::KERNELS,
    normalization::KERNELS,
    pooling::KERNELS,
    recurrent::KERNELS,
    reduction::KERNELS,
    resampling::KERNELS,
    transposed_convolution::KERNELS,
];

/// Whether this device is the one that the kernels are for.
pub(crate) fn serves(device: &DispatchDevice) -> bool {
    matches!(device, DispatchDevice::Flex(_))
}

/// The geometry of a node that is a convolution with constant weights.
pub(crate) fn geometry(call: &Call) -> Option<ConvolutionSpec> {
    let known = is_known(call) && call.node.operator == "Conv";
    if known { convolution::geometry(call).ok().flatten() } else { None }
}

fn is_known(call: &Call) -> bool {
    matches!(call.node.domain.as_str(), "" | "ai.onnx" | briq_graph::pass::FUSED_DOMAIN)
}

/// The kernel for a node, where there is one.
///
/// # Errors
/// When the node's constants contradict each other.
pub(crate) fn prepare(call: &mut Call) -> Result<Option<Box<dyn Kernel>>, Fault> {
    if !is_known(call) {
        return Ok(None);
    }
    let mut all = KERNELS.iter().copied().flatten();
    match all.find(|(name, _)| *name == call.node.operator) {
        Some((_, prepare)) => prepare(call),
        None => Ok(None),
    }
}

/// What fits a kernel that was prepared.
fn ready(kernel: impl Kernel + 'static) -> Result<Option<Box<dyn Kernel>>, Fault> {
    Ok(Some(Box::new(kernel)))
}
