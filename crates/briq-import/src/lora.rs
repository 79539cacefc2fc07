//! LoRA adapters as the `peft` library writes them: `adapter_config.json` and `adapter_model.safetensors`.
//!
//! The tensors of a module are A, `[r, in]`, and B, `[out, r]`; what is added to its weight is `scale · B · A` with a scale
//! of α / r, or α / √r where `use_rslora` says so (Kalajdzievski, *A rank stabilization scaling factor*, 2023).
//! Whatever would change the answer in any other way is refused rather than left out.

mod config;
mod fitting;

use std::collections::BTreeMap;

use self::config::Config;
use crate::{ImportError, Tensor};

pub use self::fitting::Fitted;

/// What stands before the names of modules in a file of `peft`.
const PREFIX: &str = "base_model.model.";

/// An adapter: for each module that it changes, two small matrices.
#[derive(Debug, Clone, PartialEq)]
pub struct Lora {
    /// The modules, by name.
    pub modules: Vec<LoraModule>,
}

/// The change of one module's weight: `scale · up · down`.
#[derive(Debug, Clone, PartialEq)]
pub struct LoraModule {
    /// The module of the base, such as `encoder.layers.0.linear1`.
    pub name: String,
    /// A: `[rank, in]`, or `[rank, in, …]` with the lengths of a kernel.
    pub down: Tensor,
    /// B: `[out, rank]`, with lengths of 1 behind them for a convolution.
    pub up: Tensor,
    /// How many rows A has, and columns B.
    pub rank: usize,
    /// What the product is multiplied by.
    pub scale: f64,
}

/// Reads an adapter from the two files that `save_pretrained` writes.
///
/// # Errors
/// When the files are not what they are called; the configuration asks for more than two matrices for each module; a
/// tensor is no part of such a pair, or a pair does not fit together.
pub fn read(config: &[u8], tensors: &[u8]) -> Result<Lora, ImportError> {
    let config = Config::parse(config)?;
    let mut pairs: BTreeMap<String, [Option<Tensor>; 2]> = BTreeMap::new();
    for tensor in crate::read_safetensors(tensors)?.tensors {
        let (module, half) = place(&tensor.name)?;
        let place = &mut pairs.entry(module).or_default()[half];
        if place.is_some() {
            return Err(ImportError::malformed(format!("`{}` is there twice", tensor.name)));
        }
        *place = Some(tensor);
    }
    if pairs.is_empty() {
        return Err(ImportError::malformed("the adapter has no tensors"));
    }
    let modules = pairs.into_iter().map(|(name, pair)| module(name, pair, &config)).collect::<Result<_, _>>()?;
    Ok(Lora { modules })
}

/// The module of a tensor, and whether it is A (0) or B (1).
fn place(tensor: &str) -> Result<(String, usize), ImportError> {
    let name = tensor.strip_prefix(PREFIX).unwrap_or(tensor);
    let halves = [("lora_A", 0), ("lora_B", 1), ("lora_embedding_A", 0), ("lora_embedding_B", 1)];
    for (mark, half) in halves {
        let Some((module, rest)) = name.split_once(&format!(".{mark}")) else { continue };
        if matches!(rest, "" | ".weight" | ".default" | ".default.weight") {
            return Ok((module.to_owned(), half));
        }
    }
    let refused = ImportError::unsupported(format!("`{tensor}` is no matrix of a LoRA adapter"));
    Err(refused.advise("train it without DoRA, biases and modules to save, or merge it into its base first"))
}

fn module(name: String, pair: [Option<Tensor>; 2], config: &Config) -> Result<LoraModule, ImportError> {
    let [Some(down), Some(up)] = pair else {
        return Err(ImportError::malformed(format!("module `{name}` of the adapter has only one of its two matrices")));
    };
    let shapes = || format!("A {} and B {}", briq_graph::brackets(&down.shape), briq_graph::brackets(&up.shape));
    let rank = config.rank(&name)?;
    let fits = down.shape.len() >= 2
        && down.shape[0] == rank
        && up.shape.len() >= 2
        && up.shape[1] == rank
        && up.shape[2..].iter().all(|&length| length == 1);
    if !fits {
        let what = format!("module `{name}` of the adapter has {}, and its rank is {rank}", shapes());
        return Err(ImportError::mismatch(what));
    }
    if let Some(tensor) = [&down, &up].into_iter().find(|tensor| !tensor.element.is_float()) {
        return Err(ImportError::unsupported(format!("`{}` holds {}", tensor.name, tensor.element)));
    }
    let scale = config.scale(&name, rank)?;
    Ok(LoraModule { name, down, up, rank, scale })
}
