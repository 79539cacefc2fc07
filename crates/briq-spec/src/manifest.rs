//! `briq.json`: what a package is and which bytes belong to it.
//!
//! The manifest has one canonical form, the pretty-printed JSON of its fields in the order of declaration with a
//! final line feed; optional fields that are absent are not written. A package's identity is the BLAKE3 of those
//! bytes, and since they hold the digest of every entry, the identity covers the whole package.

mod adapter;
mod rules;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use semver::Version;
use serde::{Deserialize, Serialize};

pub use self::adapter::{Adapter, AdapterMethod, AdapterUpdate};
use crate::digest::{Blake3Digest, Sha256Digest};
use crate::entry::EntryPath;
use crate::error::{SpecError, SpecErrorKind};
use crate::name::PackageName;
use crate::signature::{DataType, Signature};
use crate::variant::Variant;

/// The format of a package that uses nothing that came later.
pub const FORMAT: u32 = 1;

/// The newest format that this program reads and writes: since 2, a package may be an adapter; since 3, it may say for
/// which machines it is made.
pub const NEWEST_FORMAT: u32 = 3;

/// The largest manifest in bytes.
pub const MAX_MANIFEST_BYTES: usize = 16 << 20;

/// The most entries that a package lists.
pub const MAX_ENTRIES: usize = 1_000_000;

const WHAT: &str = "manifest";

/// The manifest of a package.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of the package format: the first that has all that the manifest uses.
    pub format: u32,
    /// The name of the package.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
    /// One line on what the network does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// An SPDX licence expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authors: Vec<String>,
    /// Its inputs and outputs.
    pub signature: Signature,
    /// The network.
    pub model: ModelInfo,
    /// What it changes of its base, if it is an adapter. Since format 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter: Option<Adapter>,
    /// What it is a variant of, and which machines it is made for, if not for all. Since format 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<Variant>,
    /// The names of the classes: a JSON list of strings, in the order of the outputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<EntryPath>,
    /// Examples that every host must reproduce before it serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub golden: Option<Golden>,
    /// Figures measured when it was made, such as `test.accuracy`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, f64>,
    /// Where it comes from; `{}` where nothing is known.
    #[serde(default)]
    pub lineage: Lineage,
    /// Every file of the package but `briq.json` and the seals, sorted by path.
    pub entries: Vec<Entry>,
}

/// The network inside a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelInfo {
    /// The ONNX graph.
    pub structure: EntryPath,
    /// The shards that hold its tensors, in order.
    pub weights: Vec<EntryPath>,
    /// How many trainable numbers it has.
    pub parameters: u64,
    /// The type most of them have.
    pub datatype: DataType,
    /// The ONNX operator set of the graph.
    pub opset: u32,
}

/// Examples with their expected outputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    /// The inputs.
    pub inputs: EntryPath,
    /// The outputs that belong to them.
    pub outputs: EntryPath,
    /// How many examples there are.
    pub examples: u64,
    /// How far a host may be off, for each class of backend: `cpu`, `gpu`.
    pub tolerances: BTreeMap<String, Tolerance>,
}

/// How far a number may be off: `|actual - expected| <= absolute + relative * |expected|`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tolerance {
    /// The part that does not depend on the number.
    pub absolute: f64,
    /// The part in proportion to the expected number.
    pub relative: f64,
}

/// Where a network comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lineage {
    /// The package it was fine-tuned from, or that it adapts, as `NAME@blake3:HEX`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// The file of another framework that it was imported from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceFile>,
    /// The version of that package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_version: Option<Version>,
    /// Patterns over the names of parameters that stayed as they were in the base: `*` stands for any characters, `?`
    /// for one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frozen: Vec<String>,
    /// The data it was trained on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<DataDigest>,
    /// The recipe it was trained by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<EntryPath>,
    /// The seed of the training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

/// A model of another framework, known by its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceFile {
    /// What wrote it: `onnx`, `keras`, `pytorch`, `safetensors`.
    pub framework: String,
    /// Its file name.
    pub name: String,
    /// The digest of the file.
    pub blake3: Blake3Digest,
}

