//! From what a person wrote to the one package that is meant, and to its bytes.

use std::path::PathBuf;

use briq_package::Package;
use briq_spec::lock::{Lock, LockedPackage};
use briq_spec::{Blake3Digest, PackageName, Reference, Selector};
use briq_store::{Repository, Store, VersionRecord};
use semver::{Comparator, Op, Version, VersionReq};

use crate::client::{Client, Remote};
use crate::endpoint::Endpoint;
use crate::error::{RegistryError, RegistryErrorKind};
use crate::progress::Progress;
use crate::task::blocking;

/// The one package that a reference means.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The package's name, as the reference gives it; for a file, as the package itself gives it.
    pub name: PackageName,
    /// `host[:port]` of its registry; `None` for files and for packages published to the local store.
    pub registry: Option<String>,
    /// Its version.
    pub version: Version,
    /// Its identity.
    pub digest: Blake3Digest,
    /// Where its bytes are.
    pub place: Place,
}

/// Where the bytes of a package are.
#[derive(Debug, Clone)]
pub enum Place {
    /// In a file.
    File(PathBuf),
    /// In the store.
    Store,
    /// In a registry, to be fetched.
    Registry(Box<(Client, Remote)>),
}

impl Resolved {
    /// The line of a lock file for the requirement that led here.
    pub fn locked(&self, requirement: &VersionReq) -> LockedPackage {
        LockedPackage {
            name: self.name.clone(),
            registry: self.registry.clone(),
            requirement: requirement.clone(),
            version: self.version.clone(),
            digest: self.digest,
        }
    }

    fn stored(repository: &Repository, record: VersionRecord) -> Self {
        Self {
            name: repository.name.clone(),
            registry: repository.registry.clone(),
            version: record.version,
            digest: record.digest,
            place: Place::Store,
        }
    }
}

/// Finds the package that a reference means.
///
/// Without a host, only the local store is asked. With one, the network is used only for what can have changed: a
/// digest or an exact version (`=1.2.3`) that was pulled before is answered by the store.
///
/// # Errors
/// Nothing matches (`is_not_found`), or the file, store or registry cannot be read.
pub async fn resolve(reference: &Reference, store: &Store) -> Result<Resolved, RegistryError> {
    match reference {
        Reference::File(path) => file(path.clone()).await,
        Reference::Package { registry: None, name, selector } => local(store, &Repository::from(name), selector).await,
        Reference::Package { registry: Some(host), name, selector } => {
            let repository = Repository::remote(host, name.clone());
            if is_exact(selector) {
                match local(store, &repository, selector).await {
                    Err(error) if error.is_not_found() => {}
                    other => return other,
                }
            }
            let client = connect(host).await?;
            let remote = client.resolve(name, selector).await?;
            Ok(fetched_before(store, remote_at(client, name, remote)).await)
        }
    }
}

/// As [`resolve`], but a requirement that the lock file has is answered by it: the same package as last time, or an
/// error.
///
/// # Errors
/// As [`resolve`]; and the registry serves another package under the locked version (`is_conflict`).
pub async fn resolve_locked(lock: &Lock, reference: &Reference, store: &Store) -> Result<Resolved, RegistryError> {
    let Reference::Package { registry, name, selector } = reference else { return resolve(reference, store).await };
    let any = VersionReq::STAR;
    let requirement = match selector {
        Selector::Any => &any,
        Selector::Requirement(requirement) => requirement,
        Selector::Alias(_) | Selector::Digest(_) => return resolve(reference, store).await,
    };
    let Some(locked) = lock.find(registry.as_deref(), name, requirement) else {
        return resolve(reference, store).await;
    };
    let repository = Repository { registry: registry.clone(), name: name.clone() };
    match (local(store, &repository, &Selector::Digest(locked.digest)).await, registry) {
        (Err(error), Some(host)) if error.is_not_found() => pinned(locked, host).await,
        (other, _) => other,
    }
}

