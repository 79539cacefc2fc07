//! `briq.lock`: which package each requirement was resolved to, so that the next resolution gives the same.

use schemars::JsonSchema;
use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};

use crate::digest::Blake3Digest;
use crate::error::{SpecError, SpecErrorKind};
use crate::name::PackageName;
use crate::reference::Selector;
use crate::variant::same_version;

/// The newest version of the lock file that this program reads and writes: since 2, it may hold variants.
pub const LOCK_VERSION: u32 = 2;

const WHAT: &str = "lock file";
const HEADER: &str = "# Written by briq; do not edit.\n";

/// The lock file. Its packages are sorted, so equal locks are equal files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// The version of the file: the first that has all that it holds.
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
    /// The one variant that was asked for; absent where the machine chooses. Since version 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<String>,
    /// The version it was resolved to.
    pub version: Version,
    /// The package it was resolved to, on the machine that wrote the lock file.
    pub digest: Blake3Digest,
    /// Every variant of that version, this one too, for other machines to choose from; empty where there is one alone.
    /// Since version 2.
    #[serde(default, rename = "variant", skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<LockedVariant>,
}

/// One variant of a version that a requirement was resolved to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LockedVariant {
    /// Its version.
    pub version: Version,
    /// Its package.
    pub digest: Blake3Digest,
}

impl Default for Lock {
    fn default() -> Self {
        Self { version: 1, packages: Vec::new() }
    }
}

impl LockedPackage {
    fn key(&self) -> (&PackageName, Option<&str>, String, Option<&str>) {
        (&self.name, self.registry.as_deref(), self.requirement.to_string(), self.build.as_deref())
    }

    /// Every package that may be taken for the requirement.
    pub fn digests(&self) -> impl Iterator<Item = Blake3Digest> {
        let others = self.variants.iter().map(|variant| variant.digest).filter(|digest| *digest != self.digest);
        std::iter::once(self.digest).chain(others)
    }

    fn asked(&self) -> String {
        let build = self.build.as_ref().map(|build| format!("+{build}")).unwrap_or_default();
        format!("{}@{}{build}", self.name, self.requirement)
    }

    fn least_version(&self) -> u32 {
        if self.build.is_none() && self.variants.is_empty() { 1 } else { 2 }
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
        lock.settle();
        match lock.packages.windows(2).find(|pair| pair[0].key() == pair[1].key()) {
            Some(pair) => Err(invalid(format!("it resolves {} twice", pair[0].asked()))),
            None => Ok(lock),
        }
    }

    /// The text of the lock file.
    pub fn print(&self) -> String {
        let mut sorted = self.clone();
        sorted.settle();
        let body = toml::to_string(&sorted).expect("a lock is tables of strings and small numbers");
        format!("{HEADER}{body}")
    }

    /// What a selector was resolved to; nothing for one that is no requirement.
    pub fn find(&self, registry: Option<&str>, name: &PackageName, selector: &Selector) -> Option<&LockedPackage> {
        let (requirement, build) = Self::requirement(selector)?;
        let wanted = (name, registry, requirement.to_string(), build);
        self.packages.iter().find(|package| package.key() == wanted)
    }

    /// The requirement of a selector, and the variant that it asks for; nothing for an alias or a digest, which cannot
    /// be locked.
    pub fn requirement(selector: &Selector) -> Option<(&VersionReq, Option<&str>)> {
        static ANY: VersionReq = VersionReq::STAR;
        match selector {
            Selector::Any => Some((&ANY, None)),
            Selector::Requirement(requirement) => Some((requirement, None)),
            Selector::Variant(requirement, build) => Some((requirement, Some(build.as_str()))),
            Selector::Alias(_) | Selector::Digest(_) => None,
        }
    }

    /// Sorts, and takes the version of the file that this needs.
    fn settle(&mut self) {
        self.packages.iter_mut().for_each(|package| package.variants.sort());
        self.packages.sort_by(|a, b| a.key().cmp(&b.key()));
        self.version = self.packages.iter().map(LockedPackage::least_version).max().unwrap_or(1);
    }

    /// Records a resolution in place of an earlier one of the same requirement.
    pub fn upsert(&mut self, package: LockedPackage) {
        self.packages.retain(|other| other.key() != package.key());
        self.packages.push(package);
        self.settle();
    }
}

fn check_version(text: &str) -> Result<(), SpecError> {
    #[derive(Deserialize)]
    struct Head {
        version: u32,
    }
    let Head { version } = toml::from_str(text).map_err(not_a_lock)?;
    if (1..=LOCK_VERSION).contains(&version) {
        return Ok(());
    }
    let reason = format!("it is of version {version}, and this program reads versions 1 to {LOCK_VERSION}");
    Err(SpecError::new(SpecErrorKind::Unsupported, WHAT, "", reason).with_hint("use a newer version of briq"))
}

fn check_package(package: &LockedPackage) -> Result<(), SpecError> {
    let LockedPackage { name, version, requirement, build, variants, .. } = package;
    let wrong = |reason: String| Err(invalid(reason).with_hint("remove the entry and resolve again"));
    if !requirement.matches(version) {
        return wrong(format!("it pins {name} to {version}, which does not meet {requirement}"));
    }
    if build.as_ref().is_some_and(|build| version.build.as_str() != build) {
        return wrong(format!("it pins {name} to {version}, which is not the variant of {}", package.asked()));
    }
    match variants.iter().find(|variant| !same_version(&variant.version, version)) {
        Some(other) => wrong(format!("it has {} for a variant of {name} {version}", other.version)),
        None => Ok(()),
    }
}

fn not_a_lock(source: toml::de::Error) -> SpecError {
    SpecError::syntax(WHAT, "", "it does not read as one")
        .with_source(source)
        .with_hint("remove the file and resolve again")
}

fn invalid(reason: String) -> SpecError {
    SpecError::invalid(WHAT, "", reason)
}
