//! A server on a port of its own, and a plain client.

use std::path::Path;

use briq_package::{Draft, Package};
use briq_spec::Sha256Digest;
use briq_store::Store;
use reqwest::{Method, RequestBuilder};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub(crate) struct Server {
    pub(crate) host: String,
    pub(crate) store: Store,
    pub(crate) folder: tempfile::TempDir,
    http: reqwest::Client,
    _stop: oneshot::Sender<()>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::over(folder).await
    }

    /// A server over a store that may have been used before.
    pub(crate) async fn over(folder: tempfile::TempDir) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let store = Store::open(folder.path().join("store")).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let (stop, stopped) = oneshot::channel();
        tokio::spawn(briq_registry_server::serve(listener, store.clone(), async { drop(stopped.await) }));
        Self { host, store, folder, http: reqwest::Client::new(), _stop: stop }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("http://{}{path}", self.host))
    }

    /// The status of a request, and its answer.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: &[u8]) -> (u16, String) {
        let response = self.request(method, path).body(body.to_vec()).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// Uploads a blob in one request.
    pub(crate) async fn upload(&self, bytes: &[u8]) -> Sha256Digest {
        let digest = digest(bytes);
        let (status, answer) = self.ask(Method::POST, &format!("/v2/a/blobs/uploads/?digest={digest}"), bytes).await;
        assert_eq!(status, 201, "{answer}");
        digest
    }
}

pub(crate) fn digest(bytes: &[u8]) -> Sha256Digest {
    Sha256Digest::from_bytes(Sha256::digest(bytes).into())
}

/// A header of an answer.
pub(crate) fn header<'a>(response: &'a reqwest::Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

pub(crate) fn package(folder: &Path, version: &str, weights: &[u8]) -> Package {
    let mut manifest = briq_package::example::manifest();
    manifest.version = version.parse().unwrap();
    let mut draft = Draft::new(manifest);
    draft.add_bytes("model.onnx".parse().unwrap(), b"the structure".to_vec()).unwrap();
    draft.add_bytes("weights-00001-of-00001.safetensors".parse().unwrap(), weights.to_vec()).unwrap();
    let path = folder.join(format!("digits-{version}-{}.briq", weights.len()));
    draft.write(&path).unwrap();
    Package::open(&path).unwrap()
}
