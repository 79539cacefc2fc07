//! From parameters to their gradients.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use burn::backend::ops::FloatTensorOps;
use burn::backend::{AutodiffBackend, Dispatch};

use crate::error::ModelError;
use crate::network::Parameters;
use crate::value::{DeviceTensor, Value, said};

/// The gradients of one backward pass.
pub(super) type Gradients = <Dispatch as AutodiffBackend>::Gradients;

/// The parameters at these positions as leaves of a gradient's graph; the others are constants.
pub(super) fn leaves(parameters: &Parameters, learnt: &BTreeSet<usize>) -> Parameters {
    let leaf = |(position, value): (usize, &Value)| match value {
        Value::Device(tensor) if learnt.contains(&position) => {
            Value::Device(Dispatch::float_set_require_grad(Dispatch::from_inner(tensor.clone()), true))
        }
        other => other.clone(),
    };
    parameters.iter().enumerate().map(leaf).collect()
}

/// The gradients that flow back from a loss.
///
/// # Errors
/// When the loss depends on no parameter that is learnt, or the backend has no gradient for something on the way.
pub(super) fn backward(loss: DeviceTensor) -> Result<Gradients, ModelError> {
    if !crate::value::is_learnt(&loss) {
        return Err(ModelError::invalid("the loss depends on no parameter that is trained"));
    }
    let gradients = catch_unwind(AssertUnwindSafe(|| Dispatch::backward(loss)));
    gradients.map_err(|panic| {
        ModelError::device(format!("the backward pass cannot be carried out: {}", said(panic.as_ref())))
    })
}
