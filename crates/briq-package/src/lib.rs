//! One file that holds a neural network: written deterministically, read strictly, verified to the last byte.
//!
//! A `.briq` is an ordinary Zip whose entries are stored and aligned, so `unzip` opens it, weights are mapped from it
//! without a copy, and a program may stand before it:
//!
//! ```text
//! ┌ local header · padding ┐┌ briq.json ┐┌ header · padding ┐┌ entry ┐ …  ┌ seals ┐┌ directory ┐┌ end ┐
//!                          64-byte aligned; *.safetensors 4096                 sorted by path, briq.json first
//! ```
//!
//! The manifest `briq.json` lists every other entry with size, BLAKE3 and SHA-256; the BLAKE3 of the manifest is the
//! package's identity. Everything else in the file – headers, padding, directory – follows from the entries: the
//! reader renders what the writer would have written and compares. So there is one file for one content, and no byte
//! that can be changed unnoticed.
//!
//! What it refuses: compression, encryption, links, data descriptors, comments, duplicate, overlapping, undeclared,
//! missing or unsorted entries, headers that disagree, paths that lead outside, anything before (unless declared) or
//! after. It runs no network code.
//!
//! ```
//! use briq_package::{Draft, Package};
//! # let manifest = briq_package::example::manifest();
//! # let folder = tempfile::tempdir()?;
//! let target = folder.path().join("digits-1.0.0.briq");
//! let mut draft = Draft::new(manifest);
//! draft.add_bytes("model.onnx".parse()?, b"structure".to_vec())?;
//! draft.add_bytes("weights-00001-of-00001.safetensors".parse()?, vec![0; 1000])?;
//! let written = draft.write(&target)?;
//!
//! let package = Package::open(&target)?;
//! assert_eq!(package.digest(), written.digest);
//! assert_eq!(package.verify()?.entries, 2);
//! assert_eq!(package.structure()?, b"structure");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! An open package is mapped into memory: whoever changes or truncates the file meanwhile changes what is read, or
//! ends the process. Files in a store are never changed in place.
//!
//! [`seal`] says who vouches for a package, and [`policy`] what it must bring with it; neither changes its identity.
//! [`chunks`] says of which pieces its entries are, so that an update moves only those that changed.
//!
//! Foreign types in the public interface: those of [`briq_spec`] (re-exported).

mod error;

mod extent;
mod hash;
mod zip;

mod draft;
mod source;
mod target;
mod write;
mod writer;

mod archive;
mod backing;
mod package;
mod unpack;

mod provenance;
mod sbom;

pub mod chunks;
pub mod codec;

pub mod parcel;
pub mod policy;
pub mod seal;

pub mod example;

pub use briq_spec;

pub use crate::backing::Shared;
pub use crate::draft::Draft;
pub use crate::error::{PackageError, PackageErrorKind};
pub use crate::extent::Extent;
pub use crate::package::{Options, Package, Verified};
pub use crate::provenance::{Build, BuildKind};
pub use crate::target::replace_file;
pub use crate::write::{Seal, Written};
pub use crate::zip::{MAX_SEALS, SHARD_ALIGNMENT, SMALL_ALIGNMENT};

use briq_spec::PackageName;
use briq_spec::semver::Version;

/// The file name of a package: `NAME-VERSION.briq`, of the name's last component.
pub fn file_name(name: &PackageName, version: &Version) -> String {
    format!("{}-{version}.briq", name.short())
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
