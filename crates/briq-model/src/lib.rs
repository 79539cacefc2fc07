//! The Burn-based model of Briq: it runs a network graph on ndarray, flex or wgpu, trains it, evaluates it, and casts
//! the result into a package.
//!
//! The backend is a value, not a type: [`Backend`] is parsed from text and opened when the program runs, and one
//! binary holds all of them. A graph (`briq-graph`) is planned once; each node is one function over rank-erased
//! tensors, so that the same operators run under autodiff for training and without it for answering. No code is
//! generated and no toolchain is needed where a network runs.
//!
//! What it refuses: an operator that it does not know (the error names the node), a backend that this machine lacks
//! (the error says what to install), parameters whose bytes do not match their digest. It knows nothing of HTTP or
//! registries.
//!
//! ```
//! use briq_graph::{Dim, ElementType, Graph, Initializer, Node, Value};
//! use briq_model::{Backend, BurnEngine};
//!
//! // y = tanh(x · w + b), one neuron with three inputs
//! let dims = |n: usize| vec![Dim::Dynamic("batch".into()), Dim::Fixed(n)];
//! let graph = Graph {
//!     name: "neuron".into(),
//!     opset: 18,
//!     inputs: vec![Value::new("x", ElementType::F32, dims(3))],
//!     outputs: vec![Value::new("y", ElementType::F32, dims(1))],
//!     nodes: vec![
//!         Node::new("product", "MatMul", &["x", "w"], &["xw"]),
//!         Node::new("sum", "Add", &["xw", "b"], &["z"]),
//!         Node::new("activation", "Tanh", &["z"], &["y"]),
//!     ],
//!     initializers: vec![
//!         Initializer::from_f32("w", vec![3, 1], &[0.1, 0.3, 0.2]),
//!         Initializer::from_f32("b", vec![1], &[0.5]),
//!     ],
//!     ..Graph::default()
//! };
//! let engine = BurnEngine::new(&graph, Backend::Flex, |_| unreachable!("every value is in the graph"))?;
//! let y = engine.answer(&[0.5, 0.7, 0.2], 1)?;
//! assert!((y[0] - 0.6640).abs() < 1e-4);
//! # Ok::<(), briq_model::ModelError>(())
//! ```

mod adapter;
mod adapting;
mod backend;
mod card;
mod cast;
mod contents;
mod engine;
mod error;
mod evaluate;
mod examples;
mod export;
mod gpu;
mod import;
mod initialize;
mod kernel;
mod loader;
mod module;
mod network;
mod operator;
mod optimization;
mod picture;
mod project;
mod provenance;
mod reproduction;
mod runner;
mod sample;
mod shared_weights;
mod train;
mod value;
mod variant;

pub use adapter::Layered;
pub use adapting::{AdapterFiles, import_adapter};
pub use backend::{BACKENDS, Backend, BackendError, BackendReport, backends, limit_threads, machine};
pub use cast::cast;
pub use engine::BurnEngine;
pub use error::{ModelError, ModelErrorKind};
pub use evaluate::{Confusion, Evaluation, evaluate, largest};
pub use export::{Exported, export_onnx, export_safetensors};
pub use gpu::keep_tuning_in;
pub use import::{Imported, Origin, import_graph, import_onnx, source_file};
pub use loader::{engine, labels, load, optimized, structure};
pub use module::module_graph;
pub use network::Stored;
pub use operator::operators;
pub use optimization::Optimization;
pub use project::{Base, Environment, FeatureStatistics, Outcome, Parts, Project, RECIPE_FILE, Tuning};
pub use reproduction::{Likeness, Materials, Needed, likeness, needed, reimport, retrain};
pub use runner::{NodeTime, Runner};
pub use shared_weights::{clear_weights, share_weights};
pub use train::{
    Ended, EpochRecord, Examples, Gradients, History, HostParameters, Objective, Observer, Silent, Task, Trained,
    gradients, parameters, train,
};
pub use value::Mapped;
pub use variant::{HalfPrecision, Varied, Wanted, variant};
