//! A drain finishes what was begun.

use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use briq_serve::{Options, PreparedListener, Server, Source, SwapError};
use reqwest::StatusCode;

use crate::engines::{Gate, gated};
use crate::harness::{client, options, start, start_with, x};

#[tokio::test(flavor = "multi_thread")]
async fn requests_under_way_and_queued_are_finished() {
    let gate = Arc::new(Gate::default());
    let inside = Arc::clone(&gate);
    let load = move |_: &str| Ok(gated("slow", &inside));
    let server = start_with(Options { threads: 1, ..options(&["slow"]) }, load).await;
    let running = server.spawn_infer("slow", x([1.0, 0.0]));
    gate.reached(1).await;
    let queued = server.spawn_infer("slow", x([0.0, 0.0]));
    let metrics = || async { server.client.get(server.url("/metrics")).send().await.unwrap().text().await.unwrap() };
    while !metrics().await.contains("pending_request_count{model=\"slow\",version=\"1.0.0\"} 1") {}
    server.handle.drain();
    let refused = server.handle.swap(Source::new("slow")).await.unwrap_err();
    assert!(matches!(refused, SwapError::NotReady("draining")));
    gate.open();
    assert_eq!(running.await.unwrap().0, StatusCode::OK);
    assert_eq!(queued.await.unwrap().0, StatusCode::OK);
    server.stop().await.unwrap();
}

/// On a runtime of its own, which ends with the server and would take a request under way with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_its_own_ends_only_after_its_last_request() {
    let gate = Arc::new(Gate::default());
    let inside = Arc::clone(&gate);
    let load = move |_: &str| Ok(gated("slow", &inside));
    let listener = PreparedListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let server = Server::bind(listener, load, options(&["slow"])).unwrap();
    let (address, handle) = (server.address(), server.handle());
    let ended = std::thread::spawn(|| server.run());
    let url = format!("http://{address}/v2/models/slow/infer");
    let request = client().post(url).body(x([1.0, 0.0]).to_string());
    let under_way = tokio::spawn(request.send());
    gate.reached(1).await;
    handle.drain();
    while TcpStream::connect(address).is_ok() {}
    assert!(!ended.is_finished());
    gate.open();
    assert_eq!(under_way.await.unwrap().unwrap().status(), StatusCode::OK);
    ended.join().unwrap().unwrap();
}

#[tokio::test]
async fn afterwards_nobody_listens() {
    let server = start(&["v1"]).await;
    let address = server.address;
    assert_eq!(server.infer("affine", &x([1.0, 2.0])).await.0, StatusCode::OK);
    server.stop().await.unwrap();
    assert!(TcpStream::connect(address).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_never_ends_does_not_keep_the_server() {
    let gate = Arc::new(Gate::default());
    let inside = Arc::clone(&gate);
    let load = move |_: &str| Ok(gated("slow", &inside));
    let drain_timeout = Duration::from_millis(50);
    let server = start_with(Options { drain_timeout, ..options(&["slow"]) }, load).await;
    let request = server.client.post(server.url("/v2/models/slow/infer")).body(x([1.0, 0.0]).to_string());
    let hanging = tokio::spawn(request.send());
    gate.reached(1).await;
    server.stop().await.unwrap();
    hanging.abort();
    gate.open();
}
