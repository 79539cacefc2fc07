//! What hangs on a published package, as a registry has it: pushed after the package, and looked for before a pull.

use briq_spec::{PackageName, Sha256Digest};
use briq_store::attachment::{self, EMPTY_CONFIG};
use briq_store::oci::{Annotations, Descriptor, IMAGE_MANIFEST, MAX_MANIFEST_BYTES, Manifest};
use reqwest::Method;
use reqwest::header::ACCEPT;

use crate::client::{Client, sha256};
use crate::error::RegistryError;
use crate::progress::{Meter, Progress};
use crate::push::{Content, PushOptions};
use crate::transport::{Scope, read};

impl Client {
    /// Hangs an artifact of one layer on a package, given by its OCI manifest.
    pub(crate) async fn attach(
        &self,
        repository: &PackageName,
        manifest: &[u8],
        artifact_type: &str,
        layer: Content,
        annotations: Annotations,
    ) -> Result<(), RegistryError> {
        let meter = Meter::start(&Progress::none(), std::iter::empty());
        for content in [&Content::of(EMPTY_CONFIG.to_vec()), &layer] {
            self.upload(repository, content, &PushOptions::default(), meter.blob()).await?;
        }
        let subject = (sha256(manifest), manifest.len() as u64);
        let layer = (layer.digest, layer.bytes.len() as u64);
        let document = attachment::document(artifact_type, subject, layer, annotations);
        self.put_referrer(repository, &subject.0, &document).await
    }

    /// The layer of an artifact that hangs on a package.
    pub(crate) async fn attached(
        &self,
        doing: &str,
        repository: &PackageName,
        link: &Descriptor,
        artifact_type: &str,
    ) -> Result<Descriptor, RegistryError> {
        let bytes = self.referrer(doing, repository, &link.digest).await?;
        let manifest: Manifest = serde_json::from_slice(&bytes)
            .map_err(|error| RegistryError::corrupt(doing, format!("its manifest is malformed: {error}")))?;
        let layer = manifest.layers.into_iter().find(|layer| layer.media_type == artifact_type);
        layer.ok_or_else(|| RegistryError::corrupt(doing, "its manifest has no layer for it"))
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

/// Those of one type.
pub(crate) fn of_type<'l>(links: &'l [Descriptor], artifact_type: &'l str) -> impl Iterator<Item = &'l Descriptor> {
    links.iter().filter(move |link| link.artifact_type.as_deref() == Some(artifact_type))
}
