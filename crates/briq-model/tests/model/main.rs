//! Behaviour of the model crate, each case on every backend of this build.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod adapting;
mod backends;
mod casting;
mod exports;
mod kernels;
mod module;
mod operators;
mod recipes;
mod training;
mod worked_example;
