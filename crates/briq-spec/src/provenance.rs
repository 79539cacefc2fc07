//! Where a package comes from, as a statement that other people's tools read.
//!
//! The form is that of in-toto (Statement v1) with the predicate of SLSA (provenance v1). The statement is an entry of
//! the package like any other and carries no signature of its own: the seal over the package covers it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::SpecError;
use crate::manifest::{Entry, Manifest};

/// The entry that holds the statement.
pub const PROVENANCE_ENTRY: &str = "provenance.json";

/// The type of every in-toto statement of version 1.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// The type of SLSA's provenance of version 1.
pub const PREDICATE_TYPE: &str = "https://slsa.dev/provenance/v1";

/// The largest statement in bytes.
pub const MAX_PROVENANCE_BYTES: usize = 16 << 20;

const WHAT: &str = "provenance";

/// A statement: these files came about in this way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Statement {
    /// [`STATEMENT_TYPE`].
    #[serde(rename = "_type")]
    pub kind: String,
    /// The files that the statement is about: structure and weights.
    pub subject: Vec<Resource>,
    /// [`PREDICATE_TYPE`].
    pub predicate_type: String,
    /// How they came about.
    pub predicate: Provenance,
}

/// A file, or other bytes, known by digests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Resource {
    /// Its name.
    pub name: String,
    /// Digests in hexadecimal, by algorithm: `sha256`, `blake3`.
    pub digest: BTreeMap<String, String>,
}

/// How something came about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Provenance {
    /// What was asked for, and from what.
    pub build_definition: BuildDefinition,
    /// What carried it out.
    pub run_details: RunDetails,
}

/// What was asked for, and from what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BuildDefinition {
    /// A URI that says how the other fields are to be read.
    pub build_type: String,
    /// What a person chose: package, seed.
    pub external_parameters: BTreeMap<String, String>,
    /// What the machine brought with it: backend, platform.
    #[serde(default)]
    pub internal_parameters: BTreeMap<String, String>,
    /// What it was made from: data, recipe, base package, imported files.
    #[serde(default)]
    pub resolved_dependencies: Vec<Resource>,
}

/// What carried it out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunDetails {
    /// The program.
    pub builder: Builder,
}

/// The program that made the files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Builder {
    /// A URI that names it.
    pub id: String,
    /// The version of each of its parts.
    #[serde(default)]
    pub version: BTreeMap<String, String>,
}

impl Resource {
    /// An entry of a package.
    pub fn of_entry(entry: &Entry) -> Self {
        let digest = [("blake3", entry.blake3.to_hex()), ("sha256", entry.sha256.to_hex())];
        Self::new(entry.path.as_str(), digest)
    }

    /// Something with these digests.
    pub fn new<const N: usize>(name: impl Into<String>, digest: [(&str, String); N]) -> Self {
        Self { name: name.into(), digest: digest.map(|(algorithm, hex)| (algorithm.to_owned(), hex)).into() }
    }
}

impl Statement {
    /// The bytes of the entry.
    pub fn to_json(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("a statement has string keys and no failing serializer");
        bytes.push(b'\n');
        bytes
    }

    /// Reads a statement. Fields that this program does not know are passed over, as in-toto asks.
    ///
    /// # Errors
    /// When it is longer than [`MAX_PROVENANCE_BYTES`], does not read as one, or is of other types.
    pub fn from_json(bytes: &[u8]) -> Result<Self, SpecError> {
        if bytes.len() > MAX_PROVENANCE_BYTES {
            let reason = format!("it has {} bytes, and at most {MAX_PROVENANCE_BYTES} are read", bytes.len());
            return Err(SpecError::new(crate::SpecErrorKind::Limit, WHAT, "", reason));
        }
        let unreadable =
            |source| SpecError::syntax(WHAT, "", "it does not read as an in-toto statement").with_source(source);
        let statement: Self = serde_json::from_slice(bytes).map_err(unreadable)?;
        statement.check_types()?;
        Ok(statement)
    }

    fn check_types(&self) -> Result<(), SpecError> {
        let types = [(&self.kind, STATEMENT_TYPE), (&self.predicate_type, PREDICATE_TYPE)];
        match types.into_iter().find(|(found, wanted)| *found != wanted) {
            Some((found, wanted)) => Err(SpecError::invalid(WHAT, found, format!("its type is not {wanted}"))),
            None => Ok(()),
        }
    }

    /// Compares with the manifest of the package that the statement lies in: it must be about the structure and every
    /// shard, as they are there.
    ///
    /// # Errors
    /// The first file that the statement leaves out or knows by another digest.
    pub fn check(&self, manifest: &Manifest) -> Result<(), SpecError> {
        let model = &manifest.model;
        for path in std::iter::once(&model.structure).chain(&model.weights) {
            let subject = self.subject.iter().find(|subject| subject.name == path.as_str());
            let subject = subject.ok_or_else(|| SpecError::invalid(WHAT, "", format!("it says nothing of {path}")))?;
            let found = manifest.entry(path).map(|entry| entry.sha256.to_hex());
            if found.as_ref() != subject.digest.get("sha256") {
                return Err(SpecError::invalid(WHAT, "", format!("it is about another {path}, by its SHA-256")));
            }
        }
        Ok(())
    }
}
