//! Adding to a store.

use std::time::{SystemTime, UNIX_EPOCH};

use briq_package::Package;
use briq_package::chunks::Index;
use briq_spec::{Sha256Digest, Signature};

use crate::artifact::{Artifact, Description, Source};
use crate::attachment::{self, EMPTY_CONFIG, INDEX_TYPE};
use crate::catalog::Catalog;
use crate::compatibility;
use crate::error::{StoreError, StoreErrorKind};
use crate::index::{self, VersionRecord};
use crate::ingest::{BlobWriter, Ingest};
use crate::layout::sha256;
use crate::locks::{self, Held};
use crate::oci::{Annotations, Descriptor, IMAGE_MANIFEST, Manifest};
use crate::repository::Repository;
use crate::store::Store;
use crate::writer::Writer;

/// What became of a publication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Where it was published.
    pub repository: Repository,
    /// The version as the store now has it.
    pub record: VersionRecord,
    /// Whether the very same package was there before.
    pub already_there: bool,
    /// Whether what it takes to serve updates in parts is beside it: true for a package that was published and is large enough
    /// to need it. Where it could not be written, the package is whole without it, and publishing it again tries again.
    pub indexed: bool,
}

/// A version that wants to be admitted.
struct Candidate<'a> {
    description: &'a Description,
    signature: &'a Signature,
    manifest: Sha256Digest,
}

/// How a version may come in.
enum Admitted {
    /// As a version that was not there before.
    New,
    /// As a version that is there, with these seals.
    Sealed,
    /// Not at all: it is there already.
    There(VersionRecord),
}

/// The right to add content: while it is held, nothing is collected.
#[derive(Debug)]
pub struct Session {
    store: Store,
    _held: Held,
}

impl Store {
    /// Begins to add content. Waits for a running collection, which takes moments.
    ///
    /// # Errors
    /// The lock cannot be opened.
    pub fn session(&self) -> Result<Session, StoreError> {
        Ok(Session { store: self.clone(), _held: locks::share_contents(&self.layout)? })
    }

    /// Publishes a package under its own name and version.
    ///
    /// The version appears when all its bytes are on the disk, in one step. Publishing the same package again changes
    /// nothing, except that damaged or missing blobs are replaced, and that seals it comes with take the place of
    /// those that were there. Its [chunk index](briq_package::chunks) follows, so that who fetches it from a server over this
    /// store moves only what changed; that this fails is no error.
    ///
    /// # Errors
    /// The version exists with other bytes (`is_conflict`), it is raised by less than what its signature demands
    /// (`is_incompatible`), an entry is not what its manifest says (`is_corrupt`), or the disk refuses.
    pub fn publish(&self, package: &Package) -> Result<Published, StoreError> {
        let artifact = Artifact::of(package)?;
        let repository = Repository::local(artifact.description.name.clone());
        let session = self.session()?;
        // Looked at before gigabytes are copied, and again under the lock of the index.
        let candidate = Candidate {
            description: &artifact.description,
            signature: &package.manifest().signature,
            manifest: artifact.digest,
        };
        session.admit(&Catalog::open(&self.layout)?, &repository, &candidate)?;
        for (layer, source) in &artifact.layers {
            session.ingest_layer(package, layer, source)?;
        }
        session.put_blob(&artifact.config)?;
        let published = session.adopt(&repository, &artifact.manifest)?;
        let indexed = session.ensure_index(package, &repository, &published.record.manifest).unwrap_or(false);
        Ok(Published { indexed, ..published })
    }
}

impl Session {
    /// Prepares to take in a blob. Blocks while another process writes the same one.
    ///
    /// # Errors
    /// The partial file cannot be opened, locked or read.
    pub fn ingest(&self, digest: &Sha256Digest, size: u64) -> Result<Ingest, StoreError> {
        BlobWriter::open(&self.store.layout, digest, size)
    }

    /// Takes in a small blob.
    ///
    /// # Errors
    /// The disk refuses it.
    pub fn put_blob(&self, bytes: &[u8]) -> Result<Sha256Digest, StoreError> {
        let digest = sha256(bytes);
        if let Ingest::Wanted(mut writer) = self.ingest(&digest, bytes.len() as u64)? {
            writer.restart()?;
            writer.write(bytes)?;
            writer.finish()?;
        }
        Ok(digest)
    }

