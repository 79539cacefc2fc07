//! Blobs: fetching them, whole or in part, and uploading them, at once or in pieces.

use std::io::SeekFrom;

use axum::body::Body;
use axum::http::{Method, StatusCode};
use briq_spec::{PackageName, Sha256Digest};
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;

use crate::error::{Code, Refusal};
use crate::range::Wanted;
use crate::route::digest;
use crate::service::{Answer, Asked, empty, with};
use crate::task::blocking;
use crate::upload::Upload;

const BUFFER: usize = 256 << 10;

#[derive(Deserialize)]
struct UploadQuery {
    digest: Option<String>,
    mount: Option<String>,
}

/// `GET` and `HEAD` of a blob. All repositories share the blobs of the store: a digest is no secret of its owner.
pub(crate) async fn get(asked: Asked, digest: Sha256Digest) -> Answer {
    let store = asked.store.clone();
    let file = blocking(move || {
        let file = store.open_blob(&digest)?;
        // A client that was told of a blob will not send it: it must outlive the next collection. The mark is a
        // courtesy, so a read-only store answers all the same.
        let _ = store.touch(&digest);
        Ok(file)
    });
    let file = file.await.map_err(Refusal::store(Code::BlobUnknown))?;
    let size = file.metadata().map_err(Refusal::io)?.len();
    let mut headers = vec![
        ("content-type", "application/octet-stream".to_owned()),
        ("docker-content-digest", digest.to_string()),
        ("accept-ranges", "bytes".to_owned()),
    ];
    let (status, first, length) = match Wanted::of(asked.header("range"), size) {
        Wanted::Whole => (StatusCode::OK, 0, size),
        Wanted::Part(first, last) => {
            headers.push(("content-range", format!("bytes {first}-{last}/{size}")));
            (StatusCode::PARTIAL_CONTENT, first, last - first + 1)
        }
        Wanted::Beyond => {
            return empty(StatusCode::RANGE_NOT_SATISFIABLE, &[("content-range", format!("bytes */{size}"))]);
        }
    };
    headers.push(("content-length", length.to_string()));
    if asked.method == Method::HEAD {
        return empty(status, &headers);
    }
    let mut file = tokio::fs::File::from_std(file);
    file.seek(SeekFrom::Start(first)).await.map_err(Refusal::io)?;
    with(status, &headers, Body::from_stream(ReaderStream::with_capacity(file.take(length), BUFFER)))
}

/// `POST`: mounts, takes a whole blob, or begins an upload.
pub(crate) async fn begin(asked: Asked, name: PackageName, body: Body) -> Answer {
    let query: UploadQuery = asked.query()?;
    if let Some(wanted) = query.mount.as_deref().map(digest).transpose()? {
        let store = asked.store.clone();
        if blocking(move || store.touch(&wanted)).await.is_ok() {
            return created(&name, &wanted);
        }
    }
    let store = asked.store.clone();
    let (id, upload) = blocking(move || Upload::begin(&store)).await?;
    match query.digest {
        Some(text) => finish(name, upload, &text, body).await,
        None => accepted(&name, &id, 0),
    }
}

/// `GET` of an upload: how much has come.
pub(crate) async fn status(asked: Asked, name: PackageName, id: String) -> Answer {
    let length = Upload::find(&asked.store, &id)?.length()?;
    empty(StatusCode::NO_CONTENT, &progress(&name, &id, length))
}

/// `PATCH`: the next piece, which must begin where the last one ended.
pub(crate) async fn append(asked: Asked, name: PackageName, id: String, body: Body) -> Answer {
    let upload = Upload::find(&asked.store, &id)?;
    check_order(&asked, &upload)?;
    let length = upload.append(body).await?;
    accepted(&name, &id, length)
}

/// `PUT`: the last piece, or all of it, and the digest.
pub(crate) async fn complete(asked: Asked, name: PackageName, id: String, body: Body) -> Answer {
    let query: UploadQuery = asked.query()?;
    let upload = Upload::find(&asked.store, &id)?;
    check_order(&asked, &upload)?;
    let text = query.digest.ok_or_else(|| Refusal::new(Code::DigestInvalid, "the digest is missing"))?;
    finish(name, upload, &text, body).await
}

/// `DELETE` of an upload.
pub(crate) async fn cancel(asked: Asked, id: String) -> Answer {
    Upload::find(&asked.store, &id)?.cancel()?;
    empty(StatusCode::NO_CONTENT, &[])
}

async fn finish(name: PackageName, upload: Upload, text: &str, body: Body) -> Answer {
    let wanted = digest(text)?;
    upload.append(body).await?;
    blocking(move || upload.complete(&wanted)).await?;
    created(&name, &wanted)
}

fn check_order(asked: &Asked, upload: &Upload) -> Result<(), Refusal> {
    let Some(range) = asked.header("content-range") else { return Ok(()) };
    let length = upload.length()?;
    let first = range.split_once('-').and_then(|(first, _)| first.trim_start_matches("bytes ").parse().ok());
    match first == Some(length) {
        true => Ok(()),
        false => Err(Refusal::new(Code::RangeInvalid, format!("{length} bytes have come, {range} is not next"))),
    }
}

fn created(name: &PackageName, digest: &Sha256Digest) -> Answer {
    let location = format!("/v2/{name}/blobs/{digest}");
    empty(StatusCode::CREATED, &[("location", location), ("docker-content-digest", digest.to_string())])
}

fn accepted(name: &PackageName, id: &str, length: u64) -> Answer {
    empty(StatusCode::ACCEPTED, &progress(name, id, length))
}

fn progress(name: &PackageName, id: &str, length: u64) -> [(&'static str, String); 4] {
    [
        ("location", format!("/v2/{name}/blobs/uploads/{id}")),
        ("docker-upload-uuid", id.to_owned()),
        ("content-length", "0".to_owned()),
        // The form that the specification asks for has no way to say that nothing has come.
        ("range", format!("0-{}", length.saturating_sub(1))),
    ]
}
