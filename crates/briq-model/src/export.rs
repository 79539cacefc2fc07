//! Exporting: from a package to files that other programs read.

use std::collections::BTreeMap;

use briq_graph::{Data, Graph, Initializer, weights};
use briq_package::Package;

use crate::error::ModelError;
use crate::loader;

/// Tensors of at least so many bytes go beside the model, where they are kept apart.
const EXTERNAL_BYTES: usize = 1024;

/// The files of an export.
#[derive(Debug)]
pub struct Exported {
    /// The file itself.
    pub file: Vec<u8>,
    /// What has to stand beside it, under the name that was asked for.
    pub beside: Option<Vec<u8>>,
}

/// The network of a package as an ONNX model: in one file, or with its tensors in a file beside it of the given name,
/// which is a safetensors file too.
///
/// # Errors
/// When an entry does not match its digest, or one file cannot hold the network: protocol buffers end at 2 GiB.
pub fn export_onnx(package: &Package, beside: Option<&str>) -> Result<Exported, ModelError> {
    let mut graph = loader::whole(package)?;
    graph.metadata.extend(metadata(package));
    let bytes = match beside {
        Some(name) => Some(split(&mut graph, name, &metadata(package))?),
        None => None,
    };
    let inline: usize = graph.initializers.iter().filter_map(|tensor| tensor.inline().map(<[u8]>::len)).sum();
    if inline > briq_graph::onnx::MAX_MODEL_BYTES {
        return Err(ModelError::invalid(format!("{inline} bytes of tensors do not fit into one ONNX file"))
            .advise("use --external: the tensors then go into a file beside it"));
    }
    Ok(Exported { file: briq_graph::onnx::encode(&graph)?, beside: bytes })
}

/// The tensors of a package as one safetensors file, under the names that its network gives them.
///
/// # Errors
/// When an entry does not match its digest, or a tensor is of a type that the format lacks.
pub fn export_safetensors(package: &Package) -> Result<Vec<u8>, ModelError> {
    let graph = loader::whole(package)?;
    let tensors: Vec<_> = graph.initializers.iter().filter(|tensor| !is_packed(tensor)).filter_map(view).collect();
    let mut bytes = Vec::new();
    weights::write(&tensors, &metadata(package), &mut bytes)?;
    Ok(bytes)
}

/// Where the numbers come from, for whoever finds the file.
fn metadata(package: &Package) -> BTreeMap<String, String> {
    let manifest = package.manifest();
    let entries = [
        ("briq.package", manifest.name.to_string()),
        ("briq.version", manifest.version.to_string()),
        ("briq.digest", package.digest().to_string()),
    ];
    entries.map(|(key, value)| (key.to_owned(), value)).into()
}

/// Moves the large tensors of a graph into a file.
fn split(graph: &mut Graph, name: &str, metadata: &BTreeMap<String, String>) -> Result<Vec<u8>, ModelError> {
    let large = |tensor: &&Initializer| tensor.byte_length() >= EXTERNAL_BYTES && !is_packed(tensor);
    let tensors: Vec<_> = graph.initializers.iter().filter(large).filter_map(view).collect();
    let mut bytes = Vec::new();
    let placed = weights::write(&tensors, metadata, &mut bytes)?;
    weights::externalize(graph, name, &placed)?;
    Ok(bytes)
}

/// Text and elements of less than a byte have no place in a safetensors file.
fn is_packed(tensor: &Initializer) -> bool {
    tensor.element.bits() < 8
}

fn view(tensor: &Initializer) -> Option<weights::Tensor<'_>> {
    let Data::Inline(data) = &tensor.data else { return None };
    Some(weights::Tensor { name: &tensor.name, element: tensor.element, shape: &tensor.shape, data })
}
