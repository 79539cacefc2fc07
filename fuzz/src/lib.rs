//! The fuzz targets, and what they share.
//!
//! A target is a function of bytes. Each file of `fuzz_targets` has libFuzzer call one, and `tests/replay.rs` hands them
//! the inputs of `seeds`, without libFuzzer.

mod nothing;
pub mod sample;
mod signing;
pub mod targets;
