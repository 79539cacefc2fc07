//! Loss functions over a batch, as scalars that gradients flow back from.

use briq_spec::recipe::Loss;
use burn::backend::ops::{ActivationOps, FloatTensorOps};
use burn::backend::{Dispatch, Scalar};

use crate::value::{DeviceTensor, dimensions};

/// The mean loss of a batch.
///
/// `output` is `[batch, n]`, or has more axes behind these; for cross-entropy it holds logits along the second axis.
/// `target` has the same shape: one-hot for classes, the values themselves for a regression.
pub(crate) fn loss(kind: Loss, output: DeviceTensor, target: DeviceTensor) -> DeviceTensor {
    match kind {
        Loss::CrossEntropy => cross_entropy(output, target),
        Loss::Mse => {
            let difference = Dispatch::float_sub(output, target);
            Dispatch::float_mean(Dispatch::float_mul(difference.clone(), difference))
        }
        Loss::Mae => Dispatch::float_mean(Dispatch::float_abs(Dispatch::float_sub(output, target))),
    }
}

/// `-Σ t · log softmax(z)`, averaged over everything that is classified.
fn cross_entropy(logits: DeviceTensor, target: DeviceTensor) -> DeviceTensor {
    let shape = dimensions(&logits);
    let classified = shape.iter().product::<usize>() / shape[1].max(1);
    let logarithms = Dispatch::log_softmax(logits, 1);
    let total = Dispatch::float_sum(Dispatch::float_mul(logarithms, target));
    Dispatch::float_mul_scalar(total, Scalar::Float(-1.0 / classified as f64))
}
