//! What a request is about. Repository names contain slashes, so addresses are read from their end.

use briq_spec::{PackageName, Sha256Digest};

use crate::error::{Code, Refusal};

/// Where a request goes (distribution-spec, "Endpoints").
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// Whether this is a registry.
    Root,
    /// All repositories.
    Catalog,
    /// The tags of a repository.
    Tags(PackageName),
    /// A manifest by tag or digest.
    Manifest(PackageName, Reference),
    /// A blob.
    Blob(Sha256Digest),
    /// A new upload.
    Uploads(PackageName),
    /// An upload that was begun.
    Upload(PackageName, String),
    /// The manifests whose subject is this one.
    Referrers(PackageName, Sha256Digest),
}

/// How a manifest is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reference {
    Tag(String),
    Digest(Sha256Digest),
}

impl Route {
    pub(crate) fn parse(path: &str) -> Result<Self, Refusal> {
        let unknown = || Refusal::new(Code::NameUnknown, "there is nothing at this address");
        let rest = path.strip_prefix("/v2").ok_or_else(unknown)?;
        match rest {
            "" | "/" => return Ok(Self::Root),
            "/_catalog" => return Ok(Self::Catalog),
            _ => {}
        }
        let rest = rest.strip_prefix('/').ok_or_else(unknown)?;
        let mut parts = rest.rsplitn(4, '/');
        let (last, kind, before) = (parts.next(), parts.next(), parts.next());
        let (Some(last), Some(kind)) = (last, kind) else { return Err(unknown()) };
        let end = |suffix: &str| rest.strip_suffix(suffix).unwrap_or(rest).trim_end_matches('/');
        match (before, kind, last) {
            (Some("blobs"), "uploads", "") => Ok(Self::Uploads(name(end("blobs/uploads/"))?)),
            (Some("blobs"), "uploads", id) => Ok(Self::Upload(name(end(&format!("blobs/uploads/{id}")))?, upload(id)?)),
            (_, "blobs", "uploads") => Ok(Self::Uploads(name(end("blobs/uploads"))?)),
            (_, "blobs", text) => name(end(&format!("blobs/{text}"))).and_then(|_| Ok(Self::Blob(digest(text)?))),
            (_, "tags", "list") => Ok(Self::Tags(name(end("tags/list"))?)),
            (_, "manifests", text) => Ok(Self::Manifest(name(end(&format!("manifests/{text}")))?, reference(text)?)),
            (_, "referrers", text) => Ok(Self::Referrers(name(end(&format!("referrers/{text}")))?, digest(text)?)),
            _ => Err(unknown()),
        }
    }
}

fn name(text: &str) -> Result<PackageName, Refusal> {
    text.parse().map_err(|error: briq_spec::SpecError| Refusal::new(Code::NameInvalid, error.to_string()))
}

/// Only SHA-256: the layout has no other blobs.
pub(crate) fn digest(text: &str) -> Result<Sha256Digest, Refusal> {
    text.parse().map_err(|error: briq_spec::SpecError| Refusal::new(Code::DigestInvalid, error.to_string()))
}

fn reference(text: &str) -> Result<Reference, Refusal> {
    if text.contains(':') {
        return digest(text).map(Reference::Digest);
    }
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let well_formed = text.len() <= 128
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|byte| word(byte) || b".-".contains(&byte));
    match well_formed {
        true => Ok(Reference::Tag(text.to_owned())),
        false => Err(Refusal::new(Code::ManifestInvalid, format!("{text:?} is no tag"))),
    }
}

/// Identifiers are our own, and become file names.
fn upload(id: &str) -> Result<String, Refusal> {
    match id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        true => Ok(id.to_owned()),
        false => Err(Refusal::new(Code::BlobUploadUnknown, "there is no such upload")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Reference, Route};

    const HEX: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const ID: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn reads_addresses_from_their_end() {
        let name = |text: &str| text.parse().expect("a name");
        let sha: briq_spec::Sha256Digest = format!("sha256:{HEX}").parse().expect("a digest");
        let cases = [
            ("/v2/".to_owned(), Route::Root),
            ("/v2".to_owned(), Route::Root),
            ("/v2/_catalog".to_owned(), Route::Catalog),
            ("/v2/a/tags/list".to_owned(), Route::Tags(name("a"))),
            ("/v2/a/b/c/manifests/1.0".to_owned(), Route::Manifest(name("a/b/c"), Reference::Tag("1.0".into()))),
            (format!("/v2/a/manifests/sha256:{HEX}"), Route::Manifest(name("a"), Reference::Digest(sha))),
            (format!("/v2/blobs/blobs/sha256:{HEX}"), Route::Blob(sha)),
            ("/v2/a/b/blobs/uploads/".to_owned(), Route::Uploads(name("a/b"))),
            ("/v2/a/blobs/uploads".to_owned(), Route::Uploads(name("a"))),
            (format!("/v2/a/b/blobs/uploads/{ID}"), Route::Upload(name("a/b"), ID.into())),
            (format!("/v2/a/referrers/sha256:{HEX}"), Route::Referrers(name("a"), sha)),
        ];
        for (path, route) in cases {
            assert_eq!(Route::parse(&path).expect(&path), route);
        }
    }

    #[test]
    fn rejects_addresses_that_lead_nowhere() {
        let paths = [
            "",
            "/",
            "/v1/",
            "/v2x",
            "/v2/a",
            "/v2/a/b",
            "/v2/A/tags/list",
            "/v2//tags/list",
            "/v2/../tags/list",
            "/v2/a/manifests/",
            "/v2/a/manifests/-x",
            "/v2/a/manifests/a%2fb",
            "/v2/a/blobs/sha512:00",
            "/v2/a/blobs/uploads/../../x",
            "/v2/a/blobs/uploads/short",
            "/v2/manifests/x",
            "/v2/a/referrers/x",
        ];
        for path in paths {
            assert!(Route::parse(path).is_err(), "{path}");
        }
    }
}
