//! Sending a package to a registry.

use std::collections::BTreeMap;
use std::sync::Arc;

use briq_package::Package;
use briq_spec::{Blake3Digest, PackageName, Sha256Digest, Signature};
use briq_store::artifact::{Artifact, Source};
use briq_store::{Neighbours, oci, tag_of};
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Body, Method, StatusCode, Url};
use semver::Version;

use crate::client::{Client, Remote, sha256};
use crate::error::{RegistryError, RegistryErrorKind};
use crate::progress::{BlobMeter, Meter, Progress};
use crate::task::blocking;
use crate::transport::{ATTEMPTS, Scope, pause};

/// Blobs that are sent or fetched at once.
pub(crate) const PARALLEL: usize = 4;
const CHUNK: usize = 1 << 20;

/// How to push.
#[derive(Debug, Clone, Default)]
pub struct PushOptions {
    /// Another repository of the same registry that may hold some of the bytes, such as that of the base model: blobs
    /// found there are mounted, not sent.
    pub mount_from: Option<PackageName>,
    /// A package that those who will pull this one are likely to have, such as the version before: what this one differs
    /// by is coded as a [delta](briq_package::parcel) and put beside it.
    pub delta_from: Option<Arc<Package>>,
    /// Who wants to know how far it is.
    pub progress: Progress,
}

/// What became of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The repository in the registry.
    pub repository: PackageName,
    /// The version.
    pub version: Version,
    /// The identity of the package.
    pub digest: Blake3Digest,
    /// SHA-256 of its OCI manifest.
    pub manifest: Sha256Digest,
    /// Whether the very same package was there before.
    pub already_there: bool,
    /// Whether its chunk index, which makes updates small, could be put beside it. Where it could not, the progress
    /// was warned; the package is whole without it, and pushing it again tries again.
    pub indexed: bool,
    /// The length of the delta from [`PushOptions::delta_from`] that is beside it. None where none was asked for, where it would
    /// not be shorter than the package, or where it could not be put there, of which the progress was warned.
    pub delta: Option<u64>,
}

/// The bytes of one blob, which stay where they are: mapped in the package, or in memory.
#[derive(Clone)]
pub(crate) struct Content {
    pub(crate) digest: Sha256Digest,
    pub(crate) bytes: Bytes,
}

impl Content {
    /// Bytes in memory.
    pub(crate) fn of(bytes: Vec<u8>) -> Self {
        Self { digest: sha256(&bytes), bytes: bytes.into() }
    }
}

impl Client {
    /// Publishes a package under its own version. Blobs that the registry has are not sent; the tag is written last. A
    /// package that is there already and comes with other seals is published again, with these. Its
    /// [chunk index](briq_package::chunks) follows as a referrer, and a delta if one is wanted; that they cannot be put
    /// there is no error.
    ///
    /// OCI registries know no exclusive creation of a tag: of two pushes of one version at the same moment, both can
    /// succeed, and the later one stands.
    ///
    /// # Errors
    /// The version exists with other bytes (`is_conflict`), its signature breaks a compatible version
    /// (`is_incompatible`), the registry refuses, or the network fails after several attempts.
    pub async fn push(&self, package: &Arc<Package>, options: &PushOptions) -> Result<Pushed, RegistryError> {
        let artifact = Artifact::of(package).map_err(RegistryError::store("push a package"))?;
        let repository = self.endpoint().repository(&artifact.description.name)?;
        let there = self.admit(package, &artifact).await?;
        let already_there = there.is_some();
        let manifest = match there {
            Some(remote) => remote.bytes,
            None => {
                self.send_artifact(package, &artifact, &repository, options).await?;
                artifact.manifest
            }
        };
        let (indexed, delta) = self.attach_all(package, &repository, &manifest, options).await;
        Ok(Pushed {
            repository,
            version: artifact.description.version,
            digest: artifact.description.digest,
            manifest: artifact.digest,
            already_there,
            indexed,
            delta,
        })
    }

