//! A swap disturbs nobody, and a refused version changes nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use briq_engine::LoadedModel;
use briq_serve::{Source, SwapError};
use reqwest::StatusCode;
use serde_json::Value;

use crate::engines::{self, Gate, affine, gated, map, model};
use crate::harness::{options, start, start_with, x};

/// One connection that is never opened again: a close by the server is an error here.
struct Connection(BufReader<TcpStream>);

impl Connection {
    fn open(address: std::net::SocketAddr) -> Self {
        Self(BufReader::new(TcpStream::connect(address).unwrap()))
    }

    fn infer(&mut self, body: &Value) -> (u16, Value) {
        let body = body.to_string();
        let head =
            format!("POST /v2/models/affine/infer HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len());
        self.0.get_mut().write_all((head + &body).as_bytes()).unwrap();
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        let mut body = vec![0; self.length()];
        self.0.read_exact(&mut body).unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    /// Reads the headers up to the body, whose length they tell; none may announce a close.
    fn length(&mut self) -> usize {
        let mut length = None;
        for line in self.0.by_ref().lines() {
            let line = line.unwrap().to_ascii_lowercase();
            assert!(!line.starts_with("connection: close"));
            match line.strip_prefix("content-length: ") {
                Some(value) => length = value.parse().ok(),
                None if line.is_empty() => break,
                None => {}
            }
        }
        length.unwrap()
    }
}

/// What clients and test tell each other.
#[derive(Default)]
struct Signals {
    stop: AtomicBool,
    /// Clients that had an answer.
    answered: AtomicUsize,
    /// Whether any had one from the second version.
    swapped: AtomicBool,
}

/// Infers until told to stop; each answer must come whole from one version. Returns how many came from each.
fn load_until(signals: &Signals, address: std::net::SocketAddr) -> [usize; 2] {
    let mut connection = Connection::open(address);
    let mut answers = [0; 2];
    while !signals.stop.load(Ordering::Relaxed) {
        let (status, answer) = connection.infer(&x([1.0, 5.0]));
        assert_eq!(status, 200, "{answer}");
        let (version, expected) = match answer["model_version"].as_str().unwrap() {
            "1.0.0" => (0, [3.0, 11.0]),
            _ => (1, [3.0, 15.0]),
        };
        assert_eq!(answer["outputs"][0]["data"], serde_json::json!(expected));
        answers[version] += 1;
        if answers == [1, 0] {
            signals.answered.fetch_add(1, Ordering::Relaxed);
        }
        signals.swapped.fetch_or(version == 1, Ordering::Relaxed);
    }
    answers
}

/// Lets others go on until something holds.
async fn until(holds: impl Fn() -> bool) {
    while !holds() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn swapping_back_and_forth_under_load_fails_no_request_and_closes_no_connection() {
    let server = start(&["v1"]).await;
    let signals = Arc::new(Signals::default());
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let (signals, address) = (Arc::clone(&signals), server.address);
            std::thread::spawn(move || load_until(&signals, address))
        })
        .collect();
    until(|| signals.answered.load(Ordering::Relaxed) == 8).await;
    for round in 1..=40 {
        let locator = if round % 2 == 0 { "v1" } else { "v2" };
        let source = Source { locator: locator.to_owned(), revision: round };
        assert_eq!(server.handle.swap(source).await.unwrap().revision, round);
        assert_eq!(server.infer("affine", &x([0.0, 0.0])).await.0, StatusCode::OK);
        until(|| signals.swapped.load(Ordering::Relaxed)).await;
    }
    signals.stop.store(true, Ordering::Relaxed);
    let answers: Vec<_> = clients.into_iter().map(|client| client.join().unwrap()).collect();
    let state = server.handle.state();
    let sent: usize = answers.iter().flatten().sum();
    assert_eq!((state.requests as usize, state.failures), (sent + 40, 0));
}

#[tokio::test]
async fn a_version_that_fails_its_golden_proof_is_refused_and_the_old_one_serves() {
    let server = start(&["v1"]).await;
    let error = server.handle.swap(Source::new("mistaken")).await.unwrap_err();
    assert!(error.is_golden());
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(cause, "golden example 0: output `y` at index 0 is 3, expected 3.5");
    let (_, answer) = server.infer("affine", &x([1.0, 2.0])).await;
    assert_eq!(answer["model_version"], "1.0.0");
    let (_, status) = server.get("/status").await;
    let event = &status["events"][1];
    assert_eq!(event["accepted"], false);
    assert!(event["text"].as_str().unwrap().contains("expected 3.5"));
}

#[tokio::test]
async fn what_cannot_be_loaded_is_refused() {
    let server = start(&["v1"]).await;
    let refuse = async |locator: &str| server.handle.swap(Source::new(locator)).await.unwrap_err();
    assert!(matches!(refuse("damaged").await, SwapError::Load(_)));
    assert!(matches!(refuse("nowhere").await, SwapError::Load(error) if error.is_not_found()));
    assert!(matches!(refuse("explosive").await, SwapError::Panicked(text) if text == "a loader with a bug"));
    assert!(matches!(refuse("join").await, SwapError::OtherModel(name) if name == "join"));
    assert_eq!(server.infer("affine", &x([1.0, 2.0])).await.0, StatusCode::OK);
}

#[tokio::test]
async fn an_engine_that_panics_when_warmed_is_refused() {
    let load = |locator: &str| match locator {
        "v1" => engines::load("v1"),
        _ => Ok(model("affine", "2.0.0", map(|_| panic!("no kernel")))),
    };
    let server = start_with(options(&["v1"]), load).await;
    let error = server.handle.swap(Source::new("v2")).await.unwrap_err();
    assert_eq!(error.to_string(), "the model panicked while it was brought up: no kernel");
    assert_eq!(server.infer("affine", &x([1.0, 2.0])).await.0, StatusCode::OK);
}

/// A loader whose models count themselves while they are in memory.
fn counted(alive: &Arc<AtomicUsize>, gate: &Arc<Gate>) -> impl Fn(&str) -> LoadedModel + Send + Sync + 'static {
    struct Alive(Arc<AtomicUsize>);
    impl Drop for Alive {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }
    let (alive, gate) = (Arc::clone(alive), Arc::clone(gate));
    move |version| {
        alive.fetch_add(1, Ordering::SeqCst);
        let (guard, gate) = (Alive(Arc::clone(&alive)), Arc::clone(&gate));
        let pass = move |x: f32| {
            let _held = &guard;
            if x == 1.0 {
                gate.pass();
            }
            x
        };
        model("affine", version, map(pass))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_version_is_freed_after_its_last_request() {
    let (alive, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Gate::default()));
    let load = counted(&alive, &gate);
    let server = start_with(options(&["1.0.0"]), move |version: &str| Ok(load(version))).await;
    let under_way = server.spawn_infer("affine", x([1.0, 0.0]));
    gate.reached(1).await;
    server.handle.swap(Source::new("2.0.0")).await.unwrap();
    assert_eq!(alive.load(Ordering::SeqCst), 2, "the old version still has a request");
    assert_eq!(server.infer("affine", &x([0.0, 0.0])).await.1["model_version"], "2.0.0");
    gate.open();
    let (status, answer) = under_way.await.unwrap();
    assert_eq!((status, &answer["model_version"]), (StatusCode::OK, &Value::from("1.0.0")));
    while alive.load(Ordering::SeqCst) > 1 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_answered_while_a_version_loads_and_a_load_that_is_slow_stalls_none() {
    let gate = Arc::new(Gate::default());
    let inside = Arc::clone(&gate);
    let load = move |locator: &str| {
        if locator == "v2" {
            inside.pass();
        }
        engines::load(locator)
    };
    let server = start_with(options(&["v1"]), load).await;
    let handle = server.handle.clone();
    let swap = tokio::spawn(async move { handle.swap(Source::new("v2")).await });
    gate.reached(1).await;
    assert_eq!(server.infer("affine", &x([1.0, 2.0])).await.1["model_version"], "1.0.0");
    gate.open();
    assert_eq!(swap.await.unwrap().unwrap().previous, "1.0.0");
    assert_eq!(server.infer("affine", &x([1.0, 2.0])).await.1["model_version"], "1.1.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_comes_before_the_model_waits_for_it() {
    let gate = Arc::new(Gate::default());
    let inside = Arc::clone(&gate);
    let load = move |_: &str| {
        inside.pass();
        Ok(affine("1.0.0", 2.0, 1.0))
    };
    let server = crate::harness::begin(options(&["v1"]), load);
    gate.reached(1).await;
    let early = server.spawn_infer("affine", x([1.0, 2.0]));
    assert_eq!(server.get("/v2/health/live").await.0, StatusCode::OK);
    assert_eq!(server.get("/v2/health/ready").await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(server.get("/v2/models/affine").await.0, StatusCode::SERVICE_UNAVAILABLE);
    gate.open();
    assert_eq!(early.await.unwrap().0, StatusCode::OK);
}

#[tokio::test]
async fn a_server_whose_model_is_refused_ends_with_the_reason() {
    let server = crate::harness::begin(options(&["mistaken"]), engines::load);
    assert!(!server.handle.ready().await);
    let error = server.stop().await.unwrap_err();
    assert!(error.is_model());
    assert_eq!(error.to_string(), "start model `mistaken`");
    let twice = crate::harness::begin(options(&["v1", "v2"]), engines::load).stop_when_ended().await;
    assert!(twice.unwrap_err().is_model());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_request_does_not_hold_up_a_swap() {
    let gate = Arc::new(Gate::default());
    let inside = Arc::clone(&gate);
    let load = move |_: &str| Ok(gated("affine", &inside));
    let server = start_with(options(&["one"]), load).await;
    let hanging = server.spawn_infer("affine", x([1.0, 0.0]));
    gate.reached(1).await;
    server.handle.swap(Source::new("two")).await.unwrap();
    gate.open();
    assert_eq!(hanging.await.unwrap().0, StatusCode::OK);
}
