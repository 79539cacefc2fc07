//! The trait that a runtime implements.

use crate::{EngineError, Tensor, TensorSpec};

/// A network that is ready to compute, shared between threads.
///
/// `infer` is called from several threads at once. It must not keep anything of one request for another: the same
/// inputs give the same outputs, whatever else runs.
pub trait Engine: Send + Sync {
    /// What the network takes, in its own order.
    fn inputs(&self) -> &[TensorSpec];

    /// What the network gives, in its own order.
    fn outputs(&self) -> &[TensorSpec];

    /// The backend that computes, as a person would name it: `flex`, `ndarray`, `wgpu`.
    fn backend(&self) -> &str;

    /// Computes all outputs, in the order of [`Engine::outputs`], from the inputs in the order of [`Engine::inputs`].
    ///
    /// # Errors
    /// [`EngineError::is_invalid_input`] when the tensors do not fit; any other kind when the computation fails.
    fn infer(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, EngineError>;
}

/// Checks and orders the inputs by the engine's specs, then computes.
///
/// Inputs may come in any order; each must be named, typed and shaped as the engine says.
///
/// # Errors
/// [`EngineError::is_invalid_input`] for a missing, unknown, repeated or unfitting input; else what the engine says.
pub fn infer_checked(engine: &dyn Engine, mut inputs: Vec<Tensor>) -> Result<Vec<Tensor>, EngineError> {
    let take = |spec| take(spec, &mut inputs);
    let ordered = engine.inputs().iter().map(take).collect::<Result<Vec<_>, _>>()?;
    match inputs.first() {
        Some(left) => Err(superfluous(engine, &left.name)),
        None => engine.infer(&ordered),
    }
}

fn take(spec: &TensorSpec, inputs: &mut Vec<Tensor>) -> Result<Tensor, EngineError> {
    let missing = || EngineError::invalid_input(format!("input `{}` is missing", spec.name));
    let found = inputs.iter().position(|tensor| tensor.name == spec.name);
    let tensor = inputs.swap_remove(found.ok_or_else(missing)?);
    spec.check(&tensor).map(|()| tensor)
}

fn superfluous(engine: &dyn Engine, name: &str) -> EngineError {
    let known: Vec<_> = engine.inputs().iter().map(|spec| spec.name.as_str()).collect();
    EngineError::invalid_input(if known.contains(&name) {
        format!("input `{name}` is given more than once")
    } else {
        format!("unknown input `{name}`; the model takes {}", known.join(", "))
    })
}
