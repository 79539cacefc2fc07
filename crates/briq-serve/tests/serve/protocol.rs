//! The Open Inference Protocol in JSON.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::{start, x};

#[tokio::test]
async fn the_server_tells_of_itself() {
    let server = start(&["v1"]).await;
    let (status, metadata) = server.get("/v2").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(metadata["name"], "briq");
    assert!(metadata["extensions"].as_array().unwrap().contains(&json!("binary_tensor_data")));
    assert_eq!(server.get("/v2/health/live").await, (StatusCode::OK, json!({"live": true})));
    assert_eq!(server.get("/v2/health/ready").await, (StatusCode::OK, json!({"ready": true})));
}

#[tokio::test]
async fn a_model_is_described_with_and_without_its_version() {
    let server = start(&["v1"]).await;
    let (status, metadata) = server.get("/v2/models/affine").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(metadata["versions"], json!(["1.0.0"]));
    assert_eq!(metadata["platform"], "briq_plain");
    assert_eq!(metadata["inputs"], json!([{"name": "x", "datatype": "FP32", "shape": [-1, 2]}]));
    assert_eq!(metadata["outputs"], json!([{"name": "y", "datatype": "FP32", "shape": [-1, 2]}]));
    assert_eq!(server.get("/v2/models/affine/versions/1.0.0").await, (status, metadata));
    let ready = (StatusCode::OK, json!({"name": "affine", "ready": true}));
    assert_eq!(server.get("/v2/models/affine/ready").await, ready);
    assert_eq!(server.get("/v2/models/affine/versions/1.0.0/ready").await, ready);
}

#[tokio::test]
async fn the_index_lists_what_serves() {
    let server = start(&["v1", "join"]).await;
    let (status, index) = server.post("/v2/repository/index", &json!({"ready": true})).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(index[0], json!({"name": "affine", "version": "1.0.0", "state": "READY", "reason": ""}));
    assert_eq!(index[1]["name"], "join");
}

#[tokio::test]
async fn an_answer_has_the_name_the_version_the_id_and_the_outputs() {
    let server = start(&["v1"]).await;
    let mut request = x([0.5, 2.0]);
    request["id"] = json!("request 7");
    request["parameters"] = json!({"unknown": {"is": "ignored"}});
    let expected = json!({
        "model_name": "affine", "model_version": "1.0.0", "id": "request 7",
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [1, 2], "data": [2.0, 5.0]}],
    });
    assert_eq!(server.infer("affine", &request).await, (StatusCode::OK, expected.clone()));
    let versioned = server.post("/v2/models/affine/versions/1.0.0/infer", &request).await;
    assert_eq!(versioned, (StatusCode::OK, expected));
}

#[tokio::test]
async fn data_may_be_nested_and_batches_of_any_size() {
    let server = start(&["v1"]).await;
    let input = json!({"name": "x", "datatype": "FP32", "shape": [3, 2], "data": [[1, 2], [3, 4], [5, 6]]});
    let (status, answer) = server.infer("affine", &json!({"inputs": [input]})).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer["outputs"][0]["shape"], json!([3, 2]));
    assert_eq!(answer["outputs"][0]["data"], json!([3.0, 5.0, 7.0, 9.0, 11.0, 13.0]));
    assert_eq!(answer.get("id"), None);
}

#[tokio::test]
async fn byte_strings_are_json_strings() {
    let server = start(&["join"]).await;
    let words = json!({"name": "words", "datatype": "BYTES", "shape": [2], "data": ["grüß", "dich"]});
    let (_, answer) = server.infer("join", &json!({"inputs": [words], "outputs": [{"name": "text"}]})).await;
    assert_eq!(answer["outputs"][0]["data"], json!(["grüßdich"]));
}

#[tokio::test]
async fn the_best_classes_come_with_their_labels() {
    let server = start(&["softmax"]).await;
    let input = json!({"name": "x", "datatype": "FP32", "shape": [1, 3], "data": [0.0, 1.0, 0.0]});
    let output = json!({"name": "p", "parameters": {"classification": 1}});
    let (_, answer) = server.infer("softmax", &json!({"inputs": [input], "outputs": [output]})).await;
    assert_eq!(answer["outputs"][0]["datatype"], "BYTES");
    assert_eq!(answer["outputs"][0]["data"], json!(["0.576117:1:dog"]));
}

