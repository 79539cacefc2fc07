//! The crate from outside.
#![expect(clippy::unwrap_used, reason = "a test may stop at what should not happen")]

mod comparison;
mod examples;
mod functions;
mod layers;
mod many;
mod onnx;
mod pass;
mod plan;
mod robust;
mod runtime;
mod samples;
mod shape;
mod weights;
mod wire;

use briq_graph::GraphError;

/// A message with its hint, as a person sees them.
fn message(error: &GraphError) -> String {
    match error.hint() {
        Some(hint) => format!("{error}\nhint: {hint}"),
        None => error.to_string(),
    }
}