/// Opens the package, fetching it into the store first where it is not there yet.
///
/// # Errors
/// The package cannot be read or fetched.
pub async fn open(resolved: &Resolved, store: &Store, progress: &Progress) -> Result<Package, RegistryError> {
    let doing = format!("open {} {}", resolved.name, resolved.version);
    if let Place::File(path) = &resolved.place {
        let path = path.clone();
        return blocking(move || Package::open(&path)).await.map_err(RegistryError::package(doing));
    }
    if let Place::Registry(place) = &resolved.place {
        let (client, remote) = place.as_ref();
        client.pull(remote, store, progress).await?;
    }
    let (store, digest) = (store.clone(), resolved.digest);
    blocking(move || store.package(&digest)).await.map_err(RegistryError::store(doing))
}

async fn file(path: PathBuf) -> Result<Resolved, RegistryError> {
    let doing = format!("resolve {}", path.display());
    let open = path.clone();
    let package = blocking(move || Package::open(&open)).await.map_err(RegistryError::package(doing))?;
    let manifest = package.manifest();
    Ok(Resolved {
        name: manifest.name.clone(),
        registry: None,
        version: manifest.version.clone(),
        digest: package.digest(),
        place: Place::File(path),
    })
}

async fn local(store: &Store, repository: &Repository, selector: &Selector) -> Result<Resolved, RegistryError> {
    let doing = format!("resolve {repository}{selector}");
    let (store, wanted, selector) = (store.clone(), repository.clone(), selector.clone());
    let record = blocking(move || store.resolve(wanted, &selector)).await.map_err(RegistryError::store(doing))?;
    Ok(Resolved::stored(repository, record))
}

/// Whether no later publication can change the answer.
fn is_exact(selector: &Selector) -> bool {
    let whole = |c: &Comparator| c.op == Op::Exact && c.minor.is_some() && c.patch.is_some();
    match selector {
        Selector::Digest(_) => true,
        Selector::Requirement(requirement) => requirement.comparators.iter().any(whole),
        Selector::Any | Selector::Alias(_) => false,
    }
}

async fn connect(host: &str) -> Result<Client, RegistryError> {
    let endpoint: Endpoint = host.parse()?;
    Client::from_env(endpoint).await
}

fn remote_at(client: Client, name: &PackageName, remote: Remote) -> Resolved {
    Resolved {
        name: name.clone(),
        registry: Some(client.endpoint().host().to_owned()),
        version: remote.description.version.clone(),
        digest: remote.description.digest,
        place: Place::Registry(Box::new((client, remote))),
    }
}

/// What was pulled before need not be fetched, unless it has been sealed since.
async fn fetched_before(store: &Store, resolved: Resolved) -> Resolved {
    let Place::Registry(place) = &resolved.place else { return resolved };
    let repository = Repository { registry: resolved.registry.clone(), name: resolved.name.clone() };
    let (store, wanted) = (store.clone(), Selector::Digest(resolved.digest));
    let record = blocking(move || store.resolve(repository, &wanted)).await;
    let remote = &place.1;
    let same = |record: VersionRecord| record.manifest == remote.manifest || remote.description.seals.is_empty();
    if record.is_ok_and(same) { Resolved { place: Place::Store, ..resolved } } else { resolved }
}

async fn pinned(locked: &LockedPackage, host: &str) -> Result<Resolved, RegistryError> {
    let client = connect(host).await?;
    let remote = client.describe_version(&locked.name, &locked.version).await?;
    let found = remote.description.digest;
    if found == locked.digest {
        return Ok(remote_at(client, &locked.name, remote));
    }
    let doing = format!("resolve {host}/{} {}", locked.name, locked.version);
    let what = format!("the lock file has {}, the registry serves {found}", locked.digest);
    Err(RegistryError::new(doing, RegistryErrorKind::Conflict(what)))
}
