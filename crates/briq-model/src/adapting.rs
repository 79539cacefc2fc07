//! Importing an adapter: from the matrices of `peft` to the contents of a package.

use std::collections::BTreeMap;

use briq_graph::weights;
use briq_package::Package;
use briq_spec::manifest::{Adapter, AdapterMethod, AdapterUpdate, FORMAT, Lineage, Manifest, ModelInfo};
use briq_spec::semver::{Comparator, Op, Version, VersionReq};

use crate::adapter;
use crate::backend::Backend;
use crate::contents::{Contents, LABELS, datatype, entry};
use crate::engine::BurnEngine;
use crate::error::{ModelError, ModelErrorKind};
use crate::import::{Imported, Origin, golden, record};
use crate::network::Stored;
use crate::{loader, provenance};

const WEIGHTS: &str = "adapter_model.safetensors";
const CONFIG: &str = "adapter_config.json";

/// What `peft` wrote, and what it changes of the base.
#[derive(Debug, Clone, Copy)]
pub struct AdapterFiles<'a> {
    /// The bytes of `adapter_model.safetensors`.
    pub tensors: &'a [u8],
    /// The bytes of `adapter_config.json`.
    pub config: &'a [u8],
    /// Which tensors are laid upon which parameters of the base.
    pub updates: &'a [AdapterUpdate],
}

/// Casts an adapter of a base into a draft.
///
/// Signature and structure are the base's, and so are the labels where none are given. Golden examples are recorded as
/// [`crate::import_graph`] does it, with the adapter applied.
///
/// # Errors
/// When the base is an adapter itself or cannot be read, or the adapter does not fit it.
pub fn import_adapter(base: &Package, files: &AdapterFiles<'_>, origin: &Origin<'_>) -> Result<Imported, ModelError> {
    adapter::check_base(base)?;
    let adapter = Adapter {
        method: AdapterMethod::Lora,
        requirement: compatible(&base.manifest().version),
        updates: files.updates.to_vec(),
    };
    let mut graph = loader::whole(base)?;
    adapter::apply(&mut graph, &adapter, [files.tensors], |unset| -> Result<Stored<'_>, _> {
        Err(ModelError::no_such_value(&unset.name))
    })?;
    let engine = BurnEngine::new(&graph, Backend::Flex, |unset| Err(ModelError::no_such_value(&unset.name)))?;
    let mut contents = Contents::default();
    let structure = &base.manifest().model.structure;
    let unreadable = |error| ModelError::new(ModelErrorKind::Io, "cannot read the base's structure").because(error);
    contents.bytes(structure.as_str(), base.read(structure).map_err(unreadable)?.to_vec());
    contents.shard(WEIGHTS, rewritten(files.tensors)?);
    contents.bytes(CONFIG, files.config.to_vec());
    match origin.labels {
        [] => inherit_labels(&mut contents, base)?,
        labels => contents.json(LABELS, &labels)?,
    }
    let proof = record(&mut contents, &graph, &engine)?;
    contents.text("README.md", card(base, &adapter, origin));
    let manifest = manifest(base, adapter, files.tensors, &contents, origin)?;
    let manifest = Manifest { golden: proof.as_ref().ok().copied().map(golden), ..manifest };
    let mut draft = contents.draft(manifest)?;
    draft.record_build(provenance::import(&origin.source));
    Ok(Imported { draft, unproven: proof.err() })
}

/// `^1.2.3`: what a person expects an adapter of that version to go with.
fn compatible(version: &Version) -> VersionReq {
    let comparator = Comparator {
        op: Op::Caret,
        major: version.major,
        minor: Some(version.minor),
        patch: Some(version.patch),
        pre: version.pre.clone(),
    };
    VersionReq { comparators: vec![comparator] }
}

/// The same tensors as a shard of Briq: other programs pad and order it otherwise.
fn rewritten(file: &[u8]) -> Result<Vec<u8>, ModelError> {
    let placed = adapter::tensors([file])?;
    let mut tensors: Vec<_> = placed
        .iter()
        .map(|(name, (placed, data))| weights::Tensor { name, element: placed.element, shape: &placed.shape, data })
        .collect();
    tensors.sort_by_key(|tensor| tensor.name);
    let mut bytes = Vec::new();
    weights::write(&tensors, &BTreeMap::new(), &mut bytes)?;
    Ok(bytes)
}

fn inherit_labels(contents: &mut Contents, base: &Package) -> Result<(), ModelError> {
    match loader::labels(base)? {
        Some(labels) => contents.json(LABELS, &labels),
        None => Ok(()),
    }
}

fn manifest(
    base: &Package,
    adapter: Adapter,
    tensors: &[u8],
    contents: &Contents,
    origin: &Origin<'_>,
) -> Result<Manifest, ModelError> {
    let (package, below) = (origin.package, base.manifest());
    let placed = weights::read(tensors)?;
    let count = |tensor: &weights::Placed| tensor.shape.iter().map(|&length| length as u64).product::<u64>();
    let element = placed.first().map_or(briq_graph::ElementType::F32, |tensor| tensor.element);
    let lineage = Lineage {
        base: Some(format!("{}@{}", below.name, base.digest())),
        base_version: Some(below.version.clone()),
        source: Some(origin.source.clone()),
        ..Lineage::default()
    };
    Ok(Manifest {
        format: FORMAT,
        name: package.name.clone(),
        version: package.version.clone(),
        description: package.description.clone(),
        license: package.license.clone(),
        authors: package.authors.clone(),
        signature: below.signature.clone(),
        model: ModelInfo {
            structure: below.model.structure.clone(),
            weights: contents.shards(),
            parameters: placed.iter().map(count).sum(),
            datatype: datatype(element)?,
            opset: below.model.opset,
        },
        adapter: Some(adapter),
        variant: None,
        labels: contents.has(LABELS).then(|| entry(LABELS)),
        golden: None,
        metrics: BTreeMap::new(),
        lineage,
        entries: Vec::new(),
    })
}

fn card(base: &Package, adapter: &Adapter, origin: &Origin<'_>) -> String {
    let (package, below) = (origin.package, base.manifest());
    let description = package.description.as_deref().unwrap_or("An adapter that was imported.");
    let line = |update: &AdapterUpdate| format!("- `{}`, rank {}\n", update.parameter, update.rank);
    let updates: String = adapter.updates.iter().map(line).collect();
    format!(
        "# {} {}\n\n{description}\n\nLow-rank adapter (LoRA) of {} {}, `{}`. It changes\n\n{updates}",
        package.name,
        package.version,
        below.name,
        below.version,
        base.digest()
    )
}
