//! Deltas beside a published package: hung there by a push, and used by a pull that has the base.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use briq_package::Package;
use briq_package::parcel::{self, Parcel};
use briq_spec::{Blake3Digest, PackageName};
use briq_store::attachment::{DELTA_BASE, DELTA_TYPE};
use briq_store::oci::{Annotations, Descriptor};
use briq_store::{Aside, BlobWriter, Ingest, Session, Store, StoreError};
use bytes::Bytes;

use crate::attaching::of_type;
use crate::client::{Client, Remote, sha256};
use crate::error::RegistryError;
use crate::fetch::Fetch;
use crate::progress::BlobMeter;
use crate::push::Content;
use crate::task::blocking;

/// Deltas whose length is asked for, of those whose base is here.
const MAX_DELTAS: usize = 8;

/// A delta in a registry whose base is on this machine.
#[derive(Debug)]
pub(crate) struct Delta {
    base: Arc<Package>,
    layer: Descriptor,
}

impl Client {
    /// Hangs a delta of a package from a base on its manifest, unless one is among what hangs there; says how long it is.
    /// None where it would save nothing.
    pub(crate) async fn ensure_delta(
        &self,
        (package, base): (&Arc<Package>, &Arc<Package>),
        repository: &PackageName,
        manifest: &[u8],
        there: &[Descriptor],
    ) -> Result<Option<u64>, RegistryError> {
        let doing = format!("push a delta to {}/{repository}", self.endpoint().host());
        let told_from = format!("{}@{}", base.manifest().name, base.digest());
        let known = of_type(there, DELTA_TYPE).find(|link| link.annotation(DELTA_BASE) == Some(&told_from));
        if let Some(link) = known {
            return Ok(Some(self.attached(&doing, repository, link, DELTA_TYPE).await?.size));
        }
        let (package, base) = (Arc::clone(package), Arc::clone(base));
        let Some(layer) = blocking(move || code(&package, &base)).await.map_err(|failed| failed.during(&doing))? else {
            return Ok(None);
        };
        let size = layer.bytes.len() as u64;
        let annotations = Annotations::from([(DELTA_BASE.to_owned(), told_from)]);
        self.attach(repository, manifest, DELTA_TYPE, layer, annotations).await?;
        Ok(Some(size))
    }

    /// The shortest of the deltas that hang on a package, if one has fewer bytes than `most`.
    pub(crate) async fn shortest_delta(
        &self,
        remote: &Remote,
        links: &[Descriptor],
        store: &Store,
        most: u64,
    ) -> Result<Option<Delta>, RegistryError> {
        let doing = format!("look for a delta of {}/{}", self.endpoint().host(), remote.repository);
        let bases = of_type(links, DELTA_TYPE).filter_map(|link| Some((link.clone(), base_of(link)?)));
        let (bases, kept): (Vec<_>, _) = (bases.collect(), store.clone());
        let here = blocking(move || {
            let here = |(link, digest): (Descriptor, _)| Some((link, Arc::new(kept.package(&digest).ok()?)));
            bases.into_iter().filter_map(here).take(MAX_DELTAS).collect::<Vec<_>>()
        });
        let mut shortest: Option<Delta> = None;
        for (link, base) in here.await {
            let layer = self.attached(&doing, &remote.repository, &link, DELTA_TYPE).await?;
            if layer.size < shortest.as_ref().map_or(most, |delta| delta.layer.size) {
                shortest = Some(Delta { base, layer });
            }
        }
        Ok(shortest)
    }

    /// Fetches a delta, and puts what it makes of its base into the store.
    pub(crate) async fn use_delta(
        &self,
        remote: &Remote,
        delta: Delta,
        store: &Store,
        session: &Arc<Session>,
        meter: BlobMeter,
    ) -> Result<(), RegistryError> {
        let doing = format!("pull a delta of {}/{}", self.endpoint().host(), remote.repository);
        let fetch = Fetch { client: self, repository: &remote.repository, blob: &delta.layer, doing, meter };
        let aside = match fetch.begin(session).await? {
            None => None,
            Some(writer) => Some(fetch.fill(writer).await?),
        };
        fetch.meter.start_again();
        let (base, digest) = (Arc::clone(&delta.base), remote.description.digest);
        let (present, session) = (store.blob_path(&delta.layer.digest), Arc::clone(session));
        let decoded = blocking(move || {
            let aside = aside.map(BlobWriter::set_aside).transpose()?;
            decode(aside.as_ref().map_or(&present, Aside::path), &base, digest, &session)?;
            aside.map_or(Ok(()), Aside::remove).map_err(Failed::from)
        });
        decoded.await.map_err(|failed| failed.during(&fetch.doing))
    }
}

/// The identity of the package that a delta is told from, by its annotation.
fn base_of(link: &Descriptor) -> Option<Blake3Digest> {
    link.annotation(DELTA_BASE)?.rsplit_once('@')?.1.parse().ok()
}

/// A delta in a file that goes with it; `None` where it would not be shorter than the package.
fn code(package: &Package, base: &Package) -> Result<Option<Content>, Failed> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("delta.briqz");
    let coded = parcel::write(package, Some(base), &file)?;
    if coded.size >= coded.entries {
        return Ok(None);
    }
    let bytes = Bytes::from_owner(Parcel::open(&file)?);
    Ok(Some(Content { digest: sha256(&bytes), bytes }))
}

/// Puts every entry that the store lacks into it. The parcel has to be of the package that is wanted.
fn decode(file: &Path, base: &Package, wanted: Blake3Digest, session: &Session) -> Result<(), Failed> {
    let parcel = Parcel::open(file)?;
    if parcel.digest() != wanted {
        return Err(Failed::Corrupt(format!("it makes package {}", parcel.digest())));
    }
    for decoder in parcel.decoders(Some(base))? {
        let entry = decoder.entry();
        let Ingest::Wanted(writer) = session.ingest(&entry.sha256, entry.size)? else { continue };
        let mut rest = Rest { skip: writer.offset(), writer: *writer };
        decoder.write(&mut rest)?;
        rest.writer.finish()?;
    }
    Ok(())
}

/// Writes a blob behind what is there of it.
struct Rest {
    skip: u64,
    writer: BlobWriter,
}

impl Write for Rest {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let skipped = self.skip.min(bytes.len() as u64);
        self.skip -= skipped;
        self.writer.write(&bytes[skipped as usize..]).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What can go wrong on this machine.
enum Failed {
    Package(briq_package::PackageError),
    Store(StoreError),
    Io(io::Error),
    Corrupt(String),
}

impl Failed {
    fn during(self, doing: &str) -> RegistryError {
        match self {
            Self::Package(error) => RegistryError::package(doing)(error),
            Self::Store(error) => RegistryError::store(doing)(error),
            Self::Io(error) => RegistryError::new(doing, crate::error::RegistryErrorKind::Refused(error.to_string())),
            Self::Corrupt(what) => RegistryError::corrupt(doing, what),
        }
    }
}

impl From<briq_package::PackageError> for Failed {
    fn from(error: briq_package::PackageError) -> Self {
        Self::Package(error)
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
