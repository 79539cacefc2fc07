//! Two packages side by side.

use std::collections::BTreeMap;

use briq_package::Package;
use briq_spec::semver::Version;
use briq_spec::{Bump, Manifest, Signature};
use serde::Serialize;

use crate::error::DiffError;
use crate::fields::{self, Field};
use crate::structure::{self, Network};
use crate::tensors::{self, State, TensorDifference};

/// Everything in which two packages differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// Whether the packages are the same one: their digests are equal.
    pub same: bool,
    /// The older package.
    pub before: Side,
    /// The newer package.
    pub after: Side,
    /// The fields of the manifest that differ, but for those that follow here.
    pub metadata: Vec<Field>,
    /// Inputs and outputs.
    pub signature: SignatureDifference,
    /// The nodes of the network.
    pub structure: Structure,
    /// Every tensor, in the order in which the newer network reads them, then those that are gone.
    pub tensors: Vec<TensorDifference>,
    /// Every figure that either manifest has.
    pub metrics: Vec<Metric>,
    /// The entries that differ, by path.
    pub entries: Vec<EntryDifference>,
}

/// One of two packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Side {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Version,
    /// Its identity.
    pub digest: String,
    /// How many bytes its entries have.
    pub size: u64,
    /// How many parameters its network has.
    pub parameters: u64,
}

/// What differs between two signatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignatureDifference {
    /// By how much a version has to be raised for it.
    pub bump: Bump,
    /// The least version after the older one that may have the newer signature.
    pub least_version: Version,
    /// The tensors that differ, breaking ones first.
    pub changes: Vec<SignatureChange>,
}

/// One tensor of a signature that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignatureChange {
    /// What it alone demands.
    pub bump: Bump,
    /// What it is: `output logits FP32 [?, 10] is new`.
    pub what: String,
}

/// What differs between two networks, apart from their tensors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Structure {
    /// How many nodes are the same, whatever they are called.
    pub same: usize,
    /// Nodes that are new.
    pub added: Vec<StructureChange>,
    /// Nodes that are gone.
    pub removed: Vec<StructureChange>,
    /// Nodes that compute otherwise, or from something else.
    pub changed: Vec<StructureChange>,
    /// Outputs that another node gives.
    pub outputs: Vec<String>,
}

/// A node that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StructureChange {
    /// Its name, or that of its first output.
    pub name: String,
    /// Its operator.
    pub operator: String,
    /// What differs; empty where it is new or gone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub what: Vec<String>,
}

/// A figure of either manifest, or of both.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// What it was.
    pub before: Option<f64>,
    /// What it is.
    pub after: Option<f64>,
    /// By how much it rose, where it is on both sides.
    pub difference: Option<f64>,
}

/// An entry that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EntryDifference {
    /// Where it lies.
    pub path: String,
    /// How many bytes it had; `None` where it is new.
    pub before: Option<u64>,
    /// How many bytes it has; `None` where it is gone.
    pub after: Option<u64>,
}

/// Compares a newer package with an older one.
///
/// Takes one pass over the bytes of the tensors that differ; what the manifests say is equal is not read.
///
/// # Errors
/// When an entry that has to be read is not what was packed, or a structure is no graph.
pub fn compare(before: &Package, after: &Package) -> Result<Difference, DiffError> {
    let (old, new) = (Network::of(before)?, Network::of(after)?);
    let (structure, matched) = structure::compare(&old, &new)?;
    let (first, second) = (before.manifest(), after.manifest());
    Ok(Difference {
        same: before.digest() == after.digest(),
        before: side(before),
        after: side(after),
        metadata: fields::compare(first, second),
        signature: signature((&first.version, &first.signature), &second.signature),
        structure,
        tensors: tensors::compare(&old, &new, &matched.tensors)?,
        metrics: metrics(first, second),
        entries: entries(first, second),
    })
}

impl Difference {
    /// The tensors that are not the same.
    pub fn changed_tensors(&self) -> impl Iterator<Item = &TensorDifference> {
        self.tensors.iter().filter(|tensor| tensor.state != State::Same)
    }
}

impl Structure {
    /// Whether the networks compute the same, as far as structure says.
    pub fn is_same(&self) -> bool {
        [&self.added, &self.removed, &self.changed].iter().all(|nodes| nodes.is_empty()) && self.outputs.is_empty()
    }
}

fn side(package: &Package) -> Side {
    let manifest = package.manifest();
    Side {
        name: manifest.name.to_string(),
        version: manifest.version.clone(),
        digest: package.digest().to_string(),
        size: manifest.entries.iter().map(|entry| entry.size).sum(),
        parameters: manifest.model.parameters,
    }
}

fn signature((version, before): (&Version, &Signature), after: &Signature) -> SignatureDifference {
    let differences = after.differences(before);
    let bump = after.least_bump(before);
    let change =
        |one: &briq_spec::signature::Difference| SignatureChange { bump: one.demands(), what: one.to_string() };
    SignatureDifference { bump, least_version: bump.next(version), changes: differences.iter().map(change).collect() }
}

fn metrics(before: &Manifest, after: &Manifest) -> Vec<Metric> {
    let metric = |name: &String| {
        let (before, after) = (before.metrics.get(name).copied(), after.metrics.get(name).copied());
        let difference = before.zip(after).map(|(before, after)| after - before);
        Metric { name: name.clone(), before, after, difference }
    };
    let mut names: Vec<&String> = before.metrics.keys().chain(after.metrics.keys()).collect();
    names.sort();
    names.dedup();
    names.into_iter().map(metric).collect()
}

fn entries(before: &Manifest, after: &Manifest) -> Vec<EntryDifference> {
    let mut paths: BTreeMap<&str, [Option<&briq_spec::manifest::Entry>; 2]> = BTreeMap::new();
    for (side, manifest) in [before, after].into_iter().enumerate() {
        for entry in &manifest.entries {
            paths.entry(entry.path.as_str()).or_default()[side] = Some(entry);
        }
    }
    let differs = |sides: &[Option<&briq_spec::manifest::Entry>; 2]| {
        sides[0].map(|entry| entry.blake3) != sides[1].map(|entry| entry.blake3)
    };
    let differing = paths.into_iter().filter(|(_, sides)| differs(sides));
    let sized = differing.map(|(path, [before, after])| EntryDifference {
        path: path.to_owned(),
        before: before.map(|entry| entry.size),
        after: after.map(|entry| entry.size),
    });
    sized.collect()
}
