//! An OCI registry over a Briq store, to be embedded.
//!
//! A store has all that a registry needs; this crate adds the protocol, so that the models of one machine can be
//! pulled on the whole network, by Briq, `skopeo`, `oras` or a container runtime, and pushed to. It keeps no state
//! beside the store: several servers, and programs that publish directly, may use the same one.
//!
//! OCI distribution 1.1: pull with ranges, push at once or in pieces, mount, tags with paging, referrers, deletion of
//! manifests. A Briq package under the tag of its version is published by the store's rules, so nobody can overwrite
//! it or break its signature; every other tag moves freely.
//!
//! It refuses digests other than SHA-256 and manifests over 4 MiB. It has no authentication and no TLS: it belongs on
//! a trusted network or behind a proxy that has both.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use briq_store::Store;
//!
//! # let folder = tempfile::tempdir()?;
//! let store = Store::open(folder.path().join("store"))?;
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
//! let server = tokio::spawn(briq_registry_server::serve(listener, store, async { drop(stopped.await) }));
//! stop.send(()).expect("the server waits for it");
//! server.await??;
//! # Ok(())
//! # }
//! ```

use std::future::Future;

use axum::Router;
use axum::extract::Request;
use briq_store::Store;
use tokio::net::TcpListener;

mod blobs;
mod manifests;
mod tags;

mod error;
mod range;
mod route;
mod service;
mod task;
mod upload;

/// The registry as a service that can stand beside others: it answers everything under `/v2/`.
pub fn router(store: Store) -> Router {
    Router::new().fallback(move |request: Request| service::answer(store.clone(), request))
}

/// Serves until `stop` is done, then finishes the requests that are under way.
///
/// # Errors
/// The listener fails.
pub async fn serve(
    listener: TcpListener,
    store: Store,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router(store)).with_graceful_shutdown(stop).await
}
