//! Which variant of a version suits the machine that asks.

use briq_spec::lock::LockedVariant;
use briq_spec::variant::same_version;
use briq_spec::{Blake3Digest, Machine, Manifest, PackageName, Selector};
use briq_store::{Repository, Store, StoreError, VersionRecord};
use semver::Version;

use crate::client::{Client, Remote};
use crate::error::{RegistryError, RegistryErrorKind};
use crate::task::blocking;

/// Looks at the machine, which can take a while: it is asked only where there is something to choose.
pub type Ask<'a> = &'a (dyn Fn() -> Machine + Sync);

/// Whether the machine has a say: a digest or a named variant leaves nothing to choose.
pub(crate) fn is_open(selector: &Selector) -> bool {
    match selector {
        Selector::Any | Selector::Requirement(_) | Selector::Alias(_) => true,
        Selector::Variant(..) | Selector::Digest(_) => false,
    }
}

impl Client {
    /// Every variant of the version that a selector means, lowest first; one alone where the selector leaves no choice.
    ///
    /// # Errors
    /// As [`Client::resolve`], but for what no machine can run.
    pub async fn variants(&self, name: &PackageName, selector: &Selector) -> Result<Vec<Remote>, RegistryError> {
        let published = self.versions(name).await?;
        let found = self.highest(name, selector, &published).await?;
        if !is_open(selector) {
            return Ok(vec![found]);
        }
        let version = &found.description.version;
        let others = published.iter().filter(|other| same_version(other, version) && *other != version);
        let mut variants = Vec::new();
        for other in others {
            variants.push(self.describe_version(name, other).await?);
        }
        variants.push(found);
        variants.sort_by(|a, b| a.description.version.cmp(&b.description.version));
        Ok(variants)
    }

    /// The variant that suits a machine; where there is one alone, that one, whatever it is made for.
    ///
    /// # Errors
    /// None fits the machine (`is_unfit`), or their manifests cannot be read.
    pub async fn choose(&self, mut variants: Vec<Remote>, machine: &Machine) -> Result<Remote, RegistryError> {
        if let [_] = variants.as_slice() {
            return Ok(variants.swap_remove(0));
        }
        let mut manifests = Vec::new();
        for remote in &variants {
            manifests.push(self.package_manifest(remote).await?);
        }
        let doing = || match manifests.first() {
            Some(manifest) => format!("choose a variant of {}/{}", self.endpoint(), named(manifest)),
            None => "choose a variant of nothing".into(),
        };
        let at = choose(&manifests, machine, doing)?;
        Ok(variants.swap_remove(at))
    }
}

/// Of all variants of a version in the store, the one that suits the machine, and what a lock file says of them.
pub(crate) async fn stored(
    store: &Store,
    repository: &Repository,
    version: &Version,
    machine: Ask<'_>,
) -> Result<(VersionRecord, Vec<LockedVariant>), RegistryError> {
    let doing = format!("choose a variant of {repository} {version}");
    let (own, repository, version) = (store.clone(), repository.clone(), version.clone());
    let mut records =
        blocking(move || own.variants(repository, &version)).await.map_err(RegistryError::store(&doing))?;
    let variants = locked(records.iter().map(|record| (&record.version, record.digest)));
    let digests = records.iter().map(|record| record.digest).collect();
    let at = best_of(store, digests, machine, doing).await?;
    Ok((records.swap_remove(at), variants))
}

/// The position of the package that suits the machine; the only one, whatever it is made for.
pub(crate) async fn best_of(
    store: &Store,
    digests: Vec<Blake3Digest>,
    machine: Ask<'_>,
    doing: String,
) -> Result<usize, RegistryError> {
    if let [_] = digests.as_slice() {
        return Ok(0);
    }
    let store = store.clone();
    let read = move || -> Result<Vec<Manifest>, StoreError> {
        digests.iter().map(|digest| Ok(store.package(digest)?.manifest().clone())).collect()
    };
    let manifests = blocking(read).await;
    choose(&manifests.map_err(RegistryError::store(&doing))?, &machine(), || doing)
}

/// What a lock file says of variants: nothing where there is one alone.
pub(crate) fn locked<'a>(variants: impl ExactSizeIterator<Item = (&'a Version, Blake3Digest)>) -> Vec<LockedVariant> {
    match variants.len() {
        1 => Vec::new(),
        _ => variants.map(|(version, digest)| LockedVariant { version: version.clone(), digest }).collect(),
    }
}

/// The position of the one that suits the machine.
fn choose(manifests: &[Manifest], machine: &Machine, doing: impl FnOnce() -> String) -> Result<usize, RegistryError> {
    let unfit = |error| RegistryError::new(doing(), RegistryErrorKind::Unfit(error));
    let chosen = machine.choose(manifests).map_err(unfit)?;
    let at = manifests.iter().position(|manifest| std::ptr::eq(manifest, chosen));
    Ok(at.expect("the one that was chosen is among them"))
}

fn named(manifest: &Manifest) -> String {
    let Version { major, minor, patch, .. } = manifest.version;
    format!("{} {major}.{minor}.{patch}", manifest.name)
}
