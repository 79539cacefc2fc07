//! `index.json`: the one place that says what the store holds.
//!
//! An entry is named `REPOSITORY:TAG`, or `REPOSITORY@DIGEST` when it has no tag. What else Briq knows about a version
//! (when it was published, whether it is yanked) is in the entry's annotations. Entries of other tools are kept.

use std::ops::Range;

use briq_spec::{Blake3Digest, PackageName, Sha256Digest};
use semver::Version;

use crate::artifact::{Description, MODEL_MANIFEST, PACKAGE_DIGEST, PACKAGE_NAME, VERSION};
use crate::attachment;
use crate::error::{StoreError, StoreErrorKind};
use crate::layout::{Layout, read_limited};
use crate::oci::{Descriptor, IMAGE_MANIFEST, Index, REF_NAME};
use crate::repository::Repository;
use crate::table::Row;

/// The largest index that is read: well over a million versions.
pub(crate) const MAX_INDEX_BYTES: u64 = 1 << 30;
const REPOSITORY: &str = "dev.briq.repository";
const REGISTRY: &str = "dev.briq.registry";
const SIZE: &str = "dev.briq.package.size";
const PUBLISHED: &str = "dev.briq.published";
const YANKED: &str = "dev.briq.yanked";
const SUBJECT: &str = "dev.briq.subject";

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

/// What an entry is, and what it is found by among those of its repository. The order is that of the catalog.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sort {
    /// A published version.
    Version(Version),
    /// Says that it is a version, under this tag, and cannot be read as one.
    Malformed(String),
    /// A tag that is no version: an alias, or another artifact. The whole name, for entries of other tools.
    Tag(String),
    /// A manifest without a tag.
    Untagged(Sha256Digest),
}

impl Sort {
    /// Whether it has to be looked at where versions are listed.
    pub(crate) fn is_version(&self) -> bool {
        matches!(self, Self::Version(_) | Self::Malformed(_))
    }

    /// The tag, where there is one.
    pub(crate) fn tag(self) -> Option<String> {
        match self {
            Self::Version(version) => Some(tag_of(&version)),
            Self::Malformed(tag) | Self::Tag(tag) => Some(tag),
            Self::Untagged(_) => None,
        }
    }
}

/// The repository of an entry, if Briq wrote it, and its row in the catalog. `place` is where it stands in the file.
pub(crate) fn row(entry: &Descriptor, place: Range<u64>) -> (Option<Repository>, Row) {
    let repository = repository_of(entry);
    let record = record(entry);
    let sort = match (&repository, &record) {
        (None, _) => Sort::Tag(entry.annotation(REF_NAME).unwrap_or_default().to_owned()),
        (Some(repository), record) => match (tag(entry, repository), record) {
            (None, _) => Sort::Untagged(entry.digest),
            (Some(_), Ok(Some(record))) => Sort::Version(record.version.clone()),
            (Some(tag), Ok(None)) => Sort::Tag(tag.to_owned()),
            (Some(tag), Err(_)) => Sort::Malformed(tag.to_owned()),
        },
    };
    let package = package_of(entry).map(|digest| *digest.as_bytes());
    let record = record.ok().flatten();
    let row = Row {
        sort,
        manifest: entry.digest,
        about: package.or(subject_of(entry).map(|digest| *digest.as_bytes())),
        size: record.as_ref().map_or(0, |record| record.size),
        published: record.as_ref().map_or(0, |record| record.published),
        yanked: record.is_some_and(|record| record.yanked),
        place,
    };
    (repository, row)
}

/// The manifest that the manifest of an entry says something about.
pub(crate) fn subject_of(entry: &Descriptor) -> Option<Sha256Digest> {
    entry.annotation(SUBJECT)?.parse().ok()
}

/// Reads the whole index. Whoever reads without the lock may meet a file that is being changed in place.
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

/// The entry of a package that is no version any more, and is found by its digest.
pub(crate) fn package_entry(
    repository: &Repository,
    description: &Description,
    manifest: (Sha256Digest, u64),
) -> Descriptor {
    let mut entry = version_entry(repository, description, manifest, 0);
    entry.annotations.insert(REF_NAME.into(), format!("{repository}@{}", manifest.0));
    entry
}

/// Says of an entry which manifest its own is about.
pub(crate) fn set_subject(entry: &mut Descriptor, subject: &Sha256Digest) {
    entry.annotations.insert(SUBJECT.into(), subject.to_string());
}

/// The package of an entry that Briq wrote for one.
pub(crate) fn package_of(entry: &Descriptor) -> Option<Blake3Digest> {
    entry.annotation(PACKAGE_DIGEST)?.parse().ok()
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
    let kept = [PUBLISHED, YANKED].map(|name| Some((name, old.annotation(name)?.to_owned())));
    let (old, mut entry) = (old.clone(), entry.clone());
    entry.annotations.extend(kept.into_iter().flatten().map(|(name, value)| (name.to_owned(), value)));
    for alias in index.manifests.iter_mut().filter(|other| other.digest == old.digest && belongs(other, repository)) {
        (alias.digest, alias.size) = (entry.digest, entry.size);
    }
    put(index, entry);
    forget_attachments(index, &[old]);
}

/// Forgets what [hangs](attachment) on manifests whose entries went, where their repository has none of them any more.
pub(crate) fn forget_attachments(index: &mut Index, gone: &[Descriptor]) {
    for subject in gone {
        let Some(repository) = repository_of(subject) else { continue };
        let own = |entry: &Descriptor| belongs(entry, &repository);
        if index.manifests.iter().any(|entry| entry.digest == subject.digest && own(entry)) {
            continue;
        }
        let hangs =
            |entry: &Descriptor| attachment::is_one(entry) && subject_of(entry) == Some(subject.digest) && own(entry);
        index.manifests.retain(|entry| !hangs(entry) || tag_of_entry(entry).is_some());
    }
}

/// The repository of an entry, if Briq wrote it.
pub(crate) fn repository_of(entry: &Descriptor) -> Option<Repository> {
    let name: PackageName = entry.annotation(REPOSITORY)?.parse().ok()?;
    Some(Repository { registry: entry.annotation(REGISTRY).map(str::to_owned), name })
}

fn belongs(entry: &Descriptor, repository: &Repository) -> bool {
    entry.annotation(REPOSITORY) == Some(repository.name.as_str())
        && entry.annotation(REGISTRY) == repository.registry.as_deref()
}

/// The tag of an entry, unless it has none.
pub(crate) fn tag<'a>(entry: &'a Descriptor, repository: &Repository) -> Option<&'a str> {
    entry.annotation(REF_NAME)?.strip_prefix(&repository.to_string())?.strip_prefix(':')
}

/// The tag of an entry that Briq wrote, unless it has none.
pub(crate) fn tag_of_entry(entry: &Descriptor) -> Option<String> {
    tag(entry, &repository_of(entry)?).map(str::to_owned)
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
