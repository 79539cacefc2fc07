//! Errors as the distribution specification wants them answered.

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Response, StatusCode};
use briq_store::StoreError;
use serde::Serialize;

/// An error code of the distribution specification, with its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    BlobUnknown,
    BlobUploadInvalid,
    BlobUploadUnknown,
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestUnknown,
    NameInvalid,
    NameUnknown,
    SizeInvalid,
    RangeInvalid,
    Denied,
    Unsupported,
    Unknown,
}

impl Code {
    fn describe(self) -> (StatusCode, &'static str) {
        match self {
            Self::BlobUnknown => (StatusCode::NOT_FOUND, "BLOB_UNKNOWN"),
            Self::BlobUploadInvalid => (StatusCode::BAD_REQUEST, "BLOB_UPLOAD_INVALID"),
            Self::BlobUploadUnknown => (StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN"),
            Self::DigestInvalid => (StatusCode::BAD_REQUEST, "DIGEST_INVALID"),
            Self::ManifestBlobUnknown => (StatusCode::NOT_FOUND, "MANIFEST_BLOB_UNKNOWN"),
            Self::ManifestInvalid => (StatusCode::BAD_REQUEST, "MANIFEST_INVALID"),
            Self::ManifestUnknown => (StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN"),
            Self::NameInvalid => (StatusCode::BAD_REQUEST, "NAME_INVALID"),
            Self::NameUnknown => (StatusCode::NOT_FOUND, "NAME_UNKNOWN"),
            Self::SizeInvalid => (StatusCode::PAYLOAD_TOO_LARGE, "SIZE_INVALID"),
            Self::RangeInvalid => (StatusCode::RANGE_NOT_SATISFIABLE, "BLOB_UPLOAD_INVALID"),
            Self::Denied => (StatusCode::CONFLICT, "DENIED"),
            Self::Unsupported => (StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED"),
            Self::Unknown => (StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN"),
        }
    }
}

/// What goes back to a client whose request was not carried out.
#[derive(Debug)]
pub(crate) struct Refusal {
    code: Code,
    message: String,
}

#[derive(Serialize)]
struct Answer<'a> {
    errors: [Item<'a>; 1],
}

#[derive(Serialize)]
struct Item<'a> {
    code: &'static str,
    message: &'a str,
}

impl Refusal {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// What a failure of the disk looks like from outside.
    pub(crate) fn io(error: std::io::Error) -> Self {
        Self::new(Code::Unknown, error.to_string())
    }

    /// An error of the store while it took in a manifest.
    pub(crate) fn manifest(error: StoreError) -> Self {
        let code = match &error {
            e if e.is_conflict() || e.is_incompatible() => Code::Denied,
            e if e.is_not_found() => Code::ManifestBlobUnknown,
            e if e.is_io() || e.is_busy() => Code::Unknown,
            _ => Code::ManifestInvalid,
        };
        Self::new(code, error.to_string())
    }

    /// An error of the store where `missing` is what it means that something is not there.
    pub(crate) fn store(missing: Code) -> impl FnOnce(StoreError) -> Self {
        move |error| {
            let code = if error.is_not_found() { missing } else { Code::Unknown };
            Self::new(code, error.to_string())
        }
    }

    pub(crate) fn respond(self) -> Response<Body> {
        let (status, code) = self.code.describe();
        let answer = Answer { errors: [Item { code, message: &self.message }] };
        let json = serde_json::to_vec(&answer).expect("two strings are JSON");
        let mut response = Response::new(Body::from(json));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, axum::http::HeaderValue::from_static("application/json"));
        response
    }
}
