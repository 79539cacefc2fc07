//! `index.json`: the one place that says what the store holds.
//!
//! An entry is named `REPOSITORY:TAG`, or `REPOSITORY@DIGEST` when it has no tag. What else Briq knows about a version
//! (when it was published, whether it is yanked) is in the entry's annotations. Entries of other tools are kept.

use briq_spec::{Blake3Digest, PackageName, Sha256Digest};
use semver::Version;

use crate::artifact::{Description, MODEL_MANIFEST, PACKAGE_DIGEST, PACKAGE_NAME, VERSION};
use crate::error::{StoreError, StoreErrorKind};
use crate::layout::{Layout, read_limited};
use crate::locks;
use crate::oci::{Descriptor, IMAGE_MANIFEST, Index, REF_NAME};
use crate::repository::Repository;

const MAX_INDEX_BYTES: u64 = 256 << 20;
const REPOSITORY: &str = "dev.briq.repository";
const REGISTRY: &str = "dev.briq.registry";
const SIZE: &str = "dev.briq.package.size";
const PUBLISHED: &str = "dev.briq.published";
const YANKED: &str = "dev.briq.yanked";

/// One published version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRecord {
    /// The version.
    pub version: Version,
    /// The identity of the package: BLAKE3 of its `briq.json`.
    pub digest: Blake3Digest,
    /// SHA-256 of its OCI manifest.
    pub manifest: Sha256Digest,
    /// Bytes of `briq.json` and all entries.
    pub size: u64,
    /// Whether requirements pass it over.
    pub yanked: bool,
    /// When it came into this store, in seconds since 1970-01-01 UTC.
    pub published: u64,
}

/// The OCI tag of a version: `+` may not stand in a tag and becomes `_`, as Helm does it.
pub fn tag_of(version: &Version) -> String {
    version.to_string().replace('+', "_")
}

/// The version that a tag stands for, if it stands for one.
pub fn version_of(tag: &str) -> Option<Version> {
    Version::parse(&tag.replacen('_', "+", 1)).ok()
}

/// Reads the index; no lock is needed, for it is only ever replaced as a whole.
pub(crate) fn read(layout: &Layout) -> Result<Index, StoreError> {
    let path = layout.index();
    let bytes = match read_limited(&path, MAX_INDEX_BYTES) {
        Ok(bytes) => bytes,
        Err(error) if error.is_not_found() => return Ok(Index::default()),
        Err(error) => return Err(error),
    };
    serde_json::from_slice(&bytes)
        .map_err(|error| StoreError::new(format!("read {}", path.display()), StoreErrorKind::Json(error)))
}

/// Changes the index; other writers wait. Nothing is written when `change` fails or leaves it as it was.
pub(crate) fn update<T>(
    layout: &Layout,
    change: impl FnOnce(&mut Index) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let _held = locks::own_index(layout)?;
    let before = read(layout)?;
    let mut after = before.clone();
    let value = change(&mut after)?;
    if after != before || !layout.index().exists() {
        let path = layout.index();
        let json = serde_json::to_vec_pretty(&after)
            .map_err(|error| StoreError::new(format!("write {}", path.display()), StoreErrorKind::Json(error)))?;
        layout.replace(&path, &json)?;
    }
    Ok(value)
}

/// The entry for a published version.
pub(crate) fn version_entry(
    repository: &Repository,
    description: &Description,
    manifest: (Sha256Digest, u64),
    published: u64,
) -> Descriptor {
    let tag = tag_of(&description.version);
    let mut entry = tag_entry(repository, &tag, Descriptor::new(IMAGE_MANIFEST, manifest.0, manifest.1));
    entry.artifact_type = Some(MODEL_MANIFEST.into());
    let annotations = [
        (PACKAGE_NAME, description.name.to_string()),
        (PACKAGE_DIGEST, description.digest.to_string()),
        (VERSION, description.version.to_string()),
        (SIZE, description.size().to_string()),
        (PUBLISHED, published.to_string()),
    ];
    entry.annotations.extend(annotations.map(|(name, value)| (name.to_owned(), value)));
    entry
}

/// The entry that gives a manifest a tag.
pub(crate) fn tag_entry(repository: &Repository, tag: &str, manifest: Descriptor) -> Descriptor {
    entry(repository, format!("{repository}:{tag}"), manifest)
}

/// The entry that keeps a manifest without a tag.
pub(crate) fn digest_entry(repository: &Repository, manifest: Descriptor) -> Descriptor {
    let name = format!("{repository}@{}", manifest.digest);
    entry(repository, name, manifest)
}

fn entry(repository: &Repository, name: String, mut manifest: Descriptor) -> Descriptor {
    // What the entry says beyond the manifest belongs to the one tag it came from.
    manifest.annotations.clear();
    manifest.annotations.insert(REF_NAME.into(), name);
    manifest.annotations.insert(REPOSITORY.into(), repository.name.to_string());
    if let Some(registry) = &repository.registry {
        manifest.annotations.insert(REGISTRY.into(), registry.clone());
    }
    manifest
}

