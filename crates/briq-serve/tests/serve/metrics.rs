//! Prometheus text with Triton's names.

use std::io::Write;
use std::process::{Command, Stdio};

use briq_serve::Source;
use reqwest::StatusCode;
use serde_json::json;

use crate::harness::{Running, start, x};

async fn scrape(server: &Running) -> String {
    let response = server.client.get(server.url("/metrics")).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    response.text().await.unwrap()
}

async fn used() -> Running {
    let server = start(&["v1"]).await;
    let batch = json!({"name": "x", "datatype": "FP32", "shape": [3, 2], "data": [1, 2, 3, 4, 5, 6]});
    server.infer("affine", &x([1.0, 2.0])).await;
    server.infer("affine", &json!({"inputs": [batch]})).await;
    assert_eq!(server.infer("affine", &json!({"inputs": []})).await.0, StatusCode::BAD_REQUEST);
    server.handle.swap(Source { locator: "v2".to_owned(), revision: 7 }).await.unwrap();
    server.infer("affine", &x([1.0, 2.0])).await;
    server.handle.swap(Source::new("mistaken")).await.unwrap_err();
    server
}

#[tokio::test]
async fn requests_inferences_and_swaps_are_counted_by_version() {
    let text = scrape(&used().await).await;
    for line in [
        "nv_inference_request_success{model=\"affine\",version=\"1.0.0\"} 2",
        "nv_inference_request_success{model=\"affine\",version=\"1.1.0\"} 1",
        "nv_inference_request_failure{model=\"affine\",version=\"1.0.0\",reason=\"OTHER\"} 1",
        "nv_inference_request_failure{model=\"affine\",version=\"1.0.0\",reason=\"REJECTED\"} 0",
        "nv_inference_count{model=\"affine\",version=\"1.0.0\"} 4",
        "nv_inference_exec_count{model=\"affine\",version=\"1.0.0\"} 2",
        "nv_inference_pending_request_count{model=\"affine\",version=\"1.1.0\"} 0",
        "http_server_request_duration_seconds_bucket{model=\"affine\",version=\"1.0.0\",le=\"+Inf\"} 2",
        "briq_model_revision{model=\"affine\",version=\"1.1.0\"} 7",
        "briq_swaps_total{outcome=\"accepted\"} 1",
        "briq_swaps_total{outcome=\"refused\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    for name in ["request", "queue", "compute_input", "compute_infer", "compute_output"] {
        assert!(text.contains(&format!("# TYPE nv_inference_{name}_duration_us counter")), "{name}");
    }
}

#[tokio::test]
async fn a_version_that_comes_back_goes_on_counting() {
    let server = used().await;
    server.handle.swap(Source::new("v1")).await.unwrap();
    server.infer("affine", &x([1.0, 2.0])).await;
    let text = scrape(&server).await;
    assert!(text.contains("nv_inference_request_success{model=\"affine\",version=\"1.0.0\"} 3\n"));
}

#[tokio::test]
async fn statistics_are_in_tritons_form() {
    let server = used().await;
    let (status, all) = server.get("/v2/models/stats").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(all["model_stats"].as_array().unwrap().len(), 2);
    let (_, one) = server.get("/v2/models/affine/stats").await;
    assert_eq!(one, all);
    let first = &one["model_stats"][0];
    assert_eq!((&first["version"], &first["inference_count"]), (&json!("1.0.0"), &json!(4)));
    assert_eq!(first["inference_stats"]["success"]["count"], 2);
    assert_eq!(first["inference_stats"]["fail"]["count"], 1);
    assert!(first["inference_stats"]["compute_infer"]["ns"].as_u64().unwrap() > 0);
}

/// The names end as Triton's dashboards expect, which the linter finds unusual; all else it must not find fault with.
#[tokio::test]
async fn promtool_reads_it() {
    let text = scrape(&used().await).await;
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = promtool else {
        println!("skipped: promtool is not installed");
        return;
    };
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let report = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    let faults: Vec<_> = report.lines().filter(|line| !line.starts_with("nv_inference_")).collect();
    assert!(faults.is_empty(), "{report}");
}
