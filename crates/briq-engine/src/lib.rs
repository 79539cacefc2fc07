//! What a server needs to know of a neural network runtime, and nothing else.
//!
//! A runtime (Burn on a GPU, a hand-written kernel, a remote accelerator) implements [`Engine`]; whatever serves it
//! (an HTTP server, a command line, a test) holds a `dyn Engine` and never learns which one it is. Between the two
//! travel [`Tensor`]s: a name, a type, a shape and little-endian row-major bytes, exactly as the Open Inference
//! Protocol puts them on the wire, so that neither side has to convert what the other already has.
//!
//! A [`Loader`] turns a locator into a [`LoadedModel`]: an engine with its identity, its labels and the golden
//! examples by which it proves on this host that it computes what its author saw ([`golden::replay`]).
//!
//! This crate refuses to know about files, packages, networks, threads or any tensor library. It depends on nothing
//! that a runtime or a server would mind to have.
//!
//! # Example
//!
//! ```
//! use briq_engine::{DataType, Engine, EngineError, Tensor, TensorSpec};
//!
//! /// Computes `y = 2x`.
//! struct Doubler {
//!     inputs: Vec<TensorSpec>,
//!     outputs: Vec<TensorSpec>,
//! }
//!
//! impl Engine for Doubler {
//!     fn inputs(&self) -> &[TensorSpec] {
//!         &self.inputs
//!     }
//!     fn outputs(&self) -> &[TensorSpec] {
//!         &self.outputs
//!     }
//!     fn backend(&self) -> &str {
//!         "plain"
//!     }
//!     fn infer(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, EngineError> {
//!         let x = inputs[0].as_f32()?;
//!         let y: Vec<f32> = x.iter().map(|x| 2.0 * x).collect();
//!         Ok(vec![Tensor::from_f32("y", &inputs[0].shape, &y)])
//!     }
//! }
//!
//! let engine = Doubler {
//!     inputs: vec![TensorSpec::new("x", DataType::Fp32, &[-1])],
//!     outputs: vec![TensorSpec::new("y", DataType::Fp32, &[-1])],
//! };
//! let x = Tensor::from_f32("x", &[3], &[1.0, 2.0, 3.0]);
//! let outputs = briq_engine::infer_checked(&engine, vec![x])?;
//! assert_eq!(outputs[0].as_f32()?, [2.0, 4.0, 6.0]);
//! # Ok::<(), EngineError>(())
//! ```

mod datatype;
mod engine;
mod error;
pub mod golden;
mod model;
mod numbers;
mod spec;
mod tensor;

pub use datatype::{DataType, UnknownDataType};
pub use engine::{Engine, infer_checked};
pub use error::{EngineError, EngineErrorKind};
pub use golden::{GoldenError, GoldenErrorKind, GoldenExample, GoldenReport, Tolerance};
pub use model::{LoadedModel, Loader};
pub use spec::TensorSpec;
pub use tensor::Tensor;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
