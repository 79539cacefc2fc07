//! From what a person wrote to the one package that is meant, and to its bytes.

use std::path::PathBuf;

use briq_package::Package;
use briq_spec::lock::{Lock, LockedPackage, LockedVariant};
use briq_spec::{Blake3Digest, Machine, PackageName, Reference, Selector};
use briq_store::{Repository, Store, VersionRecord};
use semver::{Comparator, Op, Version};

use crate::client::{Client, Remote};
use crate::endpoint::Endpoint;
use crate::error::{RegistryError, RegistryErrorKind};
use crate::progress::Progress;
use crate::task::blocking;
use crate::variants::{self, Ask};

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
    /// Every variant of that version, this one too, where the machine chose; empty where there is one alone.
    pub variants: Vec<LockedVariant>,
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
    /// The line of a lock file for the selector that led here; nothing for an alias or a digest, which cannot be locked.
    pub fn locked(&self, selector: &Selector) -> Option<LockedPackage> {
        let (requirement, build) = Lock::requirement(selector)?;
        Some(LockedPackage {
            name: self.name.clone(),
            registry: self.registry.clone(),
            requirement: requirement.clone(),
            build: build.map(str::to_owned),
            version: self.version.clone(),
            digest: self.digest,
            variants: self.variants.clone(),
        })
    }

    fn stored(repository: &Repository, record: VersionRecord, variants: Vec<LockedVariant>) -> Self {
        Self {
            name: repository.name.clone(),
            registry: repository.registry.clone(),
            version: record.version,
            digest: record.digest,
            variants,
            place: Place::Store,
        }
    }
}

/// Finds the package that a reference means. Where the version has several variants, the machine chooses, unless the
/// reference names one; it is asked for only then.
///
/// Without a host, only the local store is asked. With one, the network is used only for what can have changed: a
/// digest or an exact version (`=1.2.3`) that was pulled before is answered by the store, unless it is one of variants.
///
/// # Errors
/// Nothing matches (`is_not_found`), no variant fits the machine (`is_unfit`), or the file, store or registry cannot be
/// read.
pub async fn resolve(reference: &Reference, store: &Store, machine: Ask<'_>) -> Result<Resolved, RegistryError> {
    match reference {
        Reference::File(path) => file(path.clone()).await,
        Reference::Package { registry: None, name, selector } => {
            local(store, &Repository::from(name), selector, machine).await
        }
        Reference::Package { registry: Some(host), name, selector } => {
            let repository = Repository::remote(host, name.clone());
            if is_exact(selector) {
                match local(store, &repository, selector, machine).await {
                    Err(error) if error.is_not_found() || error.is_unfit() => {}
                    // The registry may have another variant, which fits this machine better.
                    Ok(found) if variants::is_open(selector) && !found.version.build.is_empty() => {}
                    other => return other,
                }
            }
            let client = connect(host).await?;
            let found = client.variants(name, selector).await?;
            let locked = found.iter().map(|remote| (&remote.description.version, remote.description.digest));
            let locked = variants::locked(locked);
            let machine = if found.len() > 1 { machine() } else { Machine::ANY };
            let remote = client.choose(found, &machine).await?;
            Ok(fetched_before(store, remote_at(client, name, remote, locked)).await)
        }
    }
}

/// As [`resolve`], but a requirement that the lock file has is answered by it: the same package as last time, or of the
/// same variants the one that suits this machine, or an error.
///
/// # Errors
/// As [`resolve`]; and the registry serves another package under the locked version (`is_conflict`).
pub async fn resolve_locked(
    lock: &Lock,
    reference: &Reference,
    store: &Store,
    machine: Ask<'_>,
) -> Result<Resolved, RegistryError> {
    let Reference::Package { registry, name, selector } = reference else {
        return resolve(reference, store, machine).await;
    };
    let Some(locked) = lock.find(registry.as_deref(), name, selector) else {
        return resolve(reference, store, machine).await;
    };
    let repository = Repository { registry: registry.clone(), name: name.clone() };
    match (locked.variants.as_slice(), registry) {
        ([], Some(host)) => pinned(store, locked, &repository, host).await,
        ([], None) => local(store, &repository, &Selector::Digest(locked.digest), machine).await,
        (_, Some(host)) => pinned_variant(store, locked, host, machine).await,
        (_, None) => local_variant(store, locked, &repository, machine).await,
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
        variants: Vec::new(),
        place: Place::File(path),
    })
}

