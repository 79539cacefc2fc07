//! `briq.lock`: which package each requirement was resolved to, so that the next resolution gives the same.

use schemars::JsonSchema;
use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};

use crate::digest::Blake3Digest;
use crate::error::{SpecError, SpecErrorKind};
use crate::name::PackageName;

/// The version of the lock file that this program reads and writes.
pub const LOCK_VERSION: u32 = 1;

const WHAT: &str = "lock file";
const HEADER: &str = "# Written by briq; do not edit.\n";

/// The lock file. Its packages are sorted, so equal locks are equal files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// The version of the file: 1.
    pub version: u32,
    /// What was resolved.
    #[serde(default, rename = "package", skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<LockedPackage>,
}

/// One requirement and the package it was resolved to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LockedPackage {
    /// The package.
    pub name: PackageName,
    /// `host[:port]` of the registry it came from; absent for the local store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
    /// What was asked for.
    #[schemars(with = "String")]
    pub requirement: VersionReq,
    /// The version it was resolved to.
    pub version: Version,
    /// The package it was resolved to.
    pub digest: Blake3Digest,
}

impl Default for Lock {
    fn default() -> Self {
        Self { version: LOCK_VERSION, packages: Vec::new() }
    }
}

impl LockedPackage {
    fn key(&self) -> (&PackageName, Option<&str>, String) {
        (&self.name, self.registry.as_deref(), self.requirement.to_string())
    }
}

impl Lock {
    /// Reads a lock file.
    ///
    /// # Errors
    /// When it is not one, is of a newer version, resolves a requirement twice, or pins a version that does not meet
    /// its requirement.
    pub fn parse(text: &str) -> Result<Self, SpecError> {
        check_version(text)?;
        let mut lock: Self = toml::from_str(text).map_err(not_a_lock)?;
        lock.packages.iter().try_for_each(check_package)?;
        lock.packages.sort_by(|a, b| a.key().cmp(&b.key()));
        match lock.packages.windows(2).find(|pair| pair[0].key() == pair[1].key()) {
            Some(pair) => Err(invalid(format!("it resolves {}@{} twice", pair[0].name, pair[0].requirement))),
            None => Ok(lock),
        }
    }

    /// The text of the lock file.
    pub fn print(&self) -> String {
        let mut sorted = self.clone();
        sorted.packages.sort_by(|a, b| a.key().cmp(&b.key()));
        let body = toml::to_string(&sorted).expect("a lock is tables of strings and small numbers");
        format!("{HEADER}{body}")
    }

    /// What a requirement was resolved to.
    pub fn find(&self, registry: Option<&str>, name: &PackageName, requirement: &VersionReq) -> Option<&LockedPackage> {
        let wanted = (name, registry, requirement.to_string());
        self.packages.iter().find(|package| package.key() == wanted)
    }

    /// Records a resolution in place of an earlier one of the same requirement.
    pub fn upsert(&mut self, package: LockedPackage) {
        self.packages.retain(|other| other.key() != package.key());
        self.packages.push(package);
        self.packages.sort_by(|a, b| a.key().cmp(&b.key()));
    }
}

fn check_version(text: &str) -> Result<(), SpecError> {
    #[derive(Deserialize)]
    struct Head {
        version: u32,
    }
    let Head { version } = toml::from_str(text).map_err(not_a_lock)?;
    if version == LOCK_VERSION {
        return Ok(());
    }
    let reason = format!("it is of version {version}, and this program reads version {LOCK_VERSION}");
    Err(SpecError::new(SpecErrorKind::Unsupported, WHAT, "", reason).with_hint("use a newer version of briq"))
}

fn check_package(package: &LockedPackage) -> Result<(), SpecError> {
    if package.requirement.matches(&package.version) {
        return Ok(());
    }
    let LockedPackage { name, version, requirement, .. } = package;
    Err(invalid(format!("it pins {name} to {version}, which does not meet {requirement}"))
        .with_hint("remove the entry and resolve again"))
}

fn not_a_lock(source: toml::de::Error) -> SpecError {
    SpecError::syntax(WHAT, "", "it does not read as one")
        .with_source(source)
        .with_hint("remove the file and resolve again")
}

fn invalid(reason: String) -> SpecError {
    SpecError::invalid(WHAT, "", reason)
}