    fn ingest_layer(&self, package: &Package, layer: &Descriptor, source: &Source) -> Result<(), StoreError> {
        let Ingest::Wanted(mut writer) = self.ingest(&layer.digest, layer.size)? else { return Ok(()) };
        // What an interrupted publication left is not worth hashing twice: the whole is here.
        writer.restart()?;
        match source {
            Source::Manifest => writer.write(package.manifest_bytes())?,
            Source::Seal(seal) => writer.write(&seal.bytes)?,
            Source::Entry(path) => {
                let bytes = package.read(path).map_err(|error| {
                    StoreError::new(format!("publish entry {path}"), StoreErrorKind::Package(Box::new(error)))
                })?;
                match package.extent(path) {
                    Some(extent) => writer.share(bytes, &extent)?,
                    None => writer.write(bytes)?,
                }
            }
        }
        writer.finish()
    }

    /// Hangs the chunk index of a package on its manifest, unless there is one; false where it is too small to need one.
    fn ensure_index(
        &self,
        package: &Package,
        repository: &Repository,
        manifest: &Sha256Digest,
    ) -> Result<bool, StoreError> {
        let there = self.store.referrers(repository, manifest)?;
        if there.iter().any(|entry| entry.artifact_type.as_deref() == Some(INDEX_TYPE)) {
            return Ok(true);
        }
        let doing = || format!("index package {}", package.digest());
        let index =
            Index::of(package).map_err(|error| StoreError::new(doing(), StoreErrorKind::Package(Box::new(error))))?;
        if index.is_empty() {
            return Ok(false);
        }
        let bytes = index.to_bytes();
        let layer = (self.put_blob(&bytes)?, bytes.len() as u64);
        self.put_blob(EMPTY_CONFIG)?;
        let subject = (*manifest, self.store.manifest(manifest)?.len() as u64);
        let document = attachment::document(INDEX_TYPE, subject, layer, Annotations::new());
        let document =
            serde_json::to_vec(&document).map_err(|error| StoreError::new(doing(), StoreErrorKind::Json(error)))?;
        self.put_manifest(repository, None, IMAGE_MANIFEST, &document)?;
        Ok(true)
    }

    /// Records a package whose blobs are all in the store: the last step of a publication or a pull.
    ///
    /// # Errors
    /// As [`Store::publish`]; and the blobs are incomplete or contradict the OCI manifest (`is_corrupt`), or the
    /// package has another name than the repository ends in.
    pub fn adopt(&self, repository: &Repository, manifest: &[u8]) -> Result<Published, StoreError> {
        let layout = &self.store.layout;
        let description = Description::parse(manifest)?;
        check_name(repository, &description)?;
        let package = self.store.described(&description)?;
        let digest = self.put_blob(manifest)?;
        let signature = &package.manifest().signature;
        let candidate = Candidate { description: &description, signature, manifest: digest };
        let entry = index::version_entry(repository, &description, (digest, manifest.len() as u64), now());
        let writer = Writer::open(layout)?;
        let catalog = writer.catalog()?;
        let published =
            |record, already_there| Published { repository: repository.clone(), record, already_there, indexed: false };
        match self.admit(&catalog, repository, &candidate)? {
            Admitted::There(record) => return Ok(published(record, true)),
            Admitted::New => writer.put(&catalog, entry.clone())?,
            Admitted::Sealed => writer.rewrite(|index| {
                index::replace_version(index, repository, &entry);
                Ok(())
            })?,
        }
        let record = writer.catalog()?.version(repository, &description.version)?;
        Ok(published(record.expect("the version was just put there, and the index is locked"), false))
    }

    /// Whether a version may come in; an error when it must not.
    fn admit(
        &self,
        catalog: &Catalog,
        repository: &Repository,
        candidate: &Candidate<'_>,
    ) -> Result<Admitted, StoreError> {
        let version = &candidate.description.version;
        if catalog.tagged(repository, &index::tag_of(version))?.is_some() {
            let record = catalog.version(repository, version)?;
            let same = |record: &VersionRecord| record.digest == candidate.description.digest;
            if let Some(record) = record.filter(same) {
                let resealed = record.manifest != candidate.manifest && !candidate.description.seals.is_empty();
                return Ok(if resealed { Admitted::Sealed } else { Admitted::There(record) });
            }
            return Err(StoreError::new(
                format!("publish {repository} {version}"),
                StoreErrorKind::Conflict("the version exists with other bytes".into()),
            ));
        }
        compatibility::check(&self.store, catalog, repository, (version, candidate.signature))?;
        Ok(Admitted::New)
    }

