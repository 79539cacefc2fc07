//! A drain finishes what was begun.

use std::sync::Arc;
use std::time::Duration;

use briq_serve::{Options, Source, SwapError};
use reqwest::StatusCode;

use crate::engines::{Gate, gated};
use crate::harness::{options, start, start_with, x};

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

#[tokio::test]
async fn afterwards_nobody_listens() {
    let server = start(&["v1"]).await;
    let address = server.address;
    assert_eq!(server.infer("affine", &x([1.0, 2.0])).await.0, StatusCode::OK);
    server.stop().await.unwrap();
    assert!(std::net::TcpStream::connect(address).is_err());
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
