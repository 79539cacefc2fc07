//! No body, whatever it is, brings the server down or gets an answer that is not JSON.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use reqwest::StatusCode;
use tokio::runtime::Runtime;

use crate::harness::{Running, json, start, x};

static SERVER: LazyLock<(Runtime, Running)> = LazyLock::new(|| {
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(start(&["v1", "join", "softmax"]));
    (runtime, server)
});

/// Sends the body and returns the status, having checked that errors are JSON and the server lives.
fn send(model: &str, header: Option<String>, body: Vec<u8>) -> StatusCode {
    let (runtime, server) = &*SERVER;
    runtime.block_on(async {
        let mut request = server.client.post(server.url(&format!("/v2/models/{model}/infer"))).body(body);
        if let Some(header) = header {
            request = request.header("inference-header-content-length", header);
        }
        let response = request.send().await.unwrap();
        let status = response.status();
        if !status.is_success() {
            let error = json(response).await;
            assert!(error["error"].is_string());
        }
        assert_eq!(server.infer("affine", &x([1.0, 2.0])).await.0, StatusCode::OK);
        status
    })
}

fn request() -> String {
    let valid = r#"{"id":"1","parameters":{"binary_data_output":false},"inputs":[{"name":"x","shape":[1,2],
        "datatype":"FP32","parameters":{},"data":[[1.0,2.5]]}],"outputs":[{"name":"y","parameters":{"binary_data":true}}]}"#;
    valid.to_owned()
}

/// Tokens that make nearly valid requests when they replace one another.
const TOKENS: [&str; 16] = [
    "\"FP32\"",
    "\"BYTES\"",
    "\"FP16\"",
    "[1,2]",
    "[[1.0,2.5]]",
    "null",
    "-1",
    "1e999",
    "{}",
    "[]",
    "18446744073709551615",
    "\"x\"",
    "true",
    "[[[[[[1]]]]]]",
    "\"\\ud800\"",
    "0",
];

fn config() -> Config {
    Config { cases: 96, rng_seed: RngSeed::Fixed(7), failure_persistence: None, ..Config::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn arbitrary_bytes_are_refused(body in prop::collection::vec(any::<u8>(), 0..200), header in prop::option::of("[0-9]{1,21}|[-x]{1}")) {
        let whole = header.as_deref() == Some("0");
        let status = send("affine", header, body);
        prop_assert!(status == StatusCode::BAD_REQUEST || (whole && status == StatusCode::OK));
    }

    #[test]
    fn a_request_with_a_part_replaced_is_answered_or_refused(from in 0_usize..200, length in 0_usize..40, token in 0_usize..16, header in prop::option::of(0_usize..300)) {
        let mut body = request();
        let from = from.min(body.len());
        body.replace_range(from..(from + length).min(body.len()), TOKENS[token]);
        let status = send("affine", header.map(|header| header.to_string()), body.into_bytes());
        prop_assert!(status == StatusCode::OK || status == StatusCode::BAD_REQUEST, "{status}");
    }

    #[test]
    fn raw_bodies_are_answered_or_refused(body in prop::collection::vec(any::<u8>(), 0..64), model in 0_usize..3) {
        let status = send(["affine", "join", "softmax"][model], Some("0".to_owned()), body);
        prop_assert!(status == StatusCode::OK || status == StatusCode::BAD_REQUEST, "{status}");
    }

    #[test]
    fn json_data_and_binary_data_compute_the_same(values in prop::collection::vec(any::<[i16; 2]>(), 1..9)) {
        let flat: Vec<f32> = values.as_flattened().iter().map(|value| f32::from(*value)).collect();
        let input = serde_json::json!({"name": "x", "datatype": "FP32", "shape": [values.len(), 2], "data": flat});
        let raw: Vec<u8> = flat.iter().flat_map(|value| value.to_le_bytes()).collect();
        let (runtime, server) = &*SERVER;
        let answer = runtime.block_on(server.infer("affine", &serde_json::json!({"inputs": [input]}))).1;
        let request = server.client.post(server.url("/v2/models/affine/infer")).header("inference-header-content-length", "0");
        let response = runtime.block_on(request.body(raw).send()).unwrap();
        let length: usize = response.headers()["inference-header-content-length"].to_str().unwrap().parse().unwrap();
        let binary = runtime.block_on(response.bytes()).unwrap().split_off(length);
        let computed: Vec<f32> = binary.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        prop_assert_eq!(&answer["outputs"][0]["data"], &serde_json::json!(computed));
    }
}
