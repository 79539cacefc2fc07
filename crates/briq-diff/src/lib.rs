//! What differs between two packages.
//!
//! [`compare`] looks at everything that a package holds: the fields of its manifest, its signature, the structure of
//! its network, each tensor, its metrics and its entries. The result is plain data; [`text`] shows it to people,
//! [`picture`] draws it, and it serialises as JSON. Tensors are compared in double precision from the memory map, on all
//! cores, in one pass; those whose bytes are the same by the digests of the manifests are not read.
//!
//! It runs no network, opens no file and no socket: packages come in open.
//!
//! ```
//! use briq_diff::figures::figures;
//! use briq_graph::ElementType;
//!
//! let bytes = |numbers: [f32; 3]| numbers.map(f32::to_le_bytes).concat();
//! let found = figures((ElementType::F32, &bytes([3.0, 4.0, 0.0])), (ElementType::F32, &bytes([3.0, 4.0, 2.0])));
//! let found = found.expect("numbers of single precision can be compared");
//! assert_eq!((found.changed, found.largest, found.relative()), (1, 2.0, Some(0.4)));
//! ```
//!
//! Foreign types in the public interface: [`briq_package::Package`], [`briq_graph::ElementType`], `serde` implementations.

mod error;

mod fields;
pub mod figures;
mod structure;
mod tensors;

mod difference;

mod number;
mod picture;
mod text;

pub use crate::difference::{
    Difference, EntryDifference, Metric, Side, SignatureChange, SignatureDifference, Structure, StructureChange,
    compare,
};
pub use crate::error::DiffError;
pub use crate::fields::Field;
pub use crate::picture::picture;
pub use crate::tensors::{Form, State, TensorDifference};
pub use crate::text::text;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
