//! Networks and registries that fail.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::Response;
use briq_registry::{Progress, PushOptions, Remote};
use briq_spec::{Machine, Selector};
use briq_store::{Ingest, Store};
use bytes::Bytes;
use futures::StreamExt as _;

use crate::peers::{Between, Log, Peer, own, own_with};
use crate::samples::{Sample, digits, store};

/// A registry with one package in it, and something between it and its clients.
async fn filled(between: Between) -> (Peer, Log, Remote, tempfile::TempDir) {
    let (folder, store) = store();
    let calm = own(&store).await;
    calm.client().push(&Sample::default().write(folder.path()), &PushOptions::default()).await.unwrap();
    let (peer, log) = own_with(&store, between).await;
    let remote = calm.client().resolve(&digits(), &Selector::Any, &Machine::ANY).await.unwrap();
    (peer, log, remote, folder)
}

async fn pull(peer: &Peer, remote: &Remote, store: &Store) -> Result<(), briq_registry::RegistryError> {
    peer.client().pull(remote, store, &Progress::none()).await.map(drop)
}

fn weights(remote: &Remote) -> &briq_store::oci::Descriptor {
    &remote.description.entries[&"weights-00001-of-00001.safetensors".parse().unwrap()]
}

/// Changes the bodies of the weights.
fn with_bodies(change: impl Fn(Bytes) -> Body + Send + Sync + 'static) -> Between {
    let change = Arc::new(change);
    Arc::new(move |request, next| {
        let change = Arc::clone(&change);
        Box::pin(async move {
            let response = next.run(request).await;
            let (parts, body) = response.into_parts();
            let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
            let body = if bytes.len() > 100_000 { change(bytes) } else { Body::from(bytes) };
            Response::from_parts(parts, body)
        })
    })
}

/// A body that breaks off after so many bytes.
fn cut(bytes: Bytes, at: usize) -> Body {
    let pieces = [Ok(bytes.slice(..at)), Err(std::io::Error::other("the line is dead"))];
    Body::from_stream(futures::stream::iter(pieces).then(|piece| async {
        // Lets the first piece leave before the connection breaks.
        tokio::task::yield_now().await;
        piece
    }))
}

#[tokio::test]
async fn goes_on_where_the_connection_broke() {
    let between = with_bodies(|bytes| if bytes.len() > 1_200_000 { cut(bytes, 1_000_000) } else { Body::from(bytes) });
    let (peer, log, remote, _guard) = filled(between).await;
    let (_folder, store) = store();
    pull(&peer, &remote, &store).await.unwrap();
    store.package(&remote.description.digest).unwrap().verify().unwrap();

    let wanted = weights(&remote).digest.to_string();
    let ranges: Vec<_> =
        log.lock().unwrap().iter().filter(|seen| seen.path.contains(&wanted)).map(|s| s.range.clone()).collect();
    assert!(ranges.len() >= 3, "{ranges:?}");
    assert_eq!(ranges[0], None);
    assert!(
        ranges[1..].iter().all(|range| range.as_ref().is_some_and(|text| !text.starts_with("bytes=0-"))),
        "{ranges:?}"
    );
}

#[tokio::test]
async fn goes_on_where_another_process_stopped() {
    let (peer, log, remote, _guard) = filled(Arc::new(|request, next| Box::pin(next.run(request)))).await;
    let (_folder, store) = store();
    let blob = weights(&remote);
    begin(&store, &remote, &Sample::default().weights[..1_234_567]);
    pull(&peer, &remote, &store).await.unwrap();
    store.package(&remote.description.digest).unwrap().verify().unwrap();
    let wanted = blob.digest.to_string();
    let ranges: Vec<_> =
        log.lock().unwrap().iter().filter(|seen| seen.path.contains(&wanted)).map(|s| s.range.clone()).collect();
    assert_eq!(ranges, [Some("bytes=1234567-".to_owned())]);
}

#[tokio::test]
async fn starts_again_when_what_is_left_is_damaged() {
    let (peer, _, remote, _guard) = filled(Arc::new(|request, next| Box::pin(next.run(request)))).await;
    let (_folder, store) = store();
    begin(&store, &remote, &[0; 50_000]);
    pull(&peer, &remote, &store).await.unwrap();
    store.package(&remote.description.digest).unwrap().verify().unwrap();
}

/// Leaves behind what a process that was killed leaves.
fn begin(store: &Store, remote: &Remote, bytes: &[u8]) {
    let blob = weights(remote);
    let session = store.session().unwrap();
    let Ingest::Wanted(mut writer) = session.ingest(&blob.digest, blob.size).unwrap() else { panic!("an empty store") };
    writer.write(bytes).unwrap();
}

