//! Behaviour of the store.

#![expect(clippy::unwrap_used, reason = "a test that cannot prepare its ground should stop")]

mod artifact;
mod concurrency;
mod gc;
mod home;
mod ingest;
mod publish;
mod resolve;
mod samples;
mod scale;
mod sealed;
mod sharing;
mod skopeo;
mod stress;