async fn local(
    store: &Store,
    repository: &Repository,
    selector: &Selector,
    machine: Ask<'_>,
) -> Result<Resolved, RegistryError> {
    let doing = format!("resolve {repository}{selector}");
    let (own, wanted, picked) = (store.clone(), repository.clone(), selector.clone());
    let record = blocking(move || own.resolve(wanted, &picked)).await.map_err(RegistryError::store(doing))?;
    // What is yanked and has an alias stays what the alias means.
    let (record, variants) = match variants::is_open(selector) && !record.yanked {
        true => variants::stored(store, repository, &record.version, machine).await?,
        false => (record, Vec::new()),
    };
    Ok(Resolved::stored(repository, record, variants))
}

/// Whether no later publication can change the answer.
fn is_exact(selector: &Selector) -> bool {
    let whole = |c: &Comparator| c.op == Op::Exact && c.minor.is_some() && c.patch.is_some();
    match selector {
        Selector::Digest(_) => true,
        Selector::Requirement(requirement) | Selector::Variant(requirement, _) => {
            requirement.comparators.iter().any(whole)
        }
        Selector::Any | Selector::Alias(_) => false,
    }
}

async fn connect(host: &str) -> Result<Client, RegistryError> {
    let endpoint: Endpoint = host.parse()?;
    Client::from_env(endpoint).await
}

fn remote_at(client: Client, name: &PackageName, remote: Remote, variants: Vec<LockedVariant>) -> Resolved {
    Resolved {
        name: name.clone(),
        registry: Some(client.endpoint().host().to_owned()),
        version: remote.description.version.clone(),
        digest: remote.description.digest,
        variants,
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

/// The one package that is locked, from the store where it is there.
async fn pinned(
    store: &Store,
    locked: &LockedPackage,
    repository: &Repository,
    host: &str,
) -> Result<Resolved, RegistryError> {
    match local(store, repository, &Selector::Digest(locked.digest), &|| Machine::ANY).await {
        Err(error) if error.is_not_found() => {}
        other => return other,
    }
    let client = connect(host).await?;
    let remote = pinned_at(&client, &locked.name, &locked.version, locked.digest).await?;
    Ok(remote_at(client, &locked.name, remote, Vec::new()))
}

/// Of the locked variants the one that suits the machine.
async fn pinned_variant(
    store: &Store,
    locked: &LockedPackage,
    host: &str,
    machine: Ask<'_>,
) -> Result<Resolved, RegistryError> {
    let client = connect(host).await?;
    let mut remotes = Vec::new();
    for variant in &locked.variants {
        remotes.push(pinned_at(&client, &locked.name, &variant.version, variant.digest).await?);
    }
    let remote = client.choose(remotes, &machine()).await?;
    Ok(fetched_before(store, remote_at(client, &locked.name, remote, locked.variants.clone())).await)
}

async fn local_variant(
    store: &Store,
    locked: &LockedPackage,
    repository: &Repository,
    machine: Ask<'_>,
) -> Result<Resolved, RegistryError> {
    let mut found = Vec::new();
    for variant in &locked.variants {
        found.push(local(store, repository, &Selector::Digest(variant.digest), machine).await?);
    }
    let digests = found.iter().map(|resolved| resolved.digest).collect();
    let at = variants::best_of(store, digests, machine, format!("resolve {repository} {}", locked.version)).await?;
    Ok(Resolved { variants: locked.variants.clone(), ..found.swap_remove(at) })
}

async fn pinned_at(
    client: &Client,
    name: &PackageName,
    version: &Version,
    digest: Blake3Digest,
) -> Result<Remote, RegistryError> {
    let remote = client.describe_version(name, version).await?;
    let found = remote.description.digest;
    if found == digest {
        return Ok(remote);
    }
    let doing = format!("resolve {}/{name} {version}", client.endpoint());
    let what = format!("the lock file has {digest}, the registry serves {found}");
    Err(RegistryError::new(doing, RegistryErrorKind::Conflict(what)))
}
