//! The chunk index of a published package: an artifact of its own that refers to the package's manifest.
//!
//! Other clients see a package as before; those that know the artifact type find the index beside it.

use std::sync::Arc;

use briq_package::Package;
use briq_package::chunks::{Index, MAX_INDEX_BYTES};
use briq_spec::{PackageName, Sha256Digest};
use briq_store::oci::{Annotations, Descriptor, IMAGE_MANIFEST, MAX_MANIFEST_BYTES, Manifest};
use reqwest::Method;
use reqwest::header::ACCEPT;

use crate::client::{Client, Remote, sha256};
use crate::error::RegistryError;
use crate::progress::{Meter, Progress};
use crate::push::{Content, PushOptions};
use crate::task::blocking;
use crate::transport::{Scope, read};

/// The type of the artifact that holds the chunk index of a package, and of its one layer.
pub const INDEX_TYPE: &str = "application/vnd.briq.index.v1";
/// The configuration of an artifact that has none (image-spec, "Guidance for an Empty Descriptor").
const EMPTY_TYPE: &str = "application/vnd.oci.empty.v1+json";
const EMPTY: &[u8] = b"{}";

impl Client {
    /// Hangs the chunk index of a package on its manifest, unless one is there.
    pub(crate) async fn ensure_index(
        &self,
        package: &Arc<Package>,
        repository: &PackageName,
        manifest: &[u8],
    ) -> Result<(), RegistryError> {
        match self.referrers(repository, &sha256(manifest), INDEX_TYPE).await?.is_empty() {
            true => self.push_index(package, repository, manifest).await,
            false => Ok(()),
        }
    }

    /// Hangs the chunk index of a package on its manifest.
    pub(crate) async fn push_index(
        &self,
        package: &Arc<Package>,
        repository: &PackageName,
        manifest: &[u8],
    ) -> Result<(), RegistryError> {
        let package = Arc::clone(package);
        let index = blocking(move || Index::of(&package)).await.map_err(RegistryError::package("push a package"))?;
        if index.is_empty() {
            return Ok(());
        }
        let (config, layer) = (Content::of(EMPTY.to_vec()), Content::of(index.to_bytes()));
        let meter = Meter::start(&Progress::none(), std::iter::empty());
        for content in [&config, &layer] {
            self.upload(repository, content, &PushOptions::default(), meter.blob()).await?;
        }
        let subject = Descriptor::new(IMAGE_MANIFEST, sha256(manifest), manifest.len() as u64);
        let digest = subject.digest;
        self.put_referrer(repository, &digest, &document(subject, &config, &layer)).await
    }

    /// The chunk index of a package; `None` when it has none, or one of more than `worth` bytes.
    pub(crate) async fn chunk_index(&self, remote: &Remote, worth: u64) -> Result<Option<Index>, RegistryError> {
        let doing = format!("read the chunk index of {}/{}", self.endpoint().host(), remote.repository);
        let found = self.referrers(&remote.repository, &remote.manifest, INDEX_TYPE).await?;
        let Some(link) = found.first() else { return Ok(None) };
        let bytes = self.referrer(&doing, &remote.repository, &link.digest).await?;
        let manifest: Manifest = serde_json::from_slice(&bytes)
            .map_err(|error| RegistryError::corrupt(&doing, format!("its manifest is malformed: {error}")))?;
        let layer = manifest.layers.iter().find(|layer| layer.media_type == INDEX_TYPE);
        let layer = layer.ok_or_else(|| RegistryError::corrupt(&doing, "its manifest has no layer for it"))?;
        if layer.size > worth {
            return Ok(None);
        }
        let bytes = self.small_blob(&doing, &remote.repository, layer, MAX_INDEX_BYTES as usize).await?;
        Index::from_bytes(&bytes).map(Some).map_err(RegistryError::package(doing))
    }

    async fn referrer(
        &self,
        doing: &str,
        repository: &PackageName,
        digest: &Sha256Digest,
    ) -> Result<Vec<u8>, RegistryError> {
        let url = self.transport.url(&format!("{repository}/manifests/{digest}"))?;
        let scope = Scope::pull(repository.as_str());
        let response =
            self.transport.send(doing, &scope, Method::GET, url, |r| r.header(ACCEPT, IMAGE_MANIFEST)).await?;
        let bytes = read(doing, response, MAX_MANIFEST_BYTES as usize).await?;
        match sha256(&bytes) == *digest {
            true => Ok(bytes),
            false => Err(RegistryError::corrupt(doing, "its manifest has another digest")),
        }
    }
}

/// The manifest of the artifact: the same for the same package.
fn document(subject: Descriptor, config: &Content, layer: &Content) -> Manifest {
    let link =
        |media_type: &str, content: &Content| Descriptor::new(media_type, content.digest, content.bytes.len() as u64);
    Manifest {
        schema_version: 2,
        media_type: Some(IMAGE_MANIFEST.into()),
        artifact_type: Some(INDEX_TYPE.into()),
        config: Some(link(EMPTY_TYPE, config)),
        layers: vec![link(INDEX_TYPE, layer)],
        manifests: Vec::new(),
        subject: Some(subject),
        annotations: Annotations::new(),
    }
}
