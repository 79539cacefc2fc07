//! A server as a process of its own: signals, and a socket that outlives it.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::fd::{AsRawFd, RawFd};
use std::process::{Child, Command, ExitStatus, Stdio};

use briq_serve::{PreparedListener, Server};
use reqwest::StatusCode;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, kill_process};

use crate::engines;
use crate::harness::{answer, client, options, x};

const FD: &str = "BRIQ_SERVE_TEST_FD";

/// Not a test by itself: the other tests run this binary again with the variable set, and this function serves.
#[test]
fn serves_when_asked() {
    let Ok(fd) = std::env::var(FD) else { return };
    let listener = PreparedListener::inherited(fd.parse().unwrap()).unwrap();
    let server = Server::bind(listener, engines::load, options(&["v1"])).unwrap();
    let handle = server.handle();
    std::thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(handle.ready());
        println!("\nready");
    });
    server.run().unwrap();
}

fn spawn(listener: &TcpListener) -> Child {
    fcntl_setfd(listener, FdFlags::empty()).unwrap();
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "process::serves_when_asked", "--nocapture"])
        .env(FD, listener.as_raw_fd().to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn wait_until_ready(child: &mut Child) {
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line == "ready"));
}

fn terminate(mut child: Child, signal: Signal) -> ExitStatus {
    kill_process(Pid::from_child(&child), signal).unwrap();
    child.wait().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_over_an_inherited_socket_refuses_no_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v2/models/affine/infer", listener.local_addr().unwrap());
    let infer = || answer(client().post(&url).body(x([1.0, 2.0]).to_string()));
    let mut first = spawn(&listener);
    wait_until_ready(&mut first);
    assert_eq!(infer().await.0, StatusCode::OK);
    assert!(!terminate(first, Signal::KILL).success());
    let between = tokio::spawn(infer());
    let mut second = spawn(&listener);
    wait_until_ready(&mut second);
    assert_eq!(between.await.unwrap().0, StatusCode::OK);
    assert!(terminate(second, Signal::TERM).success());
}

/// The server that is being replaced, played by this test, goes on getting every connection.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_an_inherited_socket_accepts_nothing_before_it_is_ready() {
    let shared = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = shared.local_addr().unwrap();
    let listener = PreparedListener::inherited(shared.as_raw_fd()).unwrap();
    let (proceed, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let loader = move |locator: &str| {
        let _ = wait.lock().unwrap().recv();
        engines::load(locator)
    };
    let server = Server::bind(listener, loader, options(&["v1"])).unwrap();
    let handle = server.handle();
    let task = tokio::spawn(server.serve(std::future::pending()));
    let older = tokio::net::TcpListener::from_std(shared).unwrap();
    for _ in 0..32 {
        let client = tokio::net::TcpStream::connect(address).await.unwrap();
        let (_, peer) = older.accept().await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
    }
    drop(older);
    proceed.send(()).unwrap();
    assert!(handle.ready().await);
    let url = format!("http://{address}/v2/models/affine/infer");
    assert_eq!(answer(client().post(&url).body(x([1.0, 2.0]).to_string())).await.0, StatusCode::OK);
    handle.drain();
    task.await.unwrap().unwrap();
}

#[test]
fn sigterm_and_sigint_drain() {
    for signal in [Signal::TERM, Signal::INT] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut child = spawn(&listener);
        wait_until_ready(&mut child);
        assert!(terminate(child, signal).success());
    }
}

#[test]
fn rejects_descriptors_that_are_no_listening_socket() {
    let file = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
    let connected = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let closed: RawFd = 1_000_000;
    for fd in [-1, 0, 2, file.as_raw_fd(), connected.as_raw_fd(), closed] {
        assert!(PreparedListener::inherited(fd).is_err(), "{fd}");
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    assert!(PreparedListener::inherited(listener.as_raw_fd()).is_ok());
    assert!(PreparedListener::inherited(listener.as_raw_fd()).is_err(), "taken twice");
}