    /// Stores any OCI manifest under a tag, or under its digest alone. A Briq package that comes under the tag of its
    /// own version is published, with all the checks of [`Session::adopt`]; other tags move freely.
    ///
    /// # Errors
    /// Content that the manifest links to is missing (`is_not_found`), or as for [`Session::adopt`].
    pub fn put_manifest(
        &self,
        repository: &Repository,
        tag: Option<&str>,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<Sha256Digest, StoreError> {
        let manifest = parse(bytes)?;
        self.check_links(&manifest)?;
        if let Some(tag) = tag
            && self.is_version(repository, &manifest, tag)?
        {
            self.check_tag(tag, bytes)?;
            return Ok(self.adopt(repository, bytes)?.record.manifest);
        }
        let digest = self.put_blob(bytes)?;
        let mut descriptor = Descriptor::new(media_type, digest, bytes.len() as u64);
        descriptor.artifact_type = manifest.kind().map(str::to_owned);
        let mut entry = match tag {
            Some(tag) => index::tag_entry(repository, tag, descriptor),
            None => index::digest_entry(repository, descriptor),
        };
        if let Some(subject) = &manifest.subject {
            index::set_subject(&mut entry, &subject.digest);
        }
        let writer = Writer::open(&self.store.layout)?;
        writer.put(&writer.catalog()?, entry)?;
        Ok(digest)
    }

    /// A tag is a version's own when it comes with a package, or when a package has it already.
    fn is_version(&self, repository: &Repository, manifest: &Manifest, tag: &str) -> Result<bool, StoreError> {
        if Description::is_briq(manifest) && index::version_of(tag).is_some() {
            return Ok(true);
        }
        let taken = Catalog::open(&self.store.layout)?.tagged(repository, tag)?;
        Ok(taken.is_some_and(|row| row.sort.is_version()))
    }

    fn check_tag(&self, tag: &str, manifest: &[u8]) -> Result<(), StoreError> {
        let version = Description::parse(manifest)?.version;
        if index::tag_of(&version) == tag {
            return Ok(());
        }
        let what = format!("the package has version {version}");
        Err(StoreError::new(format!("tag a package as {tag}"), StoreErrorKind::Refused(what)))
    }

    fn check_links(&self, manifest: &Manifest) -> Result<(), StoreError> {
        let missing = manifest.links().find(|link| !self.store.layout.has_blob(&link.digest, link.size));
        missing.map_or(Ok(()), |link| Err(StoreError::not_found(format!("find linked content {}", link.digest), None)))
    }
}

fn parse(bytes: &[u8]) -> Result<Manifest, StoreError> {
    let doing = "read OCI manifest";
    let manifest: Manifest =
        serde_json::from_slice(bytes).map_err(|error| StoreError::new(doing, StoreErrorKind::Json(error)))?;
    if manifest.schema_version != 2 {
        return Err(StoreError::corrupt(doing, format!("its schema version is {}, not 2", manifest.schema_version)));
    }
    Ok(manifest)
}

/// A registry may keep packages under a path of its own, `acme/models/digits` for `digits`, but it may not pass
/// one package off as another.
fn check_name(repository: &Repository, description: &Description) -> Result<(), StoreError> {
    let (path, name) = (repository.name.as_str(), description.name.as_str());
    if path == name || path.strip_suffix(name).is_some_and(|prefix| prefix.ends_with('/')) {
        return Ok(());
    }
    let what = format!("the package is called {name}");
    Err(StoreError::new(format!("add a package to {repository}"), StoreErrorKind::Refused(what)))
}

fn now() -> u64 {
    // A clock before 1970 is a broken clock, not a reason to refuse a publication.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

/// The media type of a manifest that was sent without one.
pub fn media_type_of(bytes: &[u8]) -> Result<String, StoreError> {
    Ok(parse(bytes)?.media_type.unwrap_or_else(|| IMAGE_MANIFEST.into()))
}
