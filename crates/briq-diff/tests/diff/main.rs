//! The crate from outside.
#![expect(clippy::unwrap_used, reason = "a test may stop at what should not happen")]

mod figures;
mod packages;
mod peer;
mod samples;
