//! Registries of Briq packages: resolve, lock, push, pull.
//!
//! Any registry that speaks OCI distribution 1.1 serves, unchanged: a package is an ordinary artifact there, its
//! entries ordinary blobs, its versions ordinary tags. The local store ([`briq_store`]) answers first and receives
//! what is fetched, so every package is opened from one place.
//!
//! Transfers are built for large files: blobs that the other side has are not sent, several go at once, a download
//! that was cut off goes on where it stopped, bytes are hashed while they stream, and nothing is visible before it is
//! whole. An update fetches only the parts of blobs that changed, where the package was pushed with an index of its
//! [chunks](briq_package::chunks), or a [delta](briq_package::parcel) from a package that is here, where one was pushed and is shorter. Credentials are those of `docker login` and `podman login`.
//!
//! It refuses to follow a redirect from HTTPS to HTTP, to show credentials to another host, to overwrite a published
//! version, and to use a package that its manifest does not describe. It knows nothing of tensors.
//!
//! The network is used only for references that name a host:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use briq_package::{Draft, Package};
//! use briq_registry::{Place, Progress};
//! use briq_spec::Machine;
//! use briq_store::Store;
//!
//! # let folder = tempfile::tempdir()?;
//! # let mut draft = Draft::new(briq_package::example::manifest());
//! # draft.add_bytes("model.onnx".parse()?, b"structure".to_vec())?;
//! # draft.add_bytes("weights-00001-of-00001.safetensors".parse()?, vec![0; 1000])?;
//! # let written = draft.write(&folder.path().join("digits-1.0.0.briq"))?;
//! let store = Store::open(folder.path().join("store"))?;
//! store.publish(&Package::open(&folder.path().join("digits-1.0.0.briq"))?)?;
//!
//! let resolved = briq_registry::resolve(&"digits@^1".parse()?, &store, &|| Machine::ANY).await?;
//! assert_eq!(resolved.digest, written.digest);
//! assert!(matches!(resolved.place, Place::Store));
//!
//! let package = briq_registry::open(&resolved, &store, &Progress::none()).await?;
//! assert_eq!(package.structure()?, b"structure");
//! # Ok(())
//! # }
//! ```

mod error;

mod credentials;
mod endpoint;

mod client;
mod progress;
mod pull;
mod push;
mod resolve;
mod variants;

mod attaching;
mod delta;
mod fetch;
mod indexing;
mod parts;
mod recipe;
mod update;

mod challenge;
mod referrers;
mod task;
mod transport;

pub use briq_store::attachment::{DELTA_BASE, DELTA_TYPE, INDEX_TYPE};
pub use client::{Client, MAX_TAGS, Remote};
pub use credentials::{Credentials, DockerConfig, Secret};
pub use endpoint::Endpoint;
pub use error::{RegistryError, RegistryErrorKind};
pub use progress::{Progress, Snapshot};
pub use push::{PushOptions, Pushed};
pub use resolve::{Place, Resolved, open, resolve, resolve_locked};
pub use variants::Ask;
