//! The words of Briq: manifest, recipe, reference, lock file, deployment.
//!
//! This crate is types, their text forms and their rules. It stands below every other crate of Briq, so that a tool
//! that only wants to read a manifest or check a `briq.toml` pulls in nothing else.
//!
//! It opens no file, no socket and computes no digest. What it reads comes from outside: limits are checked before
//! anything is built, unknown fields are refused, and an error says what was wrong with which text.
//!
//! ```
//! use briq_spec::reference::{Reference, Selector};
//! use briq_spec::semver::Version;
//!
//! let reference: Reference = "models.example:5000/vision/digits@^1.2".parse()?;
//! let Reference::Package { registry, name, .. } = &reference else { panic!("not a file") };
//! assert_eq!(registry.as_deref(), Some("models.example:5000"));
//! assert_eq!(name.short(), "digits");
//! assert!(reference.selects(&Version::new(1, 9, 0)));
//! assert!(!reference.selects(&Version::new(2, 0, 0)));
//! # Ok::<(), briq_spec::SpecError>(())
//! ```
//!
//! Foreign types in the public interface: [`semver`]'s (re-exported), `serde` and `schemars` implementations.

mod error;
mod text;

pub mod digest;
pub mod name;

pub mod bump;
pub mod entry;
pub mod signature;

pub mod lineage;
pub mod manifest;
pub mod provenance;
pub mod recipe;

pub mod lock;
pub mod reference;
pub mod variant;

pub mod control;
pub mod deployment;
pub mod policy;

pub mod schema;

pub use semver;

pub use crate::bump::Bump;
pub use crate::digest::{Blake3Digest, Sha256Digest};
pub use crate::entry::EntryPath;
pub use crate::error::{SpecError, SpecErrorKind};
pub use crate::manifest::Manifest;
pub use crate::name::{Alias, PackageName};
pub use crate::policy::Policy;
pub use crate::recipe::{Recipe, RecipeError};
pub use crate::reference::{Reference, Selector};
pub use crate::signature::{DataType, Signature, TensorSpec};
pub use crate::variant::{Machine, Variant};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
