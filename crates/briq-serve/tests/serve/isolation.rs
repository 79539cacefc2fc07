//! One request's misfortune is its own.

use std::sync::Arc;
use std::time::Duration;

use briq_engine::EngineError;
use briq_serve::Options;
use reqwest::StatusCode;

use crate::engines::{Gate, gated, map, model};
use crate::harness::{options, start_with, x};

#[tokio::test]
async fn a_panic_is_a_500_for_its_request_alone() {
    let load = |_: &str| {
        let careful = |x: f32| if x < 0.0 { panic!("negative input") } else { x };
        Ok(model("careful", "1.0.0", map(careful)))
    };
    let server = start_with(Options { threads: 1, ..options(&["careful"]) }, load).await;
    for _ in 0..3 {
        let (status, body) = server.infer("careful", &x([-1.0, 0.0])).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(body["error"], "the model's engine panicked on this request");
        assert_eq!(server.infer("careful", &x([1.0, 0.0])).await.0, StatusCode::OK);
    }
    assert_eq!(server.handle.state().failures, 3);
    assert_eq!(server.handle.state().requests, 6);
}

#[tokio::test]
async fn an_engine_that_fails_is_a_500_with_its_reason() {
    let load = |_: &str| {
        let engine = map(|x| x);
        Ok(model("picky", "1.0.0", engine)).map(|mut model| {
            model.engine = Box::new(Failing(model.engine));
            model
        })
    };
    let server = start_with(options(&["picky"]), load).await;
    let (status, body) = server.infer("picky", &x([1.0, 0.0])).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(body["error"], "run operator Conv: the device is out of memory");
}

/// Fails on everything but zeros.
struct Failing(Box<dyn briq_engine::Engine>);

impl briq_engine::Engine for Failing {
    fn inputs(&self) -> &[briq_engine::TensorSpec] {
        self.0.inputs()
    }

    fn outputs(&self) -> &[briq_engine::TensorSpec] {
        self.0.outputs()
    }

    fn backend(&self) -> &str {
        self.0.backend()
    }

    fn infer(&self, inputs: &[briq_engine::Tensor]) -> Result<Vec<briq_engine::Tensor>, EngineError> {
        if inputs[0].as_f32()?.iter().any(|x| *x != 0.0) {
            return Err(EngineError::inference("run operator Conv").with_source("the device is out of memory"));
        }
        self.0.infer(inputs)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_is_a_503_with_retry_after() {
    let gate = Arc::new(Gate::default());
    let inside = Arc::clone(&gate);
    let load = move |_: &str| Ok(gated("slow", &inside));
    let server = start_with(Options { threads: 1, queue: 1, ..options(&["slow"]) }, load).await;
    let running = server.spawn_infer("slow", x([1.0, 0.0]));
    gate.reached(1).await;
    let queued = server.spawn_infer("slow", x([0.0, 0.0]));
    while !server
        .client
        .get(server.url("/metrics"))
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap()
        .contains("nv_inference_pending_request_count{model=\"slow\",version=\"1.0.0\"} 1")
    {}
    let url = server.url("/v2/models/slow/infer");
    let refused = server.client.post(url).body(x([0.0, 0.0]).to_string()).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(refused.text().await.unwrap(), "{\"error\":\"the queue is full\"}");
    gate.open();
    assert_eq!(running.await.unwrap().0, StatusCode::OK);
    assert_eq!(queued.await.unwrap().0, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_past_its_deadline_is_a_504() {
    let gate = Arc::new(Gate::default());
    let inside = Arc::clone(&gate);
    let load = move |_: &str| Ok(gated("slow", &inside));
    let deadline = Duration::from_millis(50);
    let server = start_with(Options { deadline, ..options(&["slow"]) }, load).await;
    let (status, body) = server.infer("slow", &x([1.0, 0.0])).await;
    assert_eq!(status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(body["error"], "the request was not answered before its deadline");
    gate.open();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_hangs_does_not_hold_up_another() {
    let gate = Arc::new(Gate::default());
    let inside = Arc::clone(&gate);
    let load = move |locator: &str| Ok(gated(locator, &inside));
    let server = start_with(Options { threads: 1, ..options(&["slow", "quick"]) }, load).await;
    let hanging = server.spawn_infer("slow", x([1.0, 0.0]));
    gate.reached(1).await;
    assert_eq!(server.infer("quick", &x([0.0, 0.0])).await.0, StatusCode::OK);
    gate.open();
    assert_eq!(hanging.await.unwrap().0, StatusCode::OK);
}
