//! One registry, and what it says about packages.

use std::sync::Arc;

use briq_spec::{Alias, Blake3Digest, Machine, Manifest, PackageName, Selector, Sha256Digest};
use briq_store::artifact::{Description, MANIFEST_ENTRY};
use briq_store::{best, oci, tag_of, version_of};
use reqwest::header::{ACCEPT, CONTENT_TYPE, LINK};
use reqwest::{Method, Response, Url};
use semver::Version;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::credentials::{Credentials, DockerConfig};
use crate::endpoint::Endpoint;
use crate::error::{RegistryError, RegistryErrorKind};
use crate::transport::{Scope, Transport, read};

/// The most tags of one repository that are read.
pub const MAX_TAGS: usize = 100_000;
const MAX_TAG_PAGE: usize = 8 << 20;

/// A client of one registry. Cheap to clone; connections and tokens are shared.
#[derive(Debug, Clone)]
pub struct Client {
    endpoint: Endpoint,
    pub(crate) transport: Arc<Transport>,
}

/// A package as a registry has it.
#[derive(Debug, Clone)]
pub struct Remote {
    /// The repository it is in.
    pub repository: PackageName,
    /// SHA-256 of its OCI manifest.
    pub manifest: Sha256Digest,
    /// Its OCI manifest, byte for byte.
    pub bytes: Vec<u8>,
    /// What the manifest says.
    pub description: Description,
}

#[derive(Deserialize)]
struct TagPage {
    #[serde(default)]
    tags: Option<Vec<String>>,
}

impl Client {
    /// A client with given credentials.
    ///
    /// # Errors
    /// TLS cannot be set up on this machine.
    pub fn new(endpoint: Endpoint, credentials: Credentials) -> Result<Self, RegistryError> {
        let transport = Arc::new(Transport::new(&endpoint, credentials)?);
        Ok(Self { endpoint, transport })
    }

    /// A client with the credentials that Docker's `config.json` has for the host.
    ///
    /// # Errors
    /// The file is malformed, a credential helper fails, or TLS cannot be set up.
    pub async fn from_env(endpoint: Endpoint) -> Result<Self, RegistryError> {
        let config = DockerConfig::path().map(|path| DockerConfig::read(&path)).transpose()?.unwrap_or_default();
        let credentials = config.credentials(endpoint.host()).await?;
        Self::new(endpoint, credentials)
    }

    /// Where the registry is.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Every tag of a package's repository, in the registry's order; empty when there is no such repository.
    ///
    /// # Errors
    /// The registry cannot be reached, refuses, or answers nonsense.
    pub async fn tags(&self, name: &PackageName) -> Result<Vec<String>, RegistryError> {
        let repository = self.endpoint.repository(name)?;
        let doing = format!("list the tags of {}/{repository}", self.endpoint.host());
        let scope = Scope::pull(repository.as_str());
        let mut next = Some(self.transport.url(&format!("{repository}/tags/list?n=1000"))?);
        let mut tags = Vec::new();
        while let Some(url) = next {
            let response = match self.transport.send(&doing, &scope, Method::GET, url.clone(), |r| r).await {
                Err(error) if error.is_not_found() => return Ok(Vec::new()),
                other => other?,
            };
            next = next_page(&url, &response);
            let page: TagPage = serde_json::from_slice(&read(&doing, response, MAX_TAG_PAGE).await?)
                .map_err(|error| RegistryError::protocol(&doing, format!("the list is malformed: {error}")))?;
            tags.extend(page.tags.unwrap_or_default());
            if tags.len() > MAX_TAGS {
                return Err(RegistryError::protocol(doing, format!("there are more than {MAX_TAGS}")));
            }
        }
        Ok(tags)
    }

    /// Every version that a tag stands for, lowest first.
    ///
    /// # Errors
    /// As [`Client::tags`].
    pub async fn versions(&self, name: &PackageName) -> Result<Vec<Version>, RegistryError> {
        let mut versions: Vec<_> = self.tags(name).await?.iter().filter_map(|tag| version_of(tag)).collect();
        versions.sort();
        versions.dedup();
        Ok(versions)
    }

    /// The package that a tag or a manifest digest names.
    ///
    /// # Errors
    /// It is not there (`is_not_found`), is not a Briq package or has another digest (`is_corrupt`), or the registry
    /// cannot be reached.
    pub async fn describe(&self, name: &PackageName, reference: &str) -> Result<Remote, RegistryError> {
        let repository = self.endpoint.repository(name)?;
        let doing = format!("read {}/{repository}:{reference}", self.endpoint.host());
        let url = self.transport.url(&format!("{repository}/manifests/{reference}"))?;
        let scope = Scope::pull(repository.as_str());
        let response =
            self.transport.send(&doing, &scope, Method::GET, url, |r| r.header(ACCEPT, oci::IMAGE_MANIFEST)).await?;
        let bytes = read(&doing, response, oci::MAX_MANIFEST_BYTES as usize).await?;
        let manifest = sha256(&bytes);
        if reference.starts_with("sha256:") && reference != manifest.to_string() {
            return Err(RegistryError::corrupt(doing, format!("the bytes have the digest {manifest}")));
        }
        let description = Description::parse(&bytes).map_err(RegistryError::store(doing))?;
        Ok(Remote { repository, manifest, bytes, description })
    }

    /// The package that a selector means, by the same rules as in a store, and of its variants the one that suits the
    /// machine. A registry knows no yanks.
    ///
    /// Looking for a digest reads the manifest of one version after the other, the highest first.
    ///
    /// # Errors
    /// Nothing matches (`is_not_found`; the hint lists what there is), no variant fits (`is_unfit`), or as
    /// [`Client::describe`].
    pub async fn resolve(
        &self,
        name: &PackageName,
        selector: &Selector,
        machine: &Machine,
    ) -> Result<Remote, RegistryError> {
        let variants = self.variants(name, selector).await?;
        self.choose(variants, machine).await
    }

