//! What refers to a manifest: by the registry's own list, or, where it has none, by the tag that stands in for it
//! (distribution-spec, "Listing Referrers" and "Referrers Tag Schema").

use briq_spec::{PackageName, Sha256Digest};
use briq_store::oci::{Descriptor, IMAGE_INDEX, IMAGE_MANIFEST, Index, MAX_MANIFEST_BYTES, Manifest};
use reqwest::header::ACCEPT;
use reqwest::{Method, Url};

use crate::client::{Client, sha256};
use crate::error::{RegistryError, RegistryErrorKind};
use crate::transport::{Scope, read};

/// The header by which a registry says that it keeps the list itself.
const OCI_SUBJECT: &str = "oci-subject";

impl Client {
    /// The manifests of one type whose subject is this one.
    pub(crate) async fn referrers(
        &self,
        repository: &PackageName,
        subject: &Sha256Digest,
        artifact_type: &str,
    ) -> Result<Vec<Descriptor>, RegistryError> {
        let mut url = self.transport.url(&format!("{repository}/referrers/{subject}"))?;
        url.query_pairs_mut().append_pair("artifactType", artifact_type);
        let found = match self.index(repository, url).await {
            Err(error) if is_unknown(&error) => self.substitute(repository, subject).await?,
            other => other?,
        };
        let wanted = |link: &Descriptor| link.artifact_type.as_deref() == Some(artifact_type);
        Ok(found.manifests.into_iter().filter(wanted).collect())
    }

    /// Stores a manifest that refers to another one, so that [`Client::referrers`] finds it.
    pub(crate) async fn put_referrer(
        &self,
        repository: &PackageName,
        subject: &Sha256Digest,
        manifest: &Manifest,
    ) -> Result<(), RegistryError> {
        let bytes = serde_json::to_vec(manifest).expect("a manifest is JSON");
        let digest = sha256(&bytes);
        let response = self.put_document(repository, &digest.to_string(), IMAGE_MANIFEST, &bytes).await?;
        if response.headers().contains_key(OCI_SUBJECT) {
            return Ok(());
        }
        let mut link = Descriptor::new(IMAGE_MANIFEST, digest, bytes.len() as u64);
        link.artifact_type = manifest.kind().map(str::to_owned);
        let mut list = self.substitute(repository, subject).await?;
        list.manifests.retain(|other| other.digest != digest);
        list.manifests.push(link);
        let bytes = serde_json::to_vec(&list).expect("an index is JSON");
        self.put_document(repository, &tag(subject), IMAGE_INDEX, &bytes).await.map(drop)
    }

    /// The list that clients keep under a tag; two that write it at the same moment may lose one of their entries.
    async fn substitute(&self, repository: &PackageName, subject: &Sha256Digest) -> Result<Index, RegistryError> {
        let url = self.transport.url(&format!("{repository}/manifests/{}", tag(subject)))?;
        match self.index(repository, url).await {
            Err(error) if error.is_not_found() => Ok(Index::default()),
            other => other,
        }
    }

    async fn index(&self, repository: &PackageName, url: Url) -> Result<Index, RegistryError> {
        let doing = format!("list referrers in {}/{repository}", self.endpoint().host());
        let scope = Scope::pull(repository.as_str());
        let response = self.transport.send(&doing, &scope, Method::GET, url, |r| r.header(ACCEPT, IMAGE_INDEX)).await?;
        let bytes = read(&doing, response, MAX_MANIFEST_BYTES as usize).await?;
        serde_json::from_slice(&bytes)
            .map_err(|error| RegistryError::protocol(doing, format!("the list is malformed: {error}")))
    }
}

fn tag(subject: &Sha256Digest) -> String {
    format!("sha256-{}", subject.to_hex())
}

/// Whether a registry may have answered so because it knows no referrers.
fn is_unknown(error: &RegistryError) -> bool {
    let unknown = matches!(error.kind(), RegistryErrorKind::Status { status: 400 | 405 | 501, .. });
    unknown || error.is_not_found()
}
