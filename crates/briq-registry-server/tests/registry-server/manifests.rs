//! Manifests, tags and referrers.

use briq_spec::PackageName;
use reqwest::Method;
use serde_json::{Value, json};

use crate::ground::{Server, digest, header, package};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

async fn put(server: &Server, path: &str, bytes: Vec<u8>) -> reqwest::Response {
    server.request(Method::PUT, path).header("content-type", MANIFEST).body(bytes).send().await.unwrap()
}

/// A manifest whose one blob is there.
async fn image(server: &Server, text: &str, subject: Option<Value>) -> Vec<u8> {
    let blob = server.upload(text.as_bytes()).await;
    let mut manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": format!("application/{text}"),
        "config": {"mediaType": "application/x", "digest": blob.to_string(), "size": text.len()}, "layers": [],
    });
    if let Some(subject) = subject {
        manifest["subject"] = subject;
    }
    serde_json::to_vec(&manifest).unwrap()
}

#[tokio::test]
async fn serves_what_the_store_has() {
    let server = Server::start().await;
    let published = server.store.publish(&package(server.folder.path(), "1.0.0", b"w")).unwrap();
    for reference in ["1.0.0".to_owned(), published.record.manifest.to_string()] {
        let response = server.request(Method::GET, &format!("/v2/digits/manifests/{reference}")).send().await.unwrap();
        assert_eq!((response.status().as_u16(), header(&response, "content-type")), (200, MANIFEST));
        assert_eq!(header(&response, "docker-content-digest"), published.record.manifest.to_string());
        assert_eq!(digest(&response.bytes().await.unwrap()), published.record.manifest);
    }
    assert_eq!(server.ask(Method::GET, "/v2/_catalog", b"").await.1, r#"{"repositories":["digits"]}"#);
    // Another repository does not have it.
    let path = format!("/v2/other/manifests/{}", published.record.manifest);
    assert_eq!(server.ask(Method::GET, &path, b"").await.0, 404);
}

#[tokio::test]
async fn nobody_overwrites_a_version() {
    let server = Server::start().await;
    let other = Server::start().await;
    server.store.publish(&package(server.folder.path(), "1.0.0", b"one")).unwrap();
    let theirs = other.store.publish(&package(other.folder.path(), "1.0.0", b"other")).unwrap();
    let bytes = other.store.manifest(&theirs.record.manifest).unwrap();
    let lacking = put(&server, "/v2/digits/manifests/1.0.0", bytes.clone()).await;
    assert_eq!(lacking.status(), 404);
    assert!(lacking.text().await.unwrap().contains("MANIFEST_BLOB_UNKNOWN"));

    for blob in std::fs::read_dir(other.store.root().join("blobs/sha256")).unwrap() {
        server.upload(&std::fs::read(blob.unwrap().path()).unwrap()).await;
    }
    let refused = put(&server, "/v2/digits/manifests/1.0.0", bytes.clone()).await;
    assert_eq!(refused.status(), 409);
    assert!(refused.text().await.unwrap().contains("DENIED"));
    assert_eq!(put(&server, "/v2/digits/manifests/9.9.9", bytes.clone()).await.status(), 400);
    let plain = image(&server, "plain", None).await;
    assert_ne!(put(&server, "/v2/digits/manifests/1.0.0", plain).await.status(), 201);

    assert_eq!(put(&server, "/v2/team/digits/manifests/1.0.0", bytes.clone()).await.status(), 201);
    let name: PackageName = "team/digits".parse().unwrap();
    assert_eq!(server.store.versions(&name).unwrap()[0].digest, theirs.record.digest);
    assert_eq!(put(&server, "/v2/team/digits/manifests/latest", bytes).await.status(), 201);
    let alias = server.store.aliases(&name).unwrap();
    assert_eq!(alias["latest"].to_string(), "1.0.0");
}

#[tokio::test]
async fn moves_other_tags_and_pages_them() {
    let server = Server::start().await;
    for tag in ["b", "a", "c", "a"] {
        let bytes = image(&server, tag, None).await;
        assert_eq!(put(&server, &format!("/v2/x/manifests/{tag}"), bytes).await.status(), 201);
    }
    assert_eq!(server.ask(Method::GET, "/v2/x/tags/list", b"").await.1, r#"{"name":"x","tags":["a","b","c"]}"#);
    let page = server.request(Method::GET, "/v2/x/tags/list?n=2").send().await.unwrap();
    assert_eq!(header(&page, "link"), "</v2/x/tags/list?n=2&last=b>; rel=\"next\"");
    assert_eq!(server.ask(Method::GET, "/v2/x/tags/list?n=2&last=b", b"").await.1, r#"{"name":"x","tags":["c"]}"#);
    assert_eq!(server.ask(Method::DELETE, "/v2/x/manifests/b", b"").await.0, 202);
    assert_eq!(server.ask(Method::DELETE, "/v2/x/manifests/b", b"").await.0, 404);
}

#[tokio::test]
async fn lists_referrers() {
    let server = Server::start().await;
    let subject = image(&server, "subject", None).await;
    let of = json!({"mediaType": MANIFEST, "digest": digest(&subject).to_string(), "size": subject.len()});
    put(&server, "/v2/x/manifests/1", subject.clone()).await;
    for text in ["one", "two"] {
        let bytes = image(&server, text, Some(of.clone())).await;
        let pushed = put(&server, &format!("/v2/x/manifests/{}", digest(&bytes)), bytes).await;
        assert_eq!(
            (pushed.status().as_u16(), header(&pushed, "oci-subject")),
            (201, digest(&subject).to_string().as_str())
        );
    }
    let path = format!("/v2/x/referrers/{}", digest(&subject));
    let list = async |query: &str| {
        let response = server.request(Method::GET, &format!("{path}{query}")).send().await.unwrap();
        let filtered = header(&response, "oci-filters-applied").to_owned();
        let index: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        let mut types: Vec<_> = index["manifests"]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| m["artifactType"].as_str().unwrap().to_owned())
            .collect();
        types.sort();
        (filtered, types)
    };
    assert_eq!(list("").await, (String::new(), vec!["application/one".into(), "application/two".into()]));
    assert_eq!(list("?artifactType=application/two").await, ("artifactType".into(), vec!["application/two".into()]));
    let nothing = digest(b"nothing");
    assert_eq!(server.ask(Method::GET, &format!("/v2/x/referrers/{nothing}"), b"").await.0, 200);
}

#[tokio::test]
async fn rejects_what_is_no_manifest() {
    let server = Server::start().await;
    for bytes in [b"{".to_vec(), br#"{"schemaVersion":1}"#.to_vec()] {
        assert_eq!(put(&server, "/v2/x/manifests/1", bytes).await.status(), 400);
    }
    let other = format!("/v2/x/manifests/{}", digest(b"other"));
    assert_eq!(put(&server, &other, b"{}".to_vec()).await.status(), 400);
    let large = vec![b' '; (4 << 20) + 1];
    assert_eq!(server.ask(Method::PUT, "/v2/x/manifests/1", &large).await.0, 413);
}