    /// What a selector means, of versions that were published, where no variant is chosen.
    pub(crate) async fn highest(
        &self,
        name: &PackageName,
        selector: &Selector,
        versions: &[Version],
    ) -> Result<Remote, RegistryError> {
        if let Selector::Alias(alias) = selector {
            return self.describe(name, alias.as_str()).await;
        }
        let found = match selector {
            Selector::Digest(digest) => self.find(name, versions, digest).await?,
            other => match best(versions, |version| (version, false), other) {
                Some(version) => Some(self.describe_version(name, version).await?),
                None => None,
            },
        };
        found.ok_or_else(|| {
            let doing = format!("resolve {}/{name}{selector}", self.endpoint);
            RegistryError::new(doing, RegistryErrorKind::NotFound(instead(versions)))
        })
    }

    /// The package of one version.
    ///
    /// # Errors
    /// As [`Client::describe`]; and the tag holds another version (`is_corrupt`).
    pub async fn describe_version(&self, name: &PackageName, version: &Version) -> Result<Remote, RegistryError> {
        let remote = self.describe(name, &tag_of(version)).await?;
        let found = &remote.description.version;
        if found == version {
            return Ok(remote);
        }
        let doing = format!("read {}/{name} {version}", self.endpoint);
        Err(RegistryError::corrupt(doing, format!("its tag holds version {found}")))
    }

    async fn find(
        &self,
        name: &PackageName,
        versions: &[Version],
        digest: &Blake3Digest,
    ) -> Result<Option<Remote>, RegistryError> {
        for version in versions.iter().rev() {
            match self.describe_version(name, version).await {
                Ok(remote) if remote.description.digest == *digest => return Ok(Some(remote)),
                // A tag that holds something else does not hold what is looked for.
                Ok(_) => {}
                Err(error) if error.is_corrupt() || error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Points an alias at a version, wherever it pointed before.
    ///
    /// # Errors
    /// The version is not there, or the registry refuses.
    pub async fn set_alias(&self, name: &PackageName, alias: &Alias, version: &Version) -> Result<(), RegistryError> {
        let remote = self.describe_version(name, version).await?;
        self.put_manifest(&remote.repository, alias.as_str(), &remote.bytes).await
    }

    pub(crate) async fn put_manifest(
        &self,
        repository: &PackageName,
        tag: &str,
        bytes: &[u8],
    ) -> Result<(), RegistryError> {
        self.put_document(repository, tag, oci::IMAGE_MANIFEST, bytes).await.map(drop)
    }

    /// Stores a manifest or an index under a tag or its digest.
    pub(crate) async fn put_document(
        &self,
        repository: &PackageName,
        reference: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<Response, RegistryError> {
        let doing = format!("write {}/{repository}:{reference}", self.endpoint.host());
        let url = self.transport.url(&format!("{repository}/manifests/{reference}"))?;
        let scope = Scope::push(repository.as_str());
        let fill = |r: reqwest::RequestBuilder| r.header(CONTENT_TYPE, media_type).body(bytes.to_vec());
        self.transport.send(&doing, &scope, Method::PUT, url, fill).await
    }

    /// The package's own manifest, checked against the one of OCI.
    pub(crate) async fn package_manifest(&self, remote: &Remote) -> Result<Manifest, RegistryError> {
        let doing = format!("read {MANIFEST_ENTRY} of {}/{}", self.endpoint.host(), remote.repository);
        let limit = briq_spec::manifest::MAX_MANIFEST_BYTES;
        let bytes = self.small_blob(&doing, &remote.repository, &remote.description.manifest, limit).await?;
        let manifest =
            Manifest::from_canonical_json(&bytes).map_err(|error| RegistryError::corrupt(&doing, error.to_string()))?;
        remote.description.check(&manifest).map_err(RegistryError::store(doing))?;
        Ok(manifest)
    }

    /// The bytes of a blob that fits into memory.
    pub(crate) async fn small_blob(
        &self,
        doing: &str,
        repository: &PackageName,
        blob: &oci::Descriptor,
        limit: usize,
    ) -> Result<Vec<u8>, RegistryError> {
        let url = self.transport.url(&format!("{repository}/blobs/{}", blob.digest))?;
        let scope = Scope::pull(repository.as_str());
        let response = self.transport.send(doing, &scope, Method::GET, url, |r| r).await?;
        let bytes = read(doing, response, limit).await?;
        match sha256(&bytes) == blob.digest {
            true => Ok(bytes),
            false => Err(RegistryError::corrupt(doing, "the bytes have another digest")),
        }
    }
}

/// SHA-256 of bytes in memory.
pub(crate) fn sha256(bytes: &[u8]) -> Sha256Digest {
    Sha256Digest::from_bytes(Sha256::digest(bytes).into())
}

fn instead(versions: &[Version]) -> Option<String> {
    let list: Vec<_> = versions.iter().map(Version::to_string).collect();
    (!list.is_empty()).then(|| format!("there are {}", list.join(", ")))
}

/// The address in `Link: <…>; rel="next"`, if it stays on the same registry (distribution-spec, "Listing Tags").
fn next_page(asked: &Url, response: &Response) -> Option<Url> {
    let link = response.headers().get(LINK)?.to_str().ok()?;
    let (address, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
    let next = asked.join(address).ok()?;
    let wanted = parameters.replace('"', "").contains("rel=next");
    (wanted && next.origin() == asked.origin() && next != *asked).then_some(next)
}
