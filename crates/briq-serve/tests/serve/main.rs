//! A real server on a port of its own, real engines, a real client.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod engines;
mod harness;

mod binary;
mod control;
mod drain;
mod isolation;
mod malformed;
mod metrics;
mod page;
mod process;
mod protocol;
mod swap;
mod triton;
