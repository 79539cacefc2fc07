//! A server that runs while a test asks it.

use std::net::SocketAddr;

use briq_engine::Loader;
use briq_serve::{Handle, Options, PreparedListener, ServeError, Server, Source};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::engines;

/// A server and a client that keeps its connections.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) handle: Handle,
    pub(crate) client: Client,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ServeError>>,
}

/// Options that serve the models of these locators with little of everything.
pub(crate) fn options(locators: &[&str]) -> Options {
    let models = locators.iter().copied().map(Source::new).collect();
    Options { models, threads: 2, max_body: 64 << 10, ..Options::default() }
}

/// Starts a server of the test models and waits until it is ready.
pub(crate) async fn start(locators: &[&str]) -> Running {
    start_with(options(locators), engines::load).await
}

/// Starts a server and waits until it is ready.
pub(crate) async fn start_with(options: Options, loader: impl Loader + 'static) -> Running {
    let running = begin(options, loader);
    assert!(running.handle.ready().await);
    running
}

/// Starts a server that may not be ready yet.
pub(crate) fn begin(options: Options, loader: impl Loader + 'static) -> Running {
    let listener = PreparedListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let server = Server::bind(listener, loader, options).unwrap();
    let (address, handle) = (server.address(), server.handle());
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(server.serve(async move { drop(stopped.await) }));
    Running { address, handle, client: client(), stop, task }
}

/// A client that keeps its connections.
pub(crate) fn client() -> Client {
    // The client asks for a TLS provider even where it speaks plain HTTP; another test may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::new()
}

impl Running {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Value) {
        answer(self.client.get(self.url(path))).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        answer(self.client.post(self.url(path)).body(body.to_string())).await
    }

    pub(crate) async fn infer(&self, model: &str, body: &Value) -> (StatusCode, Value) {
        self.post(&format!("/v2/models/{model}/infer"), body).await
    }

    /// Sends an inference request in the background.
    pub(crate) fn spawn_infer(&self, model: &str, body: Value) -> JoinHandle<(StatusCode, Value)> {
        let url = self.url(&format!("/v2/models/{model}/infer"));
        tokio::spawn(answer(self.client.post(url).body(body.to_string())))
    }

    /// Waits until the server ended of itself.
    pub(crate) async fn stop_when_ended(self) -> Result<(), ServeError> {
        let ended = self.task.await.unwrap();
        drop(self.stop);
        ended
    }

    /// Drains the server and tells how it ended.
    pub(crate) async fn stop(self) -> Result<(), ServeError> {
        // The server may have ended by itself.
        let _ = self.stop.send(());
        self.task.await.unwrap()
    }
}

/// Status and JSON of an answer, whichever status it has.
pub(crate) async fn answer(request: RequestBuilder) -> (StatusCode, Value) {
    let response: Response = request.send().await.unwrap();
    let status = response.status();
    (status, json(response).await)
}

/// The JSON of an answer.
pub(crate) async fn json(response: Response) -> Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

/// A request to the `x` of an affine model.
pub(crate) fn x(values: [f32; 2]) -> Value {
    serde_json::json!({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": values}]})
}
