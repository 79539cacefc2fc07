//! Behaviour of deployments, with real processes: the program `examples/smallest` is supervisor and server.
#![expect(clippy::unwrap_used, reason = "a test ends where it fails")]

mod concurrency;
mod crash;
mod history;
mod ledger;
mod plan;
mod rollout;
mod stage;
mod unit;
