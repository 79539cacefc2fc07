//! Requests in, answers out: the distribution specification over a store.

use axum::body::Body;
use axum::extract::{Query, Request};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri};
use briq_store::Store;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Code, Refusal};
use crate::route::Route;
use crate::{blobs, manifests, tags};

/// What every handler gives.
pub(crate) type Answer = Result<Response<Body>, Refusal>;

/// What a handler needs of a request, its body apart.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) store: Store,
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn query<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let parsed = Query::try_from_uri(&self.uri);
        parsed.map(|Query(query)| query).map_err(|error| Refusal::new(Code::Unsupported, error.to_string()))
    }
}

/// Answers any request.
pub(crate) async fn answer(store: Store, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let asked = Asked { store, method: parts.method, uri: parts.uri, headers: parts.headers };
    let mut response = dispatch(asked, body).await.unwrap_or_else(Refusal::respond);
    let version = HeaderValue::from_static("registry/2.0");
    response.headers_mut().insert("docker-distribution-api-version", version);
    response
}

async fn dispatch(asked: Asked, body: Body) -> Answer {
    match (Route::parse(asked.uri.path())?, asked.method.as_str()) {
        (Route::Root, "GET" | "HEAD") => json(StatusCode::OK, &serde_json::json!({})),
        (Route::Catalog, "GET") => tags::catalog(asked).await,
        (Route::Tags(name), "GET") => tags::list(asked, name).await,
        (Route::Manifest(name, reference), "GET" | "HEAD") => manifests::get(asked, name, reference).await,
        (Route::Manifest(name, reference), "PUT") => manifests::put(asked, name, reference, body).await,
        (Route::Manifest(name, reference), "DELETE") => manifests::delete(asked, name, reference).await,
        (Route::Referrers(name, subject), "GET") => manifests::referrers(asked, name, subject).await,
        (Route::Blob(digest), "GET" | "HEAD") => blobs::get(asked, digest).await,
        (Route::Uploads(name), "POST") => blobs::begin(asked, name, body).await,
        (Route::Upload(name, id), "GET") => blobs::status(asked, name, id).await,
        (Route::Upload(name, id), "PATCH") => blobs::append(asked, name, id, body).await,
        (Route::Upload(name, id), "PUT") => blobs::complete(asked, name, id, body).await,
        (Route::Upload(_, id), "DELETE") => blobs::cancel(asked, id).await,
        (_, method) => Err(Refusal::new(Code::Unsupported, format!("{method} is not supported here"))),
    }
}

/// A status with headers and no body.
pub(crate) fn empty(status: StatusCode, headers: &[(&'static str, String)]) -> Answer {
    with(status, headers, Body::empty())
}

/// A status with headers and a body.
pub(crate) fn with(status: StatusCode, headers: &[(&'static str, String)], body: Body) -> Answer {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    for (name, value) in headers {
        let value = HeaderValue::try_from(value)
            .map_err(|_| Refusal::new(Code::Unknown, format!("{name} cannot be written as a header")))?;
        response.headers_mut().insert(*name, value);
    }
    Ok(response)
}

/// A JSON document.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Answer {
    document(status, value, "application/json", &[])
}

/// A JSON document of a special type.
pub(crate) fn document(
    status: StatusCode,
    value: &impl Serialize,
    media_type: &str,
    headers: &[(&'static str, String)],
) -> Answer {
    let bytes = serde_json::to_vec(value).map_err(|error| Refusal::new(Code::Unknown, error.to_string()))?;
    let own = [(CONTENT_TYPE.as_str(), media_type.to_owned()), (CONTENT_LENGTH.as_str(), bytes.len().to_string())];
    let headers: Vec<_> = own.into_iter().chain(headers.iter().cloned()).collect();
    with(status, &headers, Body::from(bytes))
}
