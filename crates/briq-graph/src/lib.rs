//! Network graphs: ONNX in and out, layers declared in `briq.toml`, shape inference, plans, weights.

pub mod layers;
pub mod onnx;
pub mod plan;
pub mod shape;
pub mod weights;

mod attribute;
mod element;
mod error;
mod graph;

pub use attribute::Attribute;
pub use element::ElementType;
pub use error::{GraphError, GraphErrorKind};
pub use graph::{Data, Dim, Graph, Initializer, LOGITS_KEY, Node, Value, brackets};