/// Adds an entry, or replaces the one of the same name.
pub(crate) fn put(index: &mut Index, entry: Descriptor) {
    let name = entry.annotation(REF_NAME);
    match index.manifests.iter_mut().find(|other| other.annotation(REF_NAME) == name) {
        Some(other) => *other = entry,
        None => index.manifests.push(entry),
    }
}

/// Puts another OCI manifest of the same package in the place of a version's, for its aliases too.
pub(crate) fn replace_version(index: &mut Index, repository: &Repository, entry: &Descriptor) {
    let Some(old) = index.manifests.iter().find(|other| other.annotation(REF_NAME) == entry.annotation(REF_NAME))
    else {
        return put(index, entry.clone());
    };
    let (old, kept) = (old.digest, [PUBLISHED, YANKED].map(|name| Some((name, old.annotation(name)?.to_owned()))));
    let mut entry = entry.clone();
    entry.annotations.extend(kept.into_iter().flatten().map(|(name, value)| (name.to_owned(), value)));
    for alias in index.manifests.iter_mut().filter(|other| other.digest == old && belongs(other, repository)) {
        (alias.digest, alias.size) = (entry.digest, entry.size);
    }
    put(index, entry);
}

/// The repository of an entry, if Briq wrote it.
pub(crate) fn repository_of(entry: &Descriptor) -> Option<Repository> {
    let name: PackageName = entry.annotation(REPOSITORY)?.parse().ok()?;
    Some(Repository { registry: entry.annotation(REGISTRY).map(str::to_owned), name })
}

/// Entries of one repository.
pub(crate) fn entries<'a>(index: &'a Index, repository: &'a Repository) -> impl Iterator<Item = &'a Descriptor> {
    index.manifests.iter().filter(move |entry| belongs(entry, repository))
}

fn belongs(entry: &Descriptor, repository: &Repository) -> bool {
    entry.annotation(REPOSITORY) == Some(repository.name.as_str())
        && entry.annotation(REGISTRY) == repository.registry.as_deref()
}

/// The tag of an entry, unless it has none.
pub(crate) fn tag<'a>(entry: &'a Descriptor, repository: &Repository) -> Option<&'a str> {
    entry.annotation(REF_NAME)?.strip_prefix(&repository.to_string())?.strip_prefix(':')
}

/// The entry with a tag.
pub(crate) fn tagged<'a>(index: &'a Index, repository: &'a Repository, wanted: &str) -> Option<&'a Descriptor> {
    entries(index, repository).find(|entry| tag(entry, repository) == Some(wanted))
}

/// The record of an entry; `None` for aliases and for entries that are not versions.
///
/// # Errors
/// The entry claims to be a version, but its annotations cannot be read.
pub(crate) fn record(entry: &Descriptor) -> Result<Option<VersionRecord>, StoreError> {
    let Some(digest) = entry.annotation(PACKAGE_DIGEST) else { return Ok(None) };
    let name = entry.annotation(REF_NAME).unwrap_or_default();
    let broken = |what: &str| {
        StoreError::corrupt(format!("read entry {name} of index.json"), format!("its annotation {what} is malformed"))
    };
    let text = |what: &str| entry.annotation(what).unwrap_or_default();
    Ok(Some(VersionRecord {
        version: text(VERSION).parse().map_err(|_| broken(VERSION))?,
        digest: digest.parse().map_err(|_| broken(PACKAGE_DIGEST))?,
        manifest: entry.digest,
        size: text(SIZE).parse().map_err(|_| broken(SIZE))?,
        yanked: entry.annotation(YANKED) == Some("true"),
        published: text(PUBLISHED).parse().map_err(|_| broken(PUBLISHED))?,
    }))
}

/// All versions of a repository, oldest first.
pub(crate) fn records(index: &Index, repository: &Repository) -> Result<Vec<VersionRecord>, StoreError> {
    let mut records: Vec<_> =
        entries(index, repository).filter_map(|entry| record(entry).transpose()).collect::<Result<_, _>>()?;
    records.sort_by(|a, b| a.version.cmp(&b.version));
    Ok(records)
}

/// Marks an entry as yanked, or no longer.
pub(crate) fn mark_yanked(index: &mut Index, repository: &Repository, version: &Version, yanked: bool) -> bool {
    let wanted = tag_of(version);
    let found =
        index.manifests.iter_mut().find(|entry| belongs(entry, repository) && tag(entry, repository) == Some(&wanted));
    let Some(entry) = found else { return false };
    match yanked {
        true => entry.annotations.insert(YANKED.into(), "true".into()),
        false => entry.annotations.remove(YANKED),
    };
    true
}
