//! Which collection of versions is meant: the local one, or what was pulled from one registry.

use std::fmt;

use briq_spec::PackageName;

/// A package name, together with the registry that its versions came from.
///
/// Packages that were pulled stay apart from those published here, so that no registry can slip a version into a
/// name that this machine publishes itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    /// `host[:port]` of the registry; `None` for packages published to this store.
    pub registry: Option<String>,
    /// The repository path inside the registry.
    pub name: PackageName,
}

impl Repository {
    /// What was published to this store.
    pub fn local(name: PackageName) -> Self {
        Self { registry: None, name }
    }

    /// What was pulled from a registry.
    pub fn remote(registry: impl Into<String>, name: PackageName) -> Self {
        Self { registry: Some(registry.into()), name }
    }
}

impl From<&PackageName> for Repository {
    fn from(name: &PackageName) -> Self {
        Self::local(name.clone())
    }
}

impl From<PackageName> for Repository {
    fn from(name: PackageName) -> Self {
        Self::local(name)
    }
}

impl From<&Repository> for Repository {
    fn from(repository: &Repository) -> Self {
        repository.clone()
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.registry {
            Some(registry) => write!(f, "{registry}/{}", self.name),
            None => write!(f, "{}", self.name),
        }
    }
}
