//! Opening a store and reading from it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use briq_package::{Package, Seal};
use briq_spec::variant::same_version;
use briq_spec::{Blake3Digest, EntryPath, PackageName, Selector, Sha256Digest};
use semver::Version;

use crate::artifact::{Description, MANIFEST_ENTRY};
use crate::catalog::Catalog;
use crate::error::{StoreError, StoreErrorKind};
use crate::index::{Sort, VersionRecord};
use crate::layout::Layout;
use crate::oci::{Descriptor, MAX_MANIFEST_BYTES};
use crate::repository::Repository;
use crate::selection;
use crate::writer::Writer;

/// A local content-addressed store of packages.
///
/// Cheap to clone. Any number of threads and processes may use the same directory at once.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) layout: Layout,
}

impl Store {
    /// Opens the store in a directory, which becomes an OCI image layout if it is not one yet.
    ///
    /// # Errors
    /// The directory cannot be created or written, or is a layout of a later version.
    pub fn open(root: impl AsRef<Path>) -> Result<Self, StoreError> {
        let layout = Layout::open(root.as_ref())?;
        if !layout.index().exists() {
            Writer::open(&layout)?.rewrite(|_| Ok(()))?;
        }
        Ok(Self { layout })
    }

    /// The directory of the store.
    pub fn root(&self) -> &Path {
        self.layout.root()
    }

    /// Where a blob lies if it is in the store.
    pub fn blob_path(&self, digest: &Sha256Digest) -> PathBuf {
        self.layout.blob(digest)
    }

    /// Opens a blob; its bytes are not verified. The file stays readable while it is open, even if it is collected.
    ///
    /// # Errors
    /// It is not there (`is_not_found`) or cannot be opened.
    pub fn open_blob(&self, digest: &Sha256Digest) -> Result<File, StoreError> {
        let path = self.layout.blob(digest);
        File::open(&path).map_err(StoreError::io("open blob", &path))
    }

    /// The bytes of an OCI manifest, verified. Manifests are at most 4 MiB.
    ///
    /// # Errors
    /// It is not there (`is_not_found`), or its bytes have another digest (`is_corrupt`).
    pub fn manifest(&self, digest: &Sha256Digest) -> Result<Vec<u8>, StoreError> {
        self.layout.read_blob(digest, MAX_MANIFEST_BYTES)
    }

