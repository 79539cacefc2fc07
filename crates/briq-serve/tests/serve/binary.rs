//! The binary tensor extension.

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Running, start, x};

const JSON_LENGTH: &str = "inference-header-content-length";

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

async fn post(server: &Running, model: &str, length: &str, body: Vec<u8>) -> Response {
    let request = server.client.post(server.url(&format!("/v2/models/{model}/infer")));
    request.header(JSON_LENGTH, length).body(body).send().await.unwrap()
}

/// JSON and binary part of an answer.
async fn parts(response: Response) -> (Value, Vec<u8>) {
    assert_eq!(response.status(), StatusCode::OK);
    let length = response.headers()[JSON_LENGTH].to_str().unwrap().parse().unwrap();
    assert_eq!(response.headers()["content-type"], "application/octet-stream");
    let body = response.bytes().await.unwrap();
    let (text, binary) = body.split_at(length);
    (serde_json::from_slice(text).unwrap(), binary.to_vec())
}

fn header(size: usize, more: Value) -> String {
    let input = json!({"name": "x", "datatype": "FP32", "shape": [1, 2], "parameters": {"binary_data_size": size}});
    let mut header = json!({"inputs": [input]});
    header.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    header.to_string()
}

#[tokio::test]
async fn binary_in_and_out() {
    let server = start(&["v1"]).await;
    let header = header(8, json!({"parameters": {"binary_data_output": true}}));
    let body = [header.as_bytes(), &floats(&[0.5, 2.0])].concat();
    let (answer, binary) = parts(post(&server, "affine", &header.len().to_string(), body).await).await;
    let output = json!({"name": "y", "datatype": "FP32", "shape": [1, 2], "parameters": {"binary_data_size": 8}});
    assert_eq!(answer["outputs"], json!([output]));
    assert_eq!(binary, floats(&[2.0, 5.0]));
}

#[tokio::test]
async fn an_output_decides_for_itself() {
    let server = start(&["v1"]).await;
    let mut request = x([0.5, 2.0]);
    request["outputs"] = json!([{"name": "y", "parameters": {"binary_data": true}}]);
    let text = request.to_string();
    let (_, binary) = parts(post(&server, "affine", &text.len().to_string(), text.into_bytes()).await).await;
    assert_eq!(binary, floats(&[2.0, 5.0]));
    request["parameters"] = json!({"binary_data_output": true});
    request["outputs"] = json!([{"name": "y", "parameters": {"binary_data": false}}]);
    let (_, answer) = server.infer("affine", &request).await;
    assert_eq!(answer["outputs"][0]["data"], json!([2.0, 5.0]));
}

#[tokio::test]
async fn a_raw_body_is_the_only_input() {
    let server = start(&["v1", "join"]).await;
    let (answer, binary) = parts(post(&server, "affine", "0", floats(&[1.0, 2.0, 3.0, 4.0])).await).await;
    assert_eq!(answer["outputs"][0]["shape"], json!([2, 2]));
    assert_eq!(binary, floats(&[3.0, 5.0, 7.0, 9.0]));
    let (_, binary) = parts(post(&server, "join", "0", b"hello".to_vec()).await).await;
    assert_eq!(binary, b"\x05\0\0\0hello");
}

#[tokio::test]
async fn not_a_number_travels_as_binary_and_is_refused_as_json() {
    let server = start(&["v1"]).await;
    let json_out = header(8, json!({}));
    let body = [json_out.as_bytes(), &floats(&[f32::NAN, 2.0])].concat();
    let response = post(&server, "affine", &json_out.len().to_string(), body.clone()).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert!(response.text().await.unwrap().contains("binary_data"));
    let (_, binary) = parts(post(&server, "affine", "0", floats(&[f32::NAN, 2.0])).await).await;
    assert!(f32::from_le_bytes(*binary.first_chunk().unwrap()).is_nan());
}

#[tokio::test]
async fn rejects_lengths_that_do_not_agree() {
    let server = start(&["v1"]).await;
    let valid = header(8, json!({}));
    let longer = header(12, json!({}));
    let length = |text: &str| text.len().to_string();
    let with = |text: &str, data: &[f32]| [text.as_bytes(), &floats(data)].concat();
    for (length, body, text) in [
        (length(&valid), with(&valid, &[1.0]), "its binary data is beyond the body"),
        (length(&valid), with(&valid, &[1.0, 2.0, 3.0]), "4 bytes of binary data belong to no input"),
        (length(&longer), with(&longer, &[1.0, 2.0, 3.0]), "its data has 12 bytes"),
        ("9999".to_owned(), with(&valid, &[1.0, 2.0]), "greater than the body"),
        ("-1".to_owned(), with(&valid, &[1.0, 2.0]), "not a number of bytes"),
        ("many".to_owned(), with(&valid, &[1.0, 2.0]), "not a number of bytes"),
        ("0".to_owned(), floats(&[1.0]), "its data has 4 bytes"),
        ("0".to_owned(), Vec::new(), "its data has 0 bytes"),
    ] {
        let response = post(&server, "affine", &length, body).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        let body = response.text().await.unwrap();
        assert!(body.contains(text), "{body}");
    }
}