    /// Hangs on a published package what makes pulls small: whether its chunk index is there, and how long the delta is.
    async fn attach_all(
        &self,
        package: &Arc<Package>,
        repository: &PackageName,
        manifest: &[u8],
        options: &PushOptions,
    ) -> (bool, Option<u64>) {
        let progress = &options.progress;
        let links = self.referrers(repository, &sha256(manifest)).await.unwrap_or_else(|error| {
            progress.warn("it cannot be seen what is beside the package", &error);
            Vec::new()
        });
        let indexed = self.ensure_index(package, repository, manifest, &links).await;
        if let Err(error) = &indexed {
            progress.warn("the package is published without its chunk index, so updates move whole entries", error);
        }
        let Some(base) = &options.delta_from else { return (indexed.is_ok(), None) };
        let delta = self.ensure_delta((package, base), repository, manifest, &links).await.unwrap_or_else(|error| {
            progress.warn("the package is published without its delta", &error);
            None
        });
        (indexed.is_ok(), delta)
    }

    /// Sends what the registry does not have, and the manifest last.
    async fn send_artifact(
        &self,
        package: &Arc<Package>,
        artifact: &Artifact,
        repository: &PackageName,
        options: &PushOptions,
    ) -> Result<(), RegistryError> {
        let contents = contents(package, artifact).await?;
        let meter = Meter::start(&options.progress, contents.iter().map(|content| content.bytes.len() as u64));
        let uploads = contents.iter().map(|content| self.upload(repository, content, options, meter.blob()));
        stream::iter(uploads).buffer_unordered(PARALLEL).try_collect::<()>().await?;
        self.put_manifest(repository, &tag_of(&artifact.description.version), &artifact.manifest).await
    }

    /// The package as it is there already, with its seals if it has any; an error when it may not come in.
    async fn admit(&self, package: &Package, artifact: &Artifact) -> Result<Option<Remote>, RegistryError> {
        let (name, version) = (&artifact.description.name, &artifact.description.version);
        let doing = || format!("push {}/{name} {version}", self.endpoint());
        let versions = self.versions(name).await?;
        if versions.contains(version) {
            let there = self.describe_version(name, version).await?;
            if there.description.digest == artifact.description.digest {
                // The same package: only seals can make a difference, and none are not sent over some.
                let enough = there.manifest == artifact.digest || artifact.description.seals.is_empty();
                return Ok(enough.then_some(there));
            }
            let what = "the version exists with other bytes".into();
            return Err(RegistryError::new(doing(), RegistryErrorKind::Conflict(what)));
        }
        let neighbours = Neighbours::of(version, &versions);
        let own = (version, &package.manifest().signature);
        for other in neighbours.before.into_iter().chain(neighbours.after) {
            let theirs = self.signature(name, other).await?;
            neighbours
                .admit((other, &theirs), own)
                .map_err(|error| RegistryError::new(doing(), RegistryErrorKind::Incompatible(error.to_string())))?;
        }
        Ok(None)
    }

    async fn signature(&self, name: &PackageName, version: &Version) -> Result<Signature, RegistryError> {
        let remote: Remote = self.describe_version(name, version).await?;
        Ok(self.package_manifest(&remote).await?.signature)
    }