/// Data that is not in the package, known by its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataDigest {
    /// Its file name.
    pub name: String,
    /// How many examples it holds.
    pub rows: u64,
    /// The digest of the file.
    pub blake3: Blake3Digest,
}

/// One file of a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Where it lies.
    pub path: EntryPath,
    /// Its length in bytes.
    pub size: u64,
    /// The digest that Briq checks.
    pub blake3: Blake3Digest,
    /// The digest that OCI registries and signatures use.
    pub sha256: Sha256Digest,
}

impl Manifest {
    /// The bytes of `briq.json`.
    pub fn to_canonical_json(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("a manifest has string keys and no failing serializer");
        bytes.push(b'\n');
        bytes
    }

    /// Reads the bytes of `briq.json`.
    ///
    /// # Errors
    /// When they exceed a limit, are not a manifest, are a manifest in any but its canonical form, or break a rule of
    /// [`Manifest::validate`].
    pub fn from_canonical_json(bytes: &[u8]) -> Result<Self, SpecError> {
        if bytes.len() > MAX_MANIFEST_BYTES {
            return Err(limit(format!("it has {} bytes, and at most {MAX_MANIFEST_BYTES} are read", bytes.len())));
        }
        check_format(bytes)?;
        let manifest: Self = serde_json::from_slice(bytes).map_err(not_a_manifest)?;
        manifest.validate()?;
        if manifest.to_canonical_json() != bytes {
            return Err(SpecError::new(SpecErrorKind::NotCanonical, WHAT, "", "it is not in its canonical form"));
        }
        Ok(manifest)
    }

    /// The first format that has all that this manifest uses: the only one it may be written in.
    pub fn least_format(&self) -> u32 {
        match (&self.variant, &self.adapter) {
            (Some(_), _) => 3,
            (None, Some(_)) => 2,
            (None, None) => FORMAT,
        }
    }

    /// The package that `lineage.base` names; nothing where it names none, or in another form than `NAME@blake3:HEX`.
    pub fn base(&self) -> Option<(PackageName, Blake3Digest)> {
        named(self.lineage.base.as_deref()?)
    }

    /// The least memory in bytes of a device that runs it: what it says, else what its shards hold.
    pub fn memory(&self) -> u64 {
        let shards = self.model.weights.iter().filter_map(|path| self.entry(path));
        let told = self.variant.as_ref().and_then(|variant| variant.memory);
        told.unwrap_or_else(|| shards.map(|entry| entry.size).fold(0, u64::saturating_add))
    }

    /// The entry at a path.
    pub fn entry(&self, path: &EntryPath) -> Option<&Entry> {
        let at = self.entries.binary_search_by(|entry| entry.path.cmp(path)).ok()?;
        self.entries.get(at)
    }
}

/// `NAME@blake3:HEX`.
fn named(text: &str) -> Option<(PackageName, Blake3Digest)> {
    let (name, digest) = text.split_once('@')?;
    Some((name.parse().ok()?, digest.parse().ok()?))
}

/// A newer format may have fields that this program does not know, so the number is looked at first. There is no format
/// before the first.
fn check_format(bytes: &[u8]) -> Result<(), SpecError> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let Format { format } = serde_json::from_slice(bytes).map_err(not_a_manifest)?;
    if (FORMAT..=NEWEST_FORMAT).contains(&format) {
        return Ok(());
    }
    let reason = format!("it is of format {format}, and this program reads formats {FORMAT} to {NEWEST_FORMAT}");
    if format < FORMAT {
        return Err(SpecError::invalid(WHAT, "", reason));
    }
    Err(SpecError::new(SpecErrorKind::Unsupported, WHAT, "", reason).with_hint("use a newer version of briq"))
}

fn not_a_manifest(source: serde_json::Error) -> SpecError {
    SpecError::syntax(WHAT, "", "it does not read as one").with_source(source)
}

fn limit(reason: String) -> SpecError {
    SpecError::new(SpecErrorKind::Limit, WHAT, "", reason)
}
