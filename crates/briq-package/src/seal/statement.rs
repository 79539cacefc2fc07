//! The inner form of a seal: an in-toto statement with the predicate of OpenSSF Model Signing 1.0.
//!
//! Its subject is the SHA-256 over the digests of all files, in the order in which the predicate lists them.

use std::collections::BTreeMap;

use briq_spec::entry::MANIFEST_ENTRY;
use briq_spec::manifest::Entry;
use briq_spec::provenance::STATEMENT_TYPE;
use briq_spec::{Blake3Digest, Sha256Digest};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::error::SealError;
use crate::package::Package;

const PREDICATE_TYPE: &str = "https://model_signing/signature/v1.0";

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    predicate_type: String,
    predicate: Predicate,
}

#[derive(Debug, Serialize, Deserialize)]
struct Subject {
    name: String,
    digest: BTreeMap<String, String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Predicate {
    serialization: Serialization,
    resources: Vec<Resource>,
}

/// How the files were taken. What it says is ignored is not: every file has to be listed.
#[derive(Debug, Serialize, Deserialize)]
struct Serialization {
    method: String,
    hash_type: String,
    allow_symlinks: bool,
    #[serde(default)]
    ignore_paths: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Resource {
    name: String,
    algorithm: String,
    digest: String,
}

impl Statement {
    /// About every file of a package but its seals.
    pub(super) fn of(package: &Package) -> Self {
        let mut files = files(package);
        // Component by component, as others sort paths: `a/b` stands before `a-b`.
        files.sort_by(|a, b| a.path.split('/').cmp(b.path.split('/')));
        let mut whole = Sha256::new();
        files.iter().for_each(|file| whole.update(file.sha256.as_bytes()));
        let resource = |file: &File<'_>| Resource {
            name: file.path.to_owned(),
            algorithm: "sha256".to_owned(),
            digest: file.sha256.to_hex(),
        };
        let manifest = package.manifest();
        let digest = Sha256Digest::from_bytes(whole.finalize().into()).to_hex();
        Self {
            kind: STATEMENT_TYPE.to_owned(),
            subject: vec![Subject {
                name: format!("{}-{}", manifest.name.short(), manifest.version),
                digest: BTreeMap::from([("sha256".to_owned(), digest)]),
            }],
            predicate_type: PREDICATE_TYPE.to_owned(),
            predicate: Predicate {
                serialization: Serialization {
                    method: "files".to_owned(),
                    hash_type: "sha256".to_owned(),
                    allow_symlinks: false,
                    ignore_paths: vec!["signatures".to_owned()],
                },
                resources: files.iter().map(resource).collect(),
            },
        }
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a statement has string keys and no failing serializer")
    }

    /// Reads a statement and checks that it agrees with itself.
    pub(super) fn from_json(bytes: &[u8]) -> Result<Self, SealError> {
        let unreadable =
            |source| SealError::malformed("what is signed is not a statement about a model").because(source);
        let statement: Self = serde_json::from_slice(bytes).map_err(unreadable)?;
        statement.check_form()?;
        statement.check_subject()?;
        Ok(statement)
    }

    fn check_form(&self) -> Result<(), SealError> {
        let Serialization { method, .. } = &self.predicate.serialization;
        let expected = [
            (self.kind.as_str(), STATEMENT_TYPE),
            (self.predicate_type.as_str(), PREDICATE_TYPE),
            (method.as_str(), "files"),
        ];
        match expected.into_iter().find(|(found, wanted)| found != wanted) {
            Some((found, wanted)) => {
                Err(SealError::malformed(format!("what is signed says {found:?} where {wanted:?} is read")))
            }
            None => Ok(()),
        }
    }

    fn check_subject(&self) -> Result<(), SealError> {
        let [subject] = self.subject.as_slice() else {
            return Err(SealError::malformed(format!("it has {} subjects instead of one", self.subject.len())));
        };
        let mut whole = Sha256::new();
        for resource in &self.predicate.resources {
            whole.update(resource.bytes()?);
        }
        let found = Sha256Digest::from_bytes(whole.finalize().into()).to_hex();
        if subject.digest.get("sha256") == Some(&found) {
            return Ok(());
        }
        Err(SealError::malformed("its subject is not the digest of what it lists"))
    }

    /// Compares with a package: the same files with the same digests, none more and none less.
    pub(super) fn check(&self, package: &Package) -> Result<(), SealError> {
        let mut open: BTreeMap<&str, File<'_>> = files(package).into_iter().map(|file| (file.path, file)).collect();
        for Resource { name, algorithm, digest } in &self.predicate.resources {
            let file = open.remove(name.as_str());
            let file = file.ok_or_else(|| mismatch(format!("it is about {name}, which is missing or listed twice")))?;
            let found = match algorithm.as_str() {
                "sha256" => file.sha256.to_hex(),
                "blake3" => file.blake3.to_hex(),
                other => {
                    return Err(SealError::malformed(format!("it knows {name} by {other}, not by SHA-256 or BLAKE3")));
                }
            };
            if found != *digest {
                return Err(mismatch(format!("{name} is not what was sealed")));
            }
        }
        match open.keys().next() {
            Some(name) => Err(mismatch(format!("it says nothing of {name}"))),
            None => Ok(()),
        }
    }
}

impl Resource {
    fn bytes(&self) -> Result<Vec<u8>, SealError> {
        let odd = || SealError::malformed(format!("its digest of {} is not hexadecimal", self.name));
        if !self.digest.len().is_multiple_of(2) || !self.digest.is_ascii() {
            return Err(odd());
        }
        let pair = |at: usize| u8::from_str_radix(&self.digest[at..at + 2], 16).map_err(|_| odd());
        (0..self.digest.len()).step_by(2).map(pair).collect()
    }
}

/// A file of a package, as others see it when it is unpacked.
struct File<'p> {
    path: &'p str,
    sha256: Sha256Digest,
    blake3: Blake3Digest,
}

impl<'p> File<'p> {
    fn of(entry: &'p Entry) -> Self {
        Self { path: entry.path.as_str(), sha256: entry.sha256, blake3: entry.blake3 }
    }
}

/// Every file of a package but its seals.
fn files(package: &Package) -> Vec<File<'_>> {
    let sha256 = Sha256Digest::from_bytes(Sha256::digest(package.manifest_bytes()).into());
    let manifest = File { path: MANIFEST_ENTRY, sha256, blake3: package.digest() };
    std::iter::once(manifest).chain(package.entries().iter().map(File::of)).collect()
}

fn mismatch(reason: String) -> SealError {
    SealError::mismatch(reason)
        .with_hint("the package is not the one that was sealed: fetch it again, or seal this one")
}
