//! Modules of PyTorch: the tensors that share a name up to the last dot.

use briq_graph::brackets;

use crate::tensor::permuted;
use crate::{ImportError, StateDict, Tensor};

/// The kinds of module and layer that have parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Dense,
    Convolution,
    BatchNorm,
    LayerNorm,
}

impl Kind {
    /// The kind of a declared layer, by its name: `conv2d_1`.
    pub(super) fn of_layer(name: &str) -> Self {
        match name.rsplit_once('_').map_or(name, |(kind, _)| kind) {
            "conv2d" => Self::Convolution,
            "batch_norm" | "batch-norm" => Self::BatchNorm,
            "layer_norm" | "layer-norm" => Self::LayerNorm,
            _ => Self::Dense,
        }
    }
}

/// The tensors of one module.
#[derive(Debug)]
pub(super) struct Module<'s> {
    pub(super) name: &'s str,
    tensors: Vec<(&'s str, &'s Tensor)>,
}

/// The modules of a state dictionary, in the order of their first tensors. Counters of batches are left out.
pub(super) fn modules(state: &StateDict) -> Vec<Module<'_>> {
    let mut modules: Vec<Module<'_>> = Vec::new();
    for tensor in &state.tensors {
        let (name, role) = tensor.name.rsplit_once('.').unwrap_or(("", &tensor.name));
        if role == "num_batches_tracked" {
            continue;
        }
        match modules.iter_mut().find(|module| module.name == name) {
            Some(module) => module.tensors.push((role, tensor)),
            None => modules.push(Module { name, tensors: vec![(role, tensor)] }),
        }
    }
    modules
}

impl<'s> Module<'s> {
    fn tensor(&self, role: &str) -> Option<&'s Tensor> {
        self.tensors.iter().find(|(own, _)| *own == role).map(|(_, tensor)| *tensor)
    }

    /// What kind of module it is, by its tensors.
    pub(super) fn kind(&self) -> Option<Kind> {
        match self.tensor("weight")?.shape.len() {
            1 if self.tensor("running_mean").is_some() => Some(Kind::BatchNorm),
            1 => Some(Kind::LayerNorm),
            2 => Some(Kind::Dense),
            4 => Some(Kind::Convolution),
            _ => None,
        }
    }

    /// How many features a dense module takes.
    pub(super) fn features(&self) -> Option<usize> {
        self.tensor("weight")?.shape.last().copied()
    }

    /// Whether it has exactly the parameters of a declared layer.
    pub(super) fn fits(&self, kind: Kind, roles: &[(&str, &[usize])]) -> bool {
        let fits = |(role, shape): &(&str, &[usize])| {
            let tensor = self.tensor(source(kind, role));
            tensor.is_some_and(|tensor| turned(kind, role, &tensor.shape) == *shape)
        };
        self.kind() == Some(kind) && self.tensors.len() == roles.len() && roles.iter().all(fits)
    }

    pub(super) fn same_shapes(&self, other: &Module<'_>) -> bool {
        let shape = |module: &Module<'_>, role: &str| module.tensor(role).map(|tensor| tensor.shape.clone());
        self.tensors.len() == other.tensors.len()
            && self.tensors.iter().all(|(role, tensor)| shape(other, role).as_ref() == Some(&tensor.shape))
    }

    /// The numbers of a parameter as a declared layer holds them.
    pub(super) fn values(&self, kind: Kind, role: &str) -> Result<Vec<f32>, ImportError> {
        let missing = || ImportError::mismatch(format!("module `{}` has no {role}", self.name));
        let tensor = self.tensor(source(kind, role)).ok_or_else(missing)?;
        let values = tensor.to_f32()?;
        Ok(if is_transposed(kind, role) { permuted(&values, &tensor.shape, &[1, 0]) } else { values })
    }

    /// Its tensors with their shapes, for messages.
    pub(super) fn describe(&self) -> String {
        let tensor = |(role, tensor): &(&str, &Tensor)| format!("{role} {}", brackets(&tensor.shape));
        self.tensors.iter().map(tensor).collect::<Vec<_>>().join(", ")
    }
}

/// What PyTorch calls a parameter of a layer.
fn source(kind: Kind, role: &str) -> &str {
    match (kind, role) {
        (Kind::BatchNorm | Kind::LayerNorm, "scale") => "weight",
        (_, "mean") => "running_mean",
        (_, "variance") => "running_var",
        _ => role,
    }
}

/// The weights of `torch.nn.Linear` are `[out, in]`.
fn is_transposed(kind: Kind, role: &str) -> bool {
    kind == Kind::Dense && role == "weight"
}

fn turned(kind: Kind, role: &str, shape: &[usize]) -> Vec<usize> {
    if is_transposed(kind, role) { shape.iter().rev().copied().collect() } else { shape.to_vec() }
}
