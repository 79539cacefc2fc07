//! ONNX model files.
//!
//! The messages are derived by hand on `prost`, so that neither `protoc` nor a generated file is needed. What is read
//! is what Briq can carry without loss; a model with training information, sparse tensors, complex numbers or maps is
//! refused, and the error names where they are. Local functions are inlined: a graph holds none.
//!
//! ```
//! use briq_graph::{onnx, Dim, ElementType, Graph, Node, Value};
//!
//! let batch = Dim::Dynamic("batch".into());
//! let graph = Graph {
//!     name: "rectifier".into(),
//!     opset: onnx::OPSET,
//!     inputs: vec![Value::new("x", ElementType::F32, vec![batch.clone(), 3.into()])],
//!     outputs: vec![Value::new("y", ElementType::F32, vec![batch, 3.into()])],
//!     nodes: vec![Node::new("relu_1", "Relu", &["x"], &["y"])],
//!     ..Graph::default()
//! };
//! let bytes = onnx::encode(&graph)?;
//! assert_eq!(onnx::decode(&bytes)?, graph);
//! # Ok::<(), briq_graph::GraphError>(())
//! ```

mod counting;
mod datum;
mod decoding;
mod encoding;
mod inlining;
mod proto;
mod revisions;
mod tensors;

pub use datum::Datum;
pub use decoding::decode;
pub use encoding::encode;

/// The operator set that Briq writes: the first with `Gelu`.
pub const OPSET: u32 = 20;

/// The IR version that belongs to [`OPSET`] (ONNX 1.15 and later read it).
pub const IR_VERSION: i64 = 9;

/// The newest standard operator set that is read.
pub const MAX_OPSET: u32 = 24;

/// The longest model that is read, in bytes. Protocol buffers allow no more.
pub const MAX_MODEL_BYTES: usize = i32::MAX as usize;

/// The most records (nodes, names, attributes, tensors, values, axes) that a model may hold, together.
pub const MAX_RECORDS: usize = 2_000_000;

/// How deep bodies of nodes may lie within one another.
pub const MAX_DEPTH: usize = 8;

/// The most axes that a tensor may have.
pub const MAX_RANK: usize = 32;
