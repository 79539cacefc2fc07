//! The page for people.

use reqwest::StatusCode;
use serde_json::json;

use crate::harness::start;

#[tokio::test]
async fn the_page_is_whole_in_itself() {
    let server = start(&["v1"]).await;
    let response = server.client.get(server.url("/")).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
    assert!(response.headers()["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
    let page = response.text().await.unwrap().replace("http://www.w3.org/2000/svg", "");
    for outside in ["http://", "https://", "//cdn", "@import", " src="] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[tokio::test]
async fn its_example_is_a_golden_one_and_is_answered() {
    let server = start(&["v1", "join", "softmax"]).await;
    let (status, example) = server.get("/status/affine/example").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(example["inputs"][0]["data"], json!([1.0, -2.0]));
    for model in ["affine", "join", "softmax"] {
        let (_, example) = server.get(&format!("/status/{model}/example")).await;
        assert_eq!(server.infer(model, &example).await.0, StatusCode::OK, "{model}");
    }
    assert_eq!(server.get("/status/digits/example").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_it_polls_tells_of_every_model() {
    let server = start(&["v1", "softmax"]).await;
    let (_, status) = server.get("/status").await;
    assert_eq!(status["phase"], "ready");
    let model = &status["models"][0];
    assert_eq!(
        (&model["name"], &model["version"], &model["backend"]),
        (&json!("affine"), &json!("1.0.0"), &json!("plain"))
    );
    assert_eq!(model["golden_examples"], 1);
    assert_eq!(status["models"][1]["labels"], json!(["cat", "dog", "owl"]));
    assert_eq!(status["events"][0]["text"], "1.0.0 serves");
    let bounds = status["bounds"].as_array().unwrap().len();
    assert_eq!(model["versions"][0]["cumulative"].as_array().unwrap().len(), bounds + 1);
}
