//! A state dictionary: the named parameters of a network, without its structure.

use crate::{ImportError, Tensor};

/// Named tensors, in the order of the file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StateDict {
    /// The tensors.
    pub tensors: Vec<Tensor>,
    /// Whether their order is that in which the modules were made. A safetensors file sorts them otherwise.
    pub ordered: bool,
    /// What a person should know of how it was read.
    pub notes: Vec<String>,
}

/// Reads the tensors of a safetensors file, by name, numbers in names counting as numbers.
///
/// # Errors
/// When the file is no safetensors file, or holds elements that Briq does not know.
pub fn read_safetensors(bytes: &[u8]) -> Result<StateDict, ImportError> {
    crate::sniff::expect(bytes, crate::FileKind::Safetensors)?;
    let malformed = |error| ImportError::malformed("the safetensors file cannot be read").because(error);
    let placed = briq_graph::weights::read(bytes).map_err(malformed)?;
    let tensor = |placed: briq_graph::weights::Placed| {
        let (start, length) = (placed.offset as usize, placed.length as usize);
        let data = bytes.get(start..start + length).unwrap_or_default().to_vec();
        Tensor { name: placed.name, element: placed.element, shape: placed.shape, data }
    };
    let mut tensors: Vec<Tensor> = placed.into_iter().map(tensor).collect();
    tensors.sort_by_cached_key(|tensor| natural(&tensor.name));
    Ok(StateDict { tensors, ordered: false, notes: Vec::new() })
}

/// A name cut at dots, so that `layer.10` stands behind `layer.2`.
fn natural(name: &str) -> Vec<(u64, String)> {
    name.split('.').map(|part| (part.parse().unwrap_or(u64::MAX), part.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_count_as_numbers() {
        let mut names = ["b.10.weight", "b.2.weight", "a.weight", "b.x"];
        names.sort_by_cached_key(|name| natural(name));
        assert_eq!(names, ["a.weight", "b.2.weight", "b.10.weight", "b.x"]);
    }
}
