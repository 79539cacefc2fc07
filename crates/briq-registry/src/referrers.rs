//! What refers to a manifest: by the registry's own list, or, where it has none, by the tag that stands in for it
//! (distribution-spec, "Listing Referrers" and "Referrers Tag Schema").

use std::time::Duration;

use briq_spec::{PackageName, Sha256Digest};
use briq_store::oci::{Descriptor, IMAGE_INDEX, IMAGE_MANIFEST, Index, MAX_MANIFEST_BYTES, Manifest};
use reqwest::header::ACCEPT;
use reqwest::{Method, Url};

use crate::client::{Client, sha256};
use crate::error::{RegistryError, RegistryErrorKind};
use crate::transport::{Scope, read};

/// The header by which a registry says that it keeps the list itself.
const OCI_SUBJECT: &str = "oci-subject";
/// How long a list is left alone at least before it is looked at again: longer than others take from reading to writing it.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// How often it has to be found whole before the last time.
const CALM: u32 = 1;

impl Client {
    /// The manifests whose subject is this one.
    pub(crate) async fn referrers(
        &self,
        repository: &PackageName,
        subject: &Sha256Digest,
    ) -> Result<Vec<Descriptor>, RegistryError> {
        let url = self.transport.url(&format!("{repository}/referrers/{subject}"))?;
        let found = match self.index(repository, url).await {
            Err(error) if is_unknown(&error) => self.substitute(repository, subject).await?,
            other => other?,
        };
        Ok(found.manifests)
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
        link.annotations = manifest.annotations.clone();
        self.extend_substitute(repository, subject, link).await
    }

    /// Adds to the list that clients keep under a tag.
    ///
    /// Others may replace it at the same moment, by one that they made from what it was before, and registries of this kind
    /// have no way to forbid that. So it is read again a while after it was written, more than once; whatever was seen in
    /// it and is missing then is added again, also what others wrote.
    async fn extend_substitute(
        &self,
        repository: &PackageName,
        subject: &Sha256Digest,
        link: Descriptor,
    ) -> Result<(), RegistryError> {
        let seed = *link.digest.as_bytes();
        let mut known = vec![link];
        let mut calm = 0;
        for pause in seed.map(u64::from).map(|jitter| FIRST_PAUSE + Duration::from_millis(jitter)) {
            let mut list = self.substitute(repository, subject).await?;
            if complete(&mut list, &mut known) {
                let bytes = serde_json::to_vec(&list).expect("an index is JSON");
                self.put_document(repository, &tag(subject), IMAGE_INDEX, &bytes).await?;
                calm = 0;
            } else if calm == CALM {
                return Ok(());
            } else {
                calm += 1;
            }
            tokio::time::sleep(pause).await;
        }
        let doing = format!("list a referrer in {}/{repository}", self.endpoint().host());
        Err(RegistryError::protocol(doing, "others replace the list again and again"))
    }

    /// The list that clients keep under a tag.
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

/// Adds to a list what is known and not in it, and to what is known what is in the list; whether the list changed.
fn complete(list: &mut Index, known: &mut Vec<Descriptor>) -> bool {
    let is_in = |links: &[Descriptor], link: &Descriptor| links.iter().any(|other| other.digest == link.digest);
    let missing: Vec<_> = known.iter().filter(|link| !is_in(&list.manifests, link)).cloned().collect();
    known.extend(list.manifests.iter().filter(|link| !is_in(known, link)).cloned().collect::<Vec<_>>());
    list.manifests.extend_from_slice(&missing);
    !missing.is_empty()
}

fn tag(subject: &Sha256Digest) -> String {
    format!("sha256-{}", subject.to_hex())
}

/// Whether a registry may have answered so because it knows no referrers.
fn is_unknown(error: &RegistryError) -> bool {
    let unknown = matches!(error.kind(), RegistryErrorKind::Status { status: 400 | 405 | 501, .. });
    unknown || error.is_not_found()
}
