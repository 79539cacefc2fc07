//! Network graphs: what a network is, apart from what runs it.
//!
//! A [`Graph`] is nodes that compute named values. It comes from an ONNX file ([`onnx::decode`]) or from the layers that
//! `briq.toml` declares ([`layers::build`]), knows its shapes ([`shape::infer`]) and the order in which it is carried out
//! ([`plan::Plan`]), keeps its tensors in safetensors shards ([`weights`]), and goes back into an ONNX file
//! ([`onnx::encode`]) that ONNX Runtime runs beside those shards.
//!
//! It computes nothing: no tensor arithmetic, no training, no device. It opens no file and no socket: bytes come in,
//! bytes go out. What it reads is not trusted: limits are named and checked, and what cannot be carried without loss is
//! refused with an error that names the node or tensor.
//!
//! ```
//! use std::collections::BTreeMap;
//! use briq_graph::layers::{build, LayerInput};
//! use briq_graph::{onnx, plan::Plan, weights};
//! use briq_spec::recipe::{Dense, Layer};
//!
//! // One neuron over three features: declared, filled, written.
//! let neuron = Layer::Dense(Dense { units: 1, activation: None, bias: true });
//! let input = LayerInput { name: "input".into(), shape: vec![3] };
//! let mut network = build("neuron", &[neuron], &input, None)?;
//!
//! let weight: Vec<u8> = [0.1_f32, 0.3, 0.2].iter().flat_map(|number| number.to_le_bytes()).collect();
//! let bias = 0.5_f32.to_le_bytes();
//! let tensors = [("dense_1.weight", vec![3, 1], weight.as_slice()), ("dense_1.bias", vec![1], bias.as_slice())];
//! let tensors = tensors.each_ref().map(|(name, shape, data)| weights::Tensor::f32(name, shape, data));
//! let mut shard = Vec::new();
//! let placed = weights::write(&tensors, &BTreeMap::new(), &mut shard)?;
//! weights::externalize(&mut network.graph, &weights::shard_name(0, 1), &placed)?;
//!
//! let graph = onnx::decode(&onnx::encode(&network.graph)?)?;
//! assert_eq!(graph, network.graph);
//! assert_eq!(Plan::new(&graph)?.steps.len(), 1);
//! # Ok::<(), briq_graph::GraphError>(())
//! ```
//!
//! Foreign types in the public interface: [`briq_spec::recipe::Layer`].

mod attribute;
mod element;
mod error;
mod graph;
mod summary;

pub mod layers;
pub mod onnx;

pub mod plan;
pub mod shape;

pub mod pass;

pub mod examples;

pub mod comparison;

pub mod weights;

pub use attribute::Attribute;
pub use element::ElementType;
pub use error::{GraphError, GraphErrorKind};
pub use graph::{Data, Dim, Form, Graph, Initializer, LOGITS_KEY, Node, Value, brackets};
