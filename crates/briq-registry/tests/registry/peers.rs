//! Registries to talk to, each on a port of its own on the loopback interface.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::Request;
use axum::http::Response;
use axum::middleware::{Next, from_fn};
use briq_registry::{Client, Credentials, Endpoint};
use briq_store::Store;
use futures::future::BoxFuture;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A registry that ends with the test.
pub(crate) struct Peer {
    pub(crate) host: String,
    end: End,
}

enum End {
    Process(Child, #[expect(dead_code, reason = "the files live as long as the process")] tempfile::TempDir),
    Task(JoinHandle<()>),
}

impl Drop for Peer {
    fn drop(&mut self) {
        match &mut self.end {
            End::Process(child, _) => {
                let _ = child.kill().and_then(|()| child.wait());
            }
            End::Task(task) => task.abort(),
        }
    }
}

impl Peer {
    pub(crate) fn client(&self) -> Client {
        self.client_as(Credentials::Anonymous)
    }

    pub(crate) fn client_as(&self, credentials: Credentials) -> Client {
        let endpoint: Endpoint = self.host.parse().unwrap();
        Client::new(endpoint, credentials).unwrap()
    }
}

/// One request that a registry saw.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) range: Option<String>,
    pub(crate) authorization: Option<String>,
}

/// What a registry saw.
pub(crate) type Log = Arc<Mutex<Vec<Seen>>>;

/// Something between the client and our registry, which may answer in its place or spoil its answer.
pub(crate) type Between = Arc<dyn Fn(Request, Next) -> BoxFuture<'static, Response<Body>> + Send + Sync>;

/// Our own registry over a store.
pub(crate) async fn own(store: &Store) -> Peer {
    own_with(store, Arc::new(|request, next| Box::pin(next.run(request)))).await.0
}

/// Our own registry, with a log of what it sees and something in between.
pub(crate) async fn own_with(store: &Store, between: Between) -> (Peer, Log) {
    let log = Log::default();
    let sink = Arc::clone(&log);
    let layer = from_fn(move |request: Request, next: Next| {
        let header = |name| Some(request.headers().get(name)?.to_str().ok()?.to_owned());
        sink.lock().unwrap().push(Seen {
            method: request.method().to_string(),
            path: request.uri().to_string(),
            range: header("range"),
            authorization: header("authorization"),
        });
        between(request, next)
    });
    let router = briq_registry_server::router(store.clone()).layer(layer);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (Peer { host, end: End::Task(task) }, log)
}

/// Debian's registry, if it is installed. `more` is appended to its configuration.
pub(crate) fn debian(more: &str) -> Option<Peer> {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().display();
    let storage = format!("storage: {{filesystem: {{rootdirectory: {root}/data}}, delete: {{enabled: true}}}}");
    let config =
        format!("version: 0.1\n{storage}\nhttp: {{addr: '127.0.0.1:0'}}\n{}", more.replace("ROOT", &root.to_string()));
    std::fs::write(folder.path().join("config.yml"), config).unwrap();
    // `secret:secret`, as `htpasswd -B` writes it.
    std::fs::write(folder.path().join("htpasswd"), HTPASSWD).unwrap();
    let spawned = Command::new("docker-registry")
        .args(["serve", &folder.path().join("config.yml").display().to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = spawned else {
        println!("skipped: docker-registry is not installed");
        return None;
    };
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let host = lines.find_map(|line| Some(line.split_once("listening on ")?.1.split('"').next()?.to_owned()));
    // The log must be read on, or the registry blocks when the pipe is full.
    std::thread::spawn(move || lines.for_each(drop));
    Some(Peer { host: host.expect("the registry says where it listens"), end: End::Process(child, folder) })
}

/// What stands for a registry and counts every byte between it and its clients, in both directions.
pub(crate) async fn counted(peer: &Peer) -> (Peer, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let (count, target) = (Arc::new(AtomicU64::new(0)), peer.host.clone());
    let sink = Arc::clone(&count);
    let task = tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&target).await.unwrap();
            let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
            tokio::spawn(pass(from_client, to_server, Arc::clone(&sink)));
            tokio::spawn(pass(from_server, to_client, Arc::clone(&sink)));
        }
    });
    (Peer { host, end: End::Task(task) }, count)
}

/// Hands on what comes until one of the sides is gone.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, count: Arc<AtomicU64>) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        count.fetch_add(length as u64, Ordering::Relaxed);
        if to.write_all(&buffer[..length]).await.is_err() {
            break;
        }
    }
}

const HTPASSWD: &str = "secret:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n";

/// Every registry there is here, with an empty store behind it.
pub(crate) async fn all() -> Vec<(Peer, Option<tempfile::TempDir>)> {
    let (folder, store) = crate::samples::store();
    let mut peers = vec![(own(&store).await, Some(folder))];
    peers.extend(debian("").map(|peer| (peer, None)));
    peers
}
