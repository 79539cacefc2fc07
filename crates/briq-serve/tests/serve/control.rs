//! The control socket speaks one JSON object on each line.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use briq_serve::{Options, PreparedListener, ServeErrorKind, Server};
use briq_spec::control::{Phase, Request, Response};
use reqwest::StatusCode;
use tempfile::TempDir;

use crate::engines::{self, digest};
use crate::harness::{Running, options, start_with, x};

struct Supervisor(BufReader<UnixStream>);

impl Supervisor {
    fn connect(path: &Path) -> Self {
        Self(BufReader::new(UnixStream::connect(path).unwrap()))
    }

    fn line(&mut self, line: &str) -> Response {
        writeln!(self.0.get_mut(), "{line}").unwrap();
        let mut answer = String::new();
        self.0.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap()
    }

    fn ask(&mut self, request: &Request) -> Response {
        self.line(&serde_json::to_string(request).unwrap())
    }

    fn swap(&mut self, revision: u64, version: &str) -> Response {
        let digest = digest(version).parse().unwrap();
        self.ask(&Request::Swap { revision, digest, home: PathBuf::from("/home") })
    }
}

async fn controlled() -> (Running, Supervisor, TempDir) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("server.sock");
    let server = start_with(Options { control: Some(path.clone()), ..options(&["v1"]) }, engines::load).await;
    (server, Supervisor::connect(&path), folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_learns_the_state() {
    let (server, mut supervisor, folder) = controlled().await;
    server.infer("affine", &x([1.0, 2.0])).await;
    let Response::State(state) = supervisor.ask(&Request::State) else { panic!("not a state") };
    let model = state.model.unwrap();
    assert_eq!((state.phase, state.pid, state.http), (Phase::Ready, std::process::id(), Some(server.address)));
    assert_eq!((state.requests, state.failures), (1, 0));
    assert_eq!((model.name.to_string(), model.version.to_string()), ("affine".to_owned(), "1.0.0".to_owned()));
    assert_eq!((model.digest.to_string(), model.revision), (digest("1.0.0"), 0));
    let mode = std::fs::metadata(folder.path().join("server.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_swaps_and_is_refused() {
    let (server, mut supervisor, _folder) = controlled().await;
    assert!(matches!(supervisor.swap(2, "1.1.0"), Response::Swapped { revision: 2, .. }));
    assert_eq!(server.infer("affine", &x([1.0, 2.0])).await.1["model_version"], "1.1.0");
    let Response::Refused { reason } = supervisor.swap(3, "1.2.0") else { panic!("not refused") };
    assert!(reason.starts_with("the model failed its golden proof: golden example 0"), "{reason}");
    let Response::Refused { reason } = supervisor.swap(4, "9.9.9") else { panic!("not refused") };
    assert!(reason.contains("no model `blake3:"), "{reason}");
    let Response::State(state) = supervisor.ask(&Request::State) else { panic!("not a state") };
    assert_eq!(state.model.unwrap().revision, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_drains() {
    let (server, mut supervisor, folder) = controlled().await;
    assert_eq!(supervisor.ask(&Request::Drain), Response::Draining);
    assert!(server.stop_when_ended().await.is_ok());
    assert!(!folder.path().join("server.sock").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn rejects_lines_that_are_no_request_and_goes_on() {
    let (server, mut supervisor, folder) = controlled().await;
    for line in ["", "{}", "[1,2", "{\"op\":\"explode\"}", "{\"op\":\"swap\",\"revision\":-1}"] {
        let Response::Refused { reason } = supervisor.line(line) else { panic!("not refused: {line}") };
        assert!(reason.starts_with("not a request"), "{reason}");
    }
    let mut endless = UnixStream::connect(folder.path().join("server.sock")).unwrap();
    // The server stops reading at its limit and closes, so that the rest may not be taken any more.
    let _ = endless.write_all(&vec![b'x'; 1 << 20]);
    assert!(matches!(supervisor.ask(&Request::State), Response::State(_)));
    assert_eq!(server.infer("affine", &x([1.0, 2.0])).await.0, StatusCode::OK);
}

fn bind(control: PathBuf) -> Result<Server, briq_serve::ServeError> {
    let listener = PreparedListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    Server::bind(listener, engines::load, Options { control: Some(control), ..options(&["v1"]) })
}

#[test]
fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("server.sock");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let first = bind(path.clone()).unwrap();
    let error = bind(path.clone()).err().unwrap();
    assert!(matches!(error.kind(), ServeErrorKind::ControlTaken));
    drop(first);
    assert!(!path.exists());
}

#[test]
fn a_port_in_use_is_said_with_a_hint() {
    let first = PreparedListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let error = PreparedListener::bind(first.address()).unwrap_err();
    assert!(error.is_address_in_use());
    assert_eq!(error.to_string(), format!("listen on {}", first.address()));
    assert!(error.hint().unwrap().contains("another port"));
}