#[tokio::test]
async fn does_without_ranges() {
    let between: Between = Arc::new(|mut request, next| {
        request.headers_mut().remove("range");
        Box::pin(next.run(request))
    });
    let (peer, _, remote, _guard) = filled(between).await;
    let (_folder, store) = store();
    begin(&store, &remote, &Sample::default().weights[..70_000]);
    pull(&peer, &remote, &store).await.unwrap();
    store.package(&remote.description.digest).unwrap().verify().unwrap();
}

#[tokio::test]
async fn finds_a_flipped_byte() {
    let between = with_bodies(|bytes| {
        let mut bytes = bytes.to_vec();
        bytes[77_777] ^= 1;
        Body::from(bytes)
    });
    let (peer, _, remote, _guard) = filled(between).await;
    let (_folder, store) = store();
    let error = pull(&peer, &remote, &store).await.unwrap_err();
    assert!(error.is_corrupt() && !error.is_retryable(), "{error}");
    assert!(store.repositories().unwrap().is_empty());
    assert!(!store.blob_path(&weights(&remote).digest).exists());
}

#[tokio::test]
async fn gives_up_when_nothing_comes() {
    let between = with_bodies(|bytes| cut(bytes, 0));
    let (peer, log, remote, _guard) = filled(between).await;
    let (_folder, store) = store();
    let error = pull(&peer, &remote, &store).await.unwrap_err();
    assert!(error.is_transport() && error.is_retryable(), "{error}");
    let wanted = weights(&remote).digest.to_string();
    assert_eq!(log.lock().unwrap().iter().filter(|seen| seen.path.contains(&wanted)).count(), 4);
}

#[tokio::test]
async fn asks_again_when_the_registry_is_overloaded() {
    let known = Arc::new(Mutex::new(BTreeSet::new()));
    let between: Between = Arc::new(move |request, next| {
        // The first request of each kind for each blob fails; identifiers of uploads are always new.
        let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
        let path = path.split_inclusive("/uploads/").next().unwrap_or_default();
        let refuse = known.lock().unwrap().insert(format!("{} {path} {query}", request.method()));
        Box::pin(async move {
            if refuse {
                return Response::builder().status(503).header("retry-after", "0").body(Body::empty()).unwrap();
            }
            next.run(request).await
        })
    });
    let (folder, remote_store) = store();
    let (peer, _) = own_with(&remote_store, between).await;
    let package = Sample::default().write(folder.path());
    peer.client().push(&package, &PushOptions::default()).await.unwrap();
    remote_store.package(&package.digest()).unwrap().verify().unwrap();
}

#[tokio::test]
async fn says_what_the_registry_said() {
    let between: Between = Arc::new(|_, _| {
        Box::pin(async {
            let body = r#"{"errors":[{"code":"NAME_INVALID","message":"no such thing"},{"code":"UNSUPPORTED"}]}"#;
            Response::builder().status(400).body(Body::from(body)).unwrap()
        })
    });
    let (_folder, remote_store) = store();
    let (peer, _) = own_with(&remote_store, between).await;
    let error = peer.client().tags(&digits()).await.unwrap_err();
    let expected = format!(
        "cannot list the tags of {}/team/digits: the registry answered 400 (NAME_INVALID: no such thing; UNSUPPORTED)",
        peer.host
    );
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn says_that_nobody_is_there() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    drop(listener);
    let client = briq_registry::Client::new(host.parse().unwrap(), Default::default()).unwrap();
    let error = client.tags(&digits()).await.unwrap_err();
    assert!(error.is_transport());
    assert_eq!(error.to_string(), format!("cannot list the tags of {host}/team/digits"));
    assert!(std::error::Error::source(&error).is_some());
}

#[tokio::test]
async fn rejects_answers_that_make_no_sense() {
    let answers: [(&str, &str); 4] = [
        ("tags", "nonsense"),
        ("tags", r#"{"tags":3}"#),
        ("manifest", "{}"),
        ("manifest", r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","layers":[]}"#),
    ];
    for (what, answer) in answers {
        let between: Between = Arc::new(move |_, _| Box::pin(async move { Response::new(Body::from(answer)) }));
        let (_folder, remote_store) = store();
        let (peer, _) = own_with(&remote_store, between).await;
        let error = match what {
            "tags" => peer.client().tags(&digits()).await.unwrap_err(),
            _ => peer.client().describe(&digits(), "1.0.0").await.unwrap_err(),
        };
        assert!(!error.is_retryable() && !error.is_not_found(), "{answer}: {error}");
    }
}

#[tokio::test]
async fn rejects_a_tag_that_holds_another_version() {
    let between: Between = Arc::new(|mut request, next| {
        let path = request.uri().path().replace("/manifests/1.0.1", "/manifests/1.0.0");
        *request.uri_mut() = path.parse().unwrap();
        Box::pin(next.run(request))
    });
    let (peer, _, _, _guard) = filled(between).await;
    let error = peer.client().describe_version(&digits(), &"1.0.1".parse().unwrap()).await.unwrap_err();
    assert!(error.is_corrupt());
    assert!(error.to_string().ends_with("its tag holds version 1.0.0"), "{error}");
}
