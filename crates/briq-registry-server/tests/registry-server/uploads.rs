//! Blobs.

use reqwest::{Method, Response};

use crate::ground::{Server, digest, header};

async fn patch(server: &Server, location: &str, range: &str, bytes: &'static [u8]) -> Response {
    server.request(Method::PATCH, location).header("content-range", range).body(bytes).send().await.unwrap()
}

#[tokio::test]
async fn takes_a_blob_in_pieces() {
    let server = Server::start().await;
    let begun = server.request(Method::POST, "/v2/a/b/blobs/uploads/").send().await.unwrap();
    assert_eq!(begun.status(), 202);
    let location = header(&begun, "location").to_owned();
    assert!(location.starts_with("/v2/a/b/blobs/uploads/"));

    let first = patch(&server, &location, "0-4", b"hello").await;
    assert_eq!((first.status().as_u16(), header(&first, "range")), (202, "0-4"));
    let wrong = patch(&server, &location, "7-11", b"world").await;
    assert_eq!(wrong.status(), 416);
    let state = server.request(Method::GET, &location).send().await.unwrap();
    assert_eq!((state.status().as_u16(), header(&state, "range")), (204, "0-4"));
    assert_eq!(patch(&server, &location, "5-10", b" world").await.status(), 202);

    let digest = digest(b"hello world!");
    let (status, answer) = server.ask(Method::PUT, &format!("{location}?digest={digest}"), b"!").await;
    assert_eq!(status, 201, "{answer}");
    assert_eq!(server.ask(Method::GET, &format!("/v2/a/b/blobs/{digest}"), b"").await.1, "hello world!");
    assert_eq!(server.ask(Method::GET, &location, b"").await.0, 404);
}

#[tokio::test]
async fn an_upload_survives_a_restart() {
    let server = Server::start().await;
    let begun = server.request(Method::POST, "/v2/a/blobs/uploads/").send().await.unwrap();
    let location = header(&begun, "location").to_owned();
    patch(&server, &location, "0-4", b"hello").await;
    let server = Server::over(server.folder).await;
    let digest = digest(b"hello again");
    let (status, answer) = server.ask(Method::PUT, &format!("{location}?digest={digest}"), b" again").await;
    assert_eq!(status, 201, "{answer}");
}

#[tokio::test]
async fn refuses_what_is_not_what_its_digest_says() {
    let server = Server::start().await;
    let wrong = digest(b"other");
    for query in [format!("digest={wrong}"), "digest=sha512:00".into(), "digest=x".into()] {
        let (status, answer) = server.ask(Method::POST, &format!("/v2/a/blobs/uploads/?{query}"), b"this").await;
        assert_eq!((status, answer.contains("DIGEST_INVALID")), (400, true), "{answer}");
    }
    assert_eq!(server.ask(Method::HEAD, &format!("/v2/a/blobs/{wrong}"), b"").await.0, 404);
}

#[tokio::test]
async fn sends_parts() {
    let server = Server::start().await;
    let path = format!("/v2/a/blobs/{}", server.upload(b"0123456789").await);
    let cases = [
        ("bytes=2-4", 206, "234"),
        ("bytes=7-", 206, "789"),
        ("bytes=-2", 206, "89"),
        ("bytes=10-", 416, ""),
        ("bytes=0-1,4-5", 200, "0123456789"),
    ];
    for (range, status, text) in cases {
        let response = server.request(Method::GET, &path).header("range", range).send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{range}");
        assert_eq!(response.text().await.unwrap(), text, "{range}");
    }
    let head = server.request(Method::HEAD, &path).send().await.unwrap();
    assert_eq!((header(&head, "content-length"), header(&head, "accept-ranges")), ("10", "bytes"));
}

#[tokio::test]
async fn mounts_and_cancels() {
    let server = Server::start().await;
    let blob = server.upload(b"shared").await;
    assert_eq!(server.ask(Method::POST, &format!("/v2/b/blobs/uploads/?mount={blob}&from=a"), b"").await.0, 201);
    let unknown = digest(b"unknown");
    let begun =
        server.request(Method::POST, &format!("/v2/b/blobs/uploads/?mount={unknown}&from=a")).send().await.unwrap();
    assert_eq!(begun.status(), 202);
    let location = header(&begun, "location").to_owned();
    assert_eq!(server.ask(Method::DELETE, &location, b"").await.0, 204);
    assert_eq!(server.ask(Method::PUT, &format!("{location}?digest={unknown}"), b"unknown").await.0, 404);
}

#[tokio::test]
async fn rejects_addresses_and_methods() {
    let server = Server::start().await;
    for (method, path, status, code) in [
        (Method::GET, "/v2/A/tags/list", 400, "NAME_INVALID"),
        (Method::GET, "/v2/a/tags/list", 404, "NAME_UNKNOWN"),
        (Method::GET, "/v2/a/manifests/none", 404, "MANIFEST_UNKNOWN"),
        (Method::GET, "/elsewhere", 404, "NAME_UNKNOWN"),
        (Method::POST, "/v2/a/tags/list", 405, "UNSUPPORTED"),
        (Method::PATCH, "/v2/a/blobs/uploads/0123456789abcdef0123456789abcdef", 404, "BLOB_UPLOAD_UNKNOWN"),
    ] {
        let (found, answer) = server.ask(method, path, b"").await;
        assert_eq!((found, answer.contains(code)), (status, true), "{path}: {answer}");
    }
    assert_eq!(server.ask(Method::GET, "/v2/", b"").await, (200, "{}".into()));
}
