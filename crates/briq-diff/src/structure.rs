//! The networks of two packages side by side.

use std::collections::HashMap;

use briq_graph::comparison::{self, Comparison};
use briq_graph::{Data, Graph, Initializer, onnx};
use briq_package::Package;
use briq_spec::EntryPath;

use crate::difference::{Structure, StructureChange};
use crate::error::DiffError;

/// The network of a package with its shards.
pub(crate) struct Network<'p> {
    package: &'p Package,
    pub(crate) graph: Graph,
    shards: HashMap<&'p str, &'p EntryPath>,
}

impl<'p> Network<'p> {
    pub(crate) fn of(package: &'p Package) -> Result<Self, DiffError> {
        let graph = onnx::decode(package.structure()?)
            .map_err(|source| DiffError::Structure { package: title(package), source: Box::new(source) })?;
        let shards = package.manifest().model.weights.iter().map(|path| (path.as_str(), path)).collect();
        Ok(Self { package, graph, shards })
    }

    /// What says where the bytes of a tensor are, without reading them: two tensors of the same place are the same.
    pub(crate) fn place(&self, tensor: &Initializer) -> Option<(String, u64, u64)> {
        let Data::External { location, offset, length } = &tensor.data else { return None };
        let entry = self.package.manifest().entry(self.shards.get(location.as_str())?)?;
        Some((entry.blake3.to_string(), *offset, *length))
    }

    /// The bytes of a tensor. The digest of its shard is checked when the first tensor of it is read.
    pub(crate) fn bytes<'s>(&'s self, tensor: &'s Initializer) -> Result<&'s [u8], DiffError> {
        let outside = || DiffError::Tensor { package: title(self.package), tensor: tensor.name.clone() };
        match &tensor.data {
            Data::Inline(bytes) => Ok(bytes),
            Data::Unset => Err(outside()),
            Data::External { location, offset, length } => {
                let shard = self.package.read(self.shards.get(location.as_str()).ok_or_else(outside)?)?;
                let range = usize::try_from(*offset).ok().zip(usize::try_from(*length).ok());
                let bytes = range.and_then(|(start, length)| shard.get(start..start.checked_add(length)?));
                bytes.ok_or_else(outside)
            }
        }
    }
}

/// How messages call a package.
pub(crate) fn title(package: &Package) -> String {
    format!("{} {}", package.manifest().name, package.manifest().version)
}

/// Compares the structures, and says which tensors are the same one.
pub(crate) fn compare(before: &Network<'_>, after: &Network<'_>) -> Result<(Structure, Comparison), DiffError> {
    let failed = |source| DiffError::Structure { package: title(after.package), source: Box::new(source) };
    let found = comparison::compare(&before.graph, &after.graph).map_err(failed)?;
    let node = |graph: &Graph, position: usize, what: &[String]| {
        let node = &graph.nodes[position];
        let name =
            if node.name.is_empty() { node.outputs.first().cloned().unwrap_or_default() } else { node.name.clone() };
        StructureChange { name, operator: node.operator.clone(), what: what.to_vec() }
    };
    let structure = Structure {
        same: found.pairs.len() - found.changed.len(),
        added: found.added.iter().map(|&position| node(&after.graph, position, &[])).collect(),
        removed: found.removed.iter().map(|&position| node(&before.graph, position, &[])).collect(),
        changed: found.changed.iter().map(|one| node(&after.graph, one.after, &one.what)).collect(),
        outputs: found.outputs.clone(),
    };
    Ok((structure, found))
}