/// Sends the request and expects this status and a JSON error that contains this text.
async fn refused(request: Value, status: StatusCode, text: &str) {
    let server = start(&["v1"]).await;
    let (answered, body) = server.infer("affine", &request).await;
    let error = body["error"].as_str().unwrap();
    assert_eq!(answered, status, "{error}");
    assert!(error.contains(text), "{error}");
}

fn input(change: Value) -> Value {
    let mut request = x([1.0, 2.0]);
    for (key, value) in change.as_object().unwrap() {
        request["inputs"][0][key] = value.clone();
    }
    request
}

#[tokio::test]
async fn rejects_tensors_that_do_not_fit() {
    let cases = [
        (json!({"name": "z"}), "input `x` is missing"),
        (json!({"datatype": "FP64"}), "input `x` has datatype FP64 where the model takes FP32"),
        (json!({"datatype": "FLOAT"}), "unknown datatype `FLOAT`"),
        (json!({"shape": [2, 1]}), "input `x` has shape [2, 1] where the model takes [-1, 2]"),
        (json!({"shape": [2, 2]}), "an array has 2 elements where the shape says 4"),
        (json!({"shape": [-1, 2]}), "invalid value: integer `-1`"),
        (json!({"shape": [0, 2], "data": []}), "has no elements"),
        (json!({"shape": [1_u64 << 62, 1_u64 << 62]}), "an array has 2 elements"),
        (json!({"data": [1.0, "two"]}), "invalid type: string \"two\""),
        (json!({"data": [1.0, 1e300]}), "beyond the range of FP32"),
        (json!({"data": null}), "it has neither data nor binary_data_size"),
        (json!({"parameters": {"binary_data_size": 8}}), "it has both data and binary_data_size"),
    ];
    for (change, text) in cases {
        refused(input(change), StatusCode::BAD_REQUEST, text).await;
    }
}

#[tokio::test]
async fn rejects_outputs_that_the_model_does_not_have() {
    let mut request = x([1.0, 2.0]);
    request["outputs"] = json!([{"name": "z"}]);
    refused(request, StatusCode::BAD_REQUEST, "output `z` is unknown").await;
}

#[tokio::test]
async fn rejects_what_is_no_request() {
    refused(json!([]), StatusCode::BAD_REQUEST, "the request is not valid").await;
    refused(json!({"input": []}), StatusCode::BAD_REQUEST, "missing field `inputs`").await;
}

#[tokio::test]
async fn unknown_models_versions_and_paths_are_not_found() {
    let server = start(&["v1"]).await;
    for (path, text) in [
        ("/v2/models/digits", "unknown model `digits`; this server has affine"),
        ("/v2/models/affine/versions/9", "model `affine` has no version `9`; 1.0.0 serves"),
        ("/v2/models/affine/versions/9/ready", "no version `9`"),
        ("/v3", "there is nothing at /v3"),
        ("/v2/models/affine/%ff/ready", "nothing"),
    ] {
        let (status, body) = server.get(path).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert!(body["error"].as_str().unwrap().contains(text), "{body}");
    }
    assert_eq!(server.infer("digits", &x([1.0, 2.0])).await.0, StatusCode::NOT_FOUND);
    assert_eq!(server.post("/v2/models/affine/versions/9/infer", &x([1.0, 2.0])).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn every_error_is_json_with_the_status_that_fits() {
    let server = start(&["v1"]).await;
    assert_eq!(server.get("/v2/models/affine/infer").await.0, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(server.get("/v2/models/%ff").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(server.post("/v2/repository/models/affine/load", &json!({})).await.0, StatusCode::FORBIDDEN);
    let large = json!({"inputs": [{"name": "x".repeat(70_000), "datatype": "FP32", "shape": [1], "data": [1]}]});
    let (status, body) = server.infer("affine", &large).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(body["error"], "the body is larger than 65536 bytes");
    let compressed = server.client.post(server.url("/v2/models/affine/infer")).header("content-encoding", "gzip");
    let (status, _) = crate::harness::answer(compressed.body(x([1.0, 2.0]).to_string())).await;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}
