//! The local store of Briq packages: an OCI image layout on the disk.
//!
//! A store is what a registry is, without a server: a directory of blobs named by SHA-256 and one `index.json` that
//! says which package, version or alias each manifest stands for. Any OCI tool can read it (`skopeo inspect
//! oci:STORE:digits:1.0.0`), and a published package is a CNCF ModelPack artifact, so other tools find plain files.
//! Each entry of a package is a blob of its own. Two versions that share a shard share its bytes, and a package is
//! opened from its blobs without a second copy.
//!
//! ```text
//! STORE/oci-layout                      marks the layout
//! STORE/index.json                      the truth; changed under index.lock
//! STORE/index.catalog                   of a large index.json: the same, sorted; can be made anew at any time
//! STORE/blobs/sha256/HEX                immutable
//! STORE/ingest/sha256-HEX.partial       grows under its own lock, then is renamed into blobs/
//! STORE/contents.lock                   shared by writers, exclusive for gc
//! ```
//!
//! Threads and processes may use one store at once; a process may be killed at any point. What is visible is whole.
//!
//! It refuses a second package under the same version, a signature that breaks a compatible version, and bytes that
//! are not what their digest says. It knows nothing of networks, tensors or asynchronous code.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use briq_spec::{PackageName, Selector};
//! use briq_store::Store;
//!
//! let directory = tempfile::tempdir()?;
//! let store = Store::open(directory.path().join("store"))?;
//! let digits: PackageName = "digits".parse()?;
//!
//! let error = store.resolve(&digits, &Selector::Any).expect_err("nothing was published");
//! assert!(error.is_not_found());
//! assert_eq!(error.to_string(), "cannot resolve digits: not found");
//! # Ok(())
//! # }
//! ```

mod error;
mod home;
mod repository;

mod gc;
mod session;
mod store;
mod versions;

pub mod artifact;
pub mod attachment;
pub mod oci;

mod catalog;
mod compatibility;
mod config;
mod index;
mod ingest;
mod layout;
mod locks;
mod selection;
mod table;
mod writer;

pub use compatibility::Neighbours;
pub use error::{NoHome, StoreError, StoreErrorKind};
pub use gc::{Collected, GcOptions};
pub use home::Home;
pub use index::{VersionRecord, tag_of, version_of};
pub use ingest::{Aside, BlobWriter, Ingest};
pub use repository::Repository;
pub use selection::best;
pub use session::{Published, Session, media_type_of};
pub use store::Store;