    /// The names published to this store, sorted.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn names(&self) -> Result<Vec<PackageName>, StoreError> {
        let local = self.repositories()?.into_iter().filter(|repository| repository.registry.is_none());
        Ok(local.map(|repository| repository.name).collect())
    }

    /// Every repository with content in this store, pulled ones included, sorted.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn repositories(&self) -> Result<Vec<Repository>, StoreError> {
        Catalog::open(&self.layout)?.repositories()
    }

    /// All versions of a package, lowest first, yanked ones included; empty when there are none.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn versions(&self, of: impl Into<Repository>) -> Result<Vec<VersionRecord>, StoreError> {
        Catalog::open(&self.layout)?.versions(&of.into())?.collect()
    }

    /// Goes through all versions of a package, lowest first, as they are at this moment, and holds few of them in
    /// memory at a time.
    ///
    /// # Errors
    /// The index cannot be read, or what `visit` says: then the rest is not visited.
    pub fn visit_versions<E: From<StoreError>>(
        &self,
        of: impl Into<Repository>,
        mut visit: impl FnMut(VersionRecord) -> Result<(), E>,
    ) -> Result<(), E> {
        let catalog = Catalog::open(&self.layout)?;
        catalog.versions(&of.into())?.try_for_each(|record| visit(record?))
    }

    /// The version that a selector means: the highest that matches and is not yanked, by Cargo's prerelease rules.
    ///
    /// # Errors
    /// Nothing matches (`is_not_found`; the hint lists what there is), or the index cannot be read.
    pub fn resolve(&self, of: impl Into<Repository>, selector: &Selector) -> Result<VersionRecord, StoreError> {
        let repository = of.into();
        let catalog = Catalog::open(&self.layout)?;
        match selection::select(&catalog, &repository, selector)? {
            Some(record) => Ok(record),
            None => {
                let doing = format!("resolve {repository}{selector}");
                Err(StoreError::not_found(doing, selection::instead(&catalog, &repository)?))
            }
        }
    }

    /// The variants of a version that are not yanked, lowest first: those whose versions differ from it in the metadata
    /// of the build alone, and the version itself.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn variants(&self, of: impl Into<Repository>, version: &Version) -> Result<Vec<VersionRecord>, StoreError> {
        let repository = of.into();
        let catalog = Catalog::open(&self.layout)?;
        let near = |record: &Result<VersionRecord, StoreError>| {
            record.as_ref().map_or(true, |record| same_version(&record.version, version))
        };
        let below = catalog.below(&repository, version)?.take_while(near);
        let above = catalog.above(&repository, version)?.take_while(near);
        let own = catalog.version(&repository, version)?.map(Ok);
        let mut variants = below.chain(own).chain(above).collect::<Result<Vec<_>, _>>()?;
        variants.retain(|record| !record.yanked);
        variants.sort_by(|a, b| a.version.cmp(&b.version));
        Ok(variants)
    }

    /// Opens a package by its identity. Its entries are mapped from their blobs; nothing is copied. Where it is there
    /// both sealed and unsealed, from several places, it is opened with its seals.
    ///
    /// # Errors
    /// It is not there (`is_not_found`), or what is there is not that package (`is_corrupt`).
    pub fn package(&self, digest: &Blake3Digest) -> Result<Package, StoreError> {
        self.package_in(&Catalog::open(&self.layout)?, digest)
    }

    /// Does not ask for the lock of the index, which the caller may hold.
    pub(crate) fn package_in(&self, catalog: &Catalog, digest: &Blake3Digest) -> Result<Package, StoreError> {
        let rows = catalog.about(None, digest.as_bytes())?.into_iter();
        let rows = rows.filter(|row| row.about == Some(*digest.as_bytes()));
        let manifests: BTreeSet<Sha256Digest> = rows.map(|row| row.manifest).collect();
        let descriptions = manifests.iter().map(|manifest| self.description(manifest, digest));
        let descriptions: Vec<Description> = descriptions.collect::<Result<_, _>>()?;
        let sealed = descriptions.iter().find(|description| !description.seals.is_empty());
        let description = sealed.or(descriptions.first());
        self.described(description.ok_or_else(|| StoreError::not_found(format!("open package {digest}"), None))?)
    }

    /// What an OCI manifest says, which has to be about this package.
    fn description(&self, manifest: &Sha256Digest, digest: &Blake3Digest) -> Result<Description, StoreError> {
        let description = Description::parse(&self.manifest(manifest)?)?;
        if description.digest == *digest {
            return Ok(description);
        }
        Err(StoreError::corrupt(format!("open package {digest}"), "its OCI manifest is of another package"))
    }

    fn seal(&self, path: &EntryPath, layer: &Descriptor) -> Result<Seal, StoreError> {
        Ok(Seal { path: path.clone(), bytes: self.layout.read_blob(&layer.digest, layer.size)? })
    }

    /// Opens the package that an OCI manifest describes, and checks that they agree.
    pub(crate) fn described(&self, description: &Description) -> Result<Package, StoreError> {
        let doing = || format!("open package {}", description.digest);
        for blob in description.blobs() {
            if !self.layout.has_blob(&blob.digest, blob.size) {
                let file = blob.annotation(crate::artifact::FILE_PATH).unwrap_or(MANIFEST_ENTRY);
                return Err(StoreError::corrupt(doing(), format!("the blob of {file} is missing or cut short")));
            }
        }
        let limit = briq_spec::manifest::MAX_MANIFEST_BYTES as u64;
        let json = self.layout.read_blob(&description.manifest.digest, limit)?;
        let seals = description.seals.iter().map(|(path, layer)| self.seal(path, layer));
        let seals = seals.collect::<Result<Vec<_>, _>>()?;
        let package = Package::from_sealed_blobs(json, |entry| self.layout.blob(&entry.sha256), seals)
            .map_err(|error| StoreError::new(doing(), StoreErrorKind::Package(Box::new(error))))?;
        if package.digest() != description.digest {
            return Err(StoreError::corrupt(doing(), format!("its manifest has the digest {}", package.digest())));
        }
        description.check(package.manifest())?;
        Ok(package)
    }

    /// Every alias of a package, with the version that it points to.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn aliases(&self, of: impl Into<Repository>) -> Result<BTreeMap<String, Version>, StoreError> {
        let repository = of.into();
        let catalog = Catalog::open(&self.layout)?;
        let mut aliases = BTreeMap::new();
        for row in catalog.tags(&repository)? {
            let row = row?;
            let Sort::Tag(tag) = &row.sort else { continue };
            if let Some(record) = catalog.version_with(&repository, &row.manifest)? {
                aliases.insert(tag.clone(), record.version);
            }
        }
        Ok(aliases)
    }

    /// Every tag of a repository, sorted: versions, aliases, and tags of other artifacts.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn tags(&self, of: impl Into<Repository>) -> Result<Vec<String>, StoreError> {
        let catalog = Catalog::open(&self.layout)?;
        let rows = catalog.rows(&of.into())?;
        let tags = rows.map(|row| Ok(row?.sort.tag())).filter_map(Result::transpose);
        let mut tags = tags.collect::<Result<Vec<String>, StoreError>>()?;
        tags.sort_unstable();
        Ok(tags)
    }

    /// The manifest that a tag names.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn tagged(&self, of: impl Into<Repository>, tag: &str) -> Result<Option<Descriptor>, StoreError> {
        let catalog = Catalog::open(&self.layout)?;
        catalog.tagged(&of.into(), tag)?.map(|row| catalog.descriptor(&row)).transpose()
    }

    /// The manifest with a digest, if the repository has it, tagged or not.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn manifest_of(
        &self,
        of: impl Into<Repository>,
        digest: &Sha256Digest,
    ) -> Result<Option<Descriptor>, StoreError> {
        let catalog = Catalog::open(&self.layout)?;
        let rows = catalog.about(Some(&of.into()), digest.as_bytes())?;
        let found = rows.into_iter().find(|row| row.manifest == *digest);
        found.map(|row| catalog.descriptor(&row)).transpose()
    }

    /// The manifests of a repository that are about this one, each once.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn referrers(&self, of: impl Into<Repository>, subject: &Sha256Digest) -> Result<Vec<Descriptor>, StoreError> {
        let catalog = Catalog::open(&self.layout)?;
        let rows = catalog.about(Some(&of.into()), subject.as_bytes())?.into_iter();
        let rows = rows.filter(|row| row.about == Some(*subject.as_bytes()));
        let by_digest: BTreeMap<_, _> = rows.map(|row| (row.manifest, row)).collect();
        by_digest.values().map(|row| catalog.descriptor(row)).collect()
    }
}
