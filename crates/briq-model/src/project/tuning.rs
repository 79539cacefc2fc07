//! The network that a fine-tuning starts from: taken from a package, kept beside the recipe until the project is packed.

use std::path::Path;

use briq_graph::{Data, Graph};
use briq_package::Package;
use briq_spec::semver::Version;
use briq_spec::{Blake3Digest, PackageName};
use serde::{Deserialize, Serialize};

use super::damaged;
use crate::error::ModelError;
use crate::loader;
use crate::train::replace;

/// Which package a project is fine-tuned from, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// The name of the package.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
    /// Its digest.
    pub digest: Blake3Digest,
    /// How it is fine-tuned.
    pub tuning: Tuning,
    /// Digest of the graph that is kept.
    structure: String,
}

/// How a network is fine-tuned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tuning {
    /// Patterns over the names of parameters that stay as they are: `*` stands for any characters, `?` for one.
    pub freeze: Vec<String>,
    /// Whether the last dense layer is made anew, as wide as the data has classes.
    pub replace_head: bool,
}

const RECORD: &str = "base.json";
const GRAPH: &str = "base.onnx";

impl Base {
    /// Takes the network out of a package.
    pub(super) fn take(package: &Package, tuning: Tuning) -> Result<(Self, Graph), ModelError> {
        let graph = inlined(package)?;
        let manifest = package.manifest();
        let (name, version) = (manifest.name.clone(), manifest.version.clone());
        Ok((Self { name, version, digest: package.digest(), tuning, structure: String::new() }, graph))
    }

    /// Keeps record and graph in the state of a project, the record last.
    pub(super) fn keep(&mut self, state: &Path, graph: &Graph) -> Result<(), ModelError> {
        let bytes = briq_graph::onnx::encode(graph)?;
        self.structure = digest(&bytes);
        let path = state.join(GRAPH);
        replace(&path, &bytes).map_err(|error| ModelError::io("write", &path, error))?;
        let record = serde_json::to_vec_pretty(self)
            .map_err(|error| ModelError::invalid("cannot write the base of the fine-tuning").because(error))?;
        let path = state.join(RECORD);
        replace(&path, &record).map_err(|error| ModelError::io("write", &path, error))
    }

    /// What was kept; none where the project starts from nothing.
    pub(super) fn kept(state: &Path) -> Result<Option<(Self, Graph)>, ModelError> {
        let path = state.join(RECORD);
        let record = match std::fs::read(&path) {
            Ok(record) => record,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(ModelError::io("read", &path, error)),
        };
        let base: Self = serde_json::from_slice(&record).map_err(|error| damaged(&path).because(error))?;
        let path = state.join(GRAPH);
        let bytes = std::fs::read(&path).map_err(|error| ModelError::io("read", &path, error))?;
        if digest(&bytes) != base.structure {
            return Err(damaged(&path));
        }
        Ok(Some((base, briq_graph::onnx::decode(&bytes)?)))
    }

    /// Forgets what was kept.
    pub(super) fn forget(state: &Path) -> Result<(), ModelError> {
        let path = state.join(RECORD);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(ModelError::io("remove", &path, error)),
            _ => Ok(()),
        }
    }

    /// The package as a lineage names it: `NAME@blake3:HEX`.
    #[must_use]
    pub fn reference(&self) -> String {
        format!("{}@{}", self.name, self.digest)
    }
}

fn digest(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// The graph of a package with the bytes of its tensors in place.
fn inlined(package: &Package) -> Result<Graph, ModelError> {
    crate::Layered::from(package).below()?;
    let mut graph = loader::structure(package)?;
    let shards = loader::shards(package)?;
    for initializer in &mut graph.initializers {
        if let Data::External { .. } = &initializer.data {
            initializer.data = Data::Inline(loader::slice(&shards, initializer)?.to_vec());
        }
    }
    Ok(graph)
}
