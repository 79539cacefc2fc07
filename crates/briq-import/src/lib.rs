//! Networks of other frameworks, read into a [`briq_graph::Graph`] with their parameters in place.
//!
//! - **Keras** ([`keras::read`]): `.h5` and `.keras` files carry the structure, so the file is all that is needed.
//! - **PyTorch** ([`pytorch::read`]) and **safetensors** ([`read_safetensors`]): such files carry parameters alone. The
//!   structure is declared as the layers of a `briq.toml`, and [`assemble`] puts the one into the other.
//! - **LoRA adapters** of `peft` ([`lora::read`]): small matrices, and the parameters of another network that they change.
//! - **ONNX** needs no importer: [`briq_graph::onnx::decode`].
//!
//! A file is data here and nothing else: a pickle's calls are noted, never carried out, and a name that has nothing to do
//! with tensors is refused. Nothing is allocated that the bytes could not fill, trees and nesting have bounds, and what
//! cannot be carried is refused by the name of the layer or tensor rather than left out. It knows nothing of how a network
//! runs, opens no file and reaches no network: bytes in, a graph out.
//!
//! ```
//! use briq_import::{Architecture, FileKind, assemble, read_safetensors, sniff};
//! use briq_spec::recipe::{Dense, Layer};
//!
//! // One neuron over three features, as `torch.nn.Linear(3, 1)` keeps it: weights are [out, in].
//! let header = br#"{"fc.bias":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"fc.weight":{"dtype":"F32","shape":[1,3],"data_offsets":[4,16]}}"#;
//! let mut file = (header.len() as u64).to_le_bytes().to_vec();
//! file.extend_from_slice(header);
//! file.extend([0.5_f32, 0.1, 0.3, 0.2].iter().flat_map(|number| number.to_le_bytes()));
//! assert_eq!(sniff(&file), Some(FileKind::Safetensors));
//!
//! let layers = [Layer::Dense(Dense { units: 1, activation: None, bias: true })];
//! let architecture = Architecture { name: "neuron", layers: &layers, ..Architecture::default() };
//! let network = assemble(&read_safetensors(&file)?, &architecture)?;
//! assert_eq!(network.matched, [("fc".to_owned(), "dense_1".to_owned())]);
//! # Ok::<(), briq_import::ImportError>(())
//! ```
//!
//! Foreign types in the public interface: [`briq_graph::Graph`], [`briq_graph::ElementType`],
//! [`briq_spec::recipe::Layer`], [`briq_spec::manifest::AdapterUpdate`].

mod error;
mod sniff;
mod tensor;

mod archive;
mod cursor;
mod hdf5;
mod pickle;

mod matching;
mod state;

pub mod keras;
pub mod lora;
pub mod pytorch;

pub use error::{ImportError, ImportErrorKind};
pub use matching::{Architecture, Assembled, assemble};
pub use sniff::{FileKind, expect, sniff};
pub use state::{StateDict, read_safetensors};
pub use tensor::Tensor;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
