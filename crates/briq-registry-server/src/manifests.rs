//! Manifests: fetching, pushing, deleting them, and what refers to them.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use briq_spec::{PackageName, Sha256Digest};
use briq_store::oci::{Descriptor, IMAGE_INDEX, Index, MAX_MANIFEST_BYTES, Manifest};
use briq_store::{Repository, Store, StoreError, media_type_of};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::error::{Code, Refusal};
use crate::route::Reference;
use crate::service::{Answer, Asked, document, empty, with};
use crate::task::blocking;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReferrersQuery {
    artifact_type: Option<String>,
}

/// `GET` and `HEAD` of a manifest.
pub(crate) async fn get(asked: Asked, name: PackageName, reference: Reference) -> Answer {
    let (store, head) = (asked.store, asked.method == Method::HEAD);
    let found = blocking(move || {
        let Some(descriptor) = find(&store, &Repository::local(name), &reference)? else { return Ok(None) };
        let bytes = store.manifest(&descriptor.digest)?;
        Ok(Some((descriptor, bytes)))
    });
    let found = found.await.map_err(Refusal::store(Code::ManifestUnknown))?;
    let Some((descriptor, bytes)) = found else {
        return Err(Refusal::new(Code::ManifestUnknown, "there is no such manifest"));
    };
    let headers = [
        ("content-type", descriptor.media_type),
        ("content-length", bytes.len().to_string()),
        ("docker-content-digest", descriptor.digest.to_string()),
    ];
    if head { empty(StatusCode::OK, &headers) } else { with(StatusCode::OK, &headers, Body::from(bytes)) }
}

fn find(store: &Store, repository: &Repository, reference: &Reference) -> Result<Option<Descriptor>, StoreError> {
    match reference {
        Reference::Tag(tag) => store.tagged(repository, tag),
        Reference::Digest(digest) => store.manifest_of(repository, digest),
    }
}

/// `PUT` of a manifest. A Briq package under the tag of its version is published by the rules of the store.
pub(crate) async fn put(asked: Asked, name: PackageName, reference: Reference, body: Body) -> Answer {
    let bytes = axum::body::to_bytes(body, MAX_MANIFEST_BYTES as usize)
        .await
        .map_err(|_| Refusal::new(Code::SizeInvalid, format!("a manifest has at most {MAX_MANIFEST_BYTES} bytes")))?;
    let found = Sha256Digest::from_bytes(Sha256::digest(&bytes).into());
    if matches!(&reference, Reference::Digest(digest) if *digest != found) {
        return Err(Refusal::new(Code::DigestInvalid, format!("the bytes have the digest {found}")));
    }
    let media_type = match asked.header("content-type") {
        Some(media_type) => media_type.to_owned(),
        None => media_type_of(&bytes).map_err(Refusal::manifest)?,
    };
    let subject = subject_of(&bytes);
    let (store, repository) = (asked.store.clone(), Repository::local(name.clone()));
    let stored = blocking(move || {
        let tag = match &reference {
            Reference::Tag(tag) => Some(tag.as_str()),
            Reference::Digest(_) => None,
        };
        store.session()?.put_manifest(&repository, tag, &media_type, &bytes)
    });
    let digest = stored.await.map_err(Refusal::manifest)?;
    let mut headers =
        vec![("location", format!("/v2/{name}/manifests/{digest}")), ("docker-content-digest", digest.to_string())];
    headers.extend(subject.map(|subject| ("oci-subject", subject.to_string())));
    empty(StatusCode::CREATED, &headers)
}

fn subject_of(bytes: &[u8]) -> Option<Sha256Digest> {
    let manifest: Manifest = serde_json::from_slice(bytes).ok()?;
    Some(manifest.subject?.digest)
}

/// `DELETE`: a tag alone, or a manifest with all its tags.
pub(crate) async fn delete(asked: Asked, name: PackageName, reference: Reference) -> Answer {
    let (store, repository) = (asked.store, Repository::local(name));
    let removed = blocking(move || match &reference {
        Reference::Tag(tag) => store.untag(&repository, tag),
        Reference::Digest(digest) => store.remove_manifest(&repository, digest),
    });
    match removed.await.map_err(Refusal::store(Code::ManifestUnknown))? {
        true => empty(StatusCode::ACCEPTED, &[]),
        false => Err(Refusal::new(Code::ManifestUnknown, "there is no such manifest")),
    }
}

/// The manifests of a repository whose subject is this one; none is an answer too.
pub(crate) async fn referrers(asked: Asked, name: PackageName, subject: Sha256Digest) -> Answer {
    let query: ReferrersQuery = asked.query()?;
    let wanted = query.artifact_type;
    let filtered = wanted.is_some().then(|| ("oci-filters-applied", "artifactType".to_owned()));
    let store = asked.store;
    let found = blocking(move || collect(&store, &Repository::local(name), &subject));
    let mut manifests = found.await.map_err(Refusal::store(Code::ManifestUnknown))?;
    manifests.retain(|manifest| wanted.is_none() || manifest.artifact_type == wanted);
    let index = Index { manifests, ..Index::default() };
    document(StatusCode::OK, &index, IMAGE_INDEX, filtered.as_slice())
}

fn collect(store: &Store, repository: &Repository, subject: &Sha256Digest) -> Result<Vec<Descriptor>, StoreError> {
    let mut found = Vec::new();
    for entry in store.referrers(repository, subject)? {
        // What is not a manifest of image-spec has no annotations.
        let Ok(manifest) = serde_json::from_slice::<Manifest>(&store.manifest(&entry.digest)?) else { continue };
        let mut descriptor = Descriptor::new(entry.media_type, entry.digest, entry.size);
        descriptor.artifact_type = manifest.kind().map(str::to_owned);
        descriptor.annotations = manifest.annotations;
        found.push(descriptor);
    }
    Ok(found)
}
