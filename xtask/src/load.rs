//! A load on a model server: connections that stay open, each asking again as soon as it was answered.
//!
//! A closed loop on every connection is the severest witness of a swap: a refused, reset or late answer cannot hide
//! behind a retry or behind another connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::briq::find;
use crate::http::Connection;

/// What every connection asks, again and again.
#[derive(Clone)]
pub(crate) struct Question {
    pub(crate) address: SocketAddr,
    pub(crate) path: String,
    pub(crate) body: Vec<u8>,
}

/// Connections at work.
pub(crate) struct Load {
    enough: Arc<AtomicBool>,
    began: Instant,
    workers: Vec<JoinHandle<Tally>>,
}

/// What one connection, or all together, saw.
#[derive(Default)]
pub(crate) struct Tally {
    /// The time each answered request took.
    pub(crate) latencies: Vec<Duration>,
    /// What went wrong, in the order in which it was seen.
    pub(crate) failures: Vec<String>,
    /// The versions that answered, and how often.
    pub(crate) versions: std::collections::BTreeMap<String, u64>,
    /// The length of the whole run.
    pub(crate) lasted: Duration,
}

impl Load {
    /// Opens the connections and starts asking.
    pub(crate) fn start(question: &Question, connections: usize) -> Self {
        let enough = Arc::new(AtomicBool::new(false));
        let worker = |_| {
            let (question, enough) = (question.clone(), Arc::clone(&enough));
            std::thread::spawn(move || ask_until(&question, &enough))
        };
        let workers = (0..connections).map(worker).collect();
        Self { enough, began: Instant::now(), workers }
    }

    /// Lets every connection finish its request, and adds up what they saw.
    pub(crate) fn stop(self) -> Result<Tally> {
        self.enough.store(true, Ordering::Relaxed);
        let mut total = Tally::default();
        for worker in self.workers {
            let tally = worker.join().ok().context("a connection of the load panicked")?;
            total.add(tally);
        }
        total.lasted = self.began.elapsed();
        total.latencies.sort();
        Ok(total)
    }
}

impl Tally {
    /// Requests that were sent, answered or not.
    pub(crate) fn requests(&self) -> usize {
        self.latencies.len() + self.failures.len()
    }

    /// The longest that any connection waited for an answer.
    pub(crate) fn longest(&self) -> Duration {
        self.latencies.last().copied().unwrap_or_default()
    }

    /// The time within which this fraction of the requests was answered.
    pub(crate) fn quantile(&self, fraction: f64) -> Duration {
        let index = (self.latencies.len() as f64 * fraction) as usize;
        self.latencies.get(index).copied().unwrap_or_else(|| self.longest())
    }

    /// Answered requests for each second.
    pub(crate) fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.lasted.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    fn add(&mut self, other: Tally) {
        self.latencies.extend(other.latencies);
        self.failures.extend(other.failures);
        for (version, count) in other.versions {
            *self.versions.entry(version).or_default() += count;
        }
    }
}

fn ask_until(question: &Question, enough: &AtomicBool) -> Tally {
    let mut tally = Tally::default();
    let mut connection = None;
    while !enough.load(Ordering::Relaxed) {
        let began = Instant::now();
        match ask(&mut connection, question) {
            Ok(version) => {
                tally.latencies.push(began.elapsed());
                *tally.versions.entry(version).or_default() += 1;
            }
            Err(error) => {
                tally.failures.push(format!("{error:#}"));
                connection = None;
                if tally.failures.len() > 100 {
                    break;
                }
            }
        }
    }
    tally
}

/// Asks on the open connection, and opens one only where there is none or the server had announced to close it.
fn ask(connection: &mut Option<Connection>, question: &Question) -> Result<String> {
    let mut open = match connection.take() {
        Some(open) => open,
        None => Connection::open(question.address)?,
    };
    let answer = open.ask("POST", &question.path, &question.body)?;
    if !answer.last {
        *connection = Some(open);
    }
    let text = String::from_utf8_lossy(&answer.body);
    anyhow::ensure!(answer.status == 200, "answered {}: {text}", answer.status);
    let document: Value = serde_json::from_str(&text).context("an answer that is not JSON")?;
    Ok(find(&document, "model_version").and_then(Value::as_str).unwrap_or("unnamed").to_owned())
}