    pub(crate) async fn upload(
        &self,
        repository: &PackageName,
        content: &Content,
        options: &PushOptions,
        meter: BlobMeter,
    ) -> Result<(), RegistryError> {
        let meter = Arc::new(meter);
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.upload_once(repository, content, options, &meter).await {
                Err(error) if error.is_retryable() && attempt < ATTEMPTS => pause(attempt, &error).await,
                Err(error) => return Err(error),
                Ok(()) => {
                    meter.finish(content.bytes.len() as u64);
                    return Ok(());
                }
            }
        }
    }

    /// One attempt: look, mount, or send in one piece, the one form that every registry takes.
    async fn upload_once(
        &self,
        repository: &PackageName,
        content: &Content,
        options: &PushOptions,
        meter: &Arc<BlobMeter>,
    ) -> Result<(), RegistryError> {
        let doing = format!("push blob {} to {}/{repository}", content.digest, self.endpoint().host());
        let location = match self.has(repository, content, &doing).await? {
            true => None,
            false => self.begin(repository, content, options, &doing).await?,
        };
        let Some(location) = location else {
            meter.reuse(content.bytes.len() as u64);
            return Ok(());
        };
        let fill = |request: reqwest::RequestBuilder| {
            request
                .header(CONTENT_TYPE, "application/octet-stream")
                .header(CONTENT_LENGTH, content.bytes.len())
                .body(body(content.bytes.clone(), meter))
        };
        let scope = Scope::push(repository.as_str());
        let response = self.transport.send_once(&doing, &scope, Method::PUT, location, fill).await?;
        match response.status() {
            StatusCode::CREATED => Ok(()),
            other => Err(RegistryError::protocol(doing, format!("the registry answered {other} to a whole blob"))),
        }
    }

    async fn has(&self, repository: &PackageName, content: &Content, doing: &str) -> Result<bool, RegistryError> {
        let url = self.transport.url(&format!("{repository}/blobs/{}", content.digest))?;
        let scope = Scope::push(repository.as_str());
        match self.transport.send(doing, &scope, Method::HEAD, url, |r| r).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Where to send the blob; `None` when it could be mounted.
    async fn begin(
        &self,
        repository: &PackageName,
        content: &Content,
        options: &PushOptions,
        doing: &str,
    ) -> Result<Option<Url>, RegistryError> {
        let mut url = self.transport.url(&format!("{repository}/blobs/uploads/"))?;
        if let Some(from) = &options.mount_from {
            let from = self.endpoint().repository(from)?;
            url.query_pairs_mut().append_pair("mount", &content.digest.to_string()).append_pair("from", from.as_str());
        }
        let scope = Scope::push(repository.as_str());
        let fill = |request: reqwest::RequestBuilder| request.header(CONTENT_LENGTH, 0);
        let response = self.transport.send(doing, &scope, Method::POST, url, fill).await?;
        if response.status() == StatusCode::CREATED {
            return Ok(None);
        }
        let mut location = self.transport.location(doing, &response)?;
        location.query_pairs_mut().append_pair("digest", &content.digest.to_string());
        Ok(Some(location))
    }
}

/// A body that is sent from where the bytes lie, piece by piece, so that progress can be seen.
fn body(bytes: Bytes, meter: &Arc<BlobMeter>) -> Body {
    let meter = Arc::clone(meter);
    let mut sent = 0;
    let count = bytes.len().div_ceil(CHUNK);
    let pieces = (0..count).map(move |at| {
        let piece = bytes.slice(at * CHUNK..((at + 1) * CHUNK).min(bytes.len()));
        meter.at(sent);
        sent += piece.len() as u64;
        meter.moved(piece.len() as u64);
        Ok::<_, std::convert::Infallible>(piece)
    });
    Body::wrap_stream(stream::iter(pieces))
}

/// Every blob of an artifact, each once. Entries are verified here, before any byte leaves the machine.
async fn contents(package: &Arc<Package>, artifact: &Artifact) -> Result<Vec<Content>, RegistryError> {
    let package = Arc::clone(package);
    let layers = artifact.layers.clone();
    let config = artifact.config.clone();
    blocking(move || {
        let mut contents = BTreeMap::new();
        let config = Content::of(config);
        contents.insert(config.digest, config);
        for (layer, source) in layers {
            contents.insert(layer.digest, content(&package, &layer, source)?);
        }
        Ok(contents.into_values().collect())
    })
    .await
}

fn content(package: &Arc<Package>, layer: &oci::Descriptor, source: Source) -> Result<Content, RegistryError> {
    let bytes = match source {
        Source::Manifest => Bytes::copy_from_slice(package.manifest_bytes()),
        Source::Seal(seal) => seal.bytes.into(),
        Source::Entry(path) => {
            package.read(&path).map_err(RegistryError::package(format!("push entry {path}")))?;
            Bytes::from_owner(Mapped { package: Arc::clone(package), path })
        }
    };
    Ok(Content { digest: layer.digest, bytes })
}

/// Keeps the package mapped while its bytes are on their way.
struct Mapped {
    package: Arc<Package>,
    path: briq_spec::EntryPath,
}

impl AsRef<[u8]> for Mapped {
    fn as_ref(&self) -> &[u8] {
        self.package.read(&self.path).expect("the entry was read and verified before")
    }
}
