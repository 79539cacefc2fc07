//! Fetching a package into a store.

use std::collections::BTreeMap;
use std::sync::Arc;

use briq_store::{Published, Repository, Store};
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::client::{Client, Remote};
use crate::error::RegistryError;
use crate::progress::{Meter, Progress};
use crate::push::PARALLEL;
use crate::task::blocking;
use crate::update::Plan;

impl Client {
    /// Fetches a package into a store, under this registry's name.
    ///
    /// Blobs that the store has, from whatever package, are not fetched. Of others come only the parts that neither
    /// another version of the package has, nor the one that it was fine-tuned from, where these are in the store and the
    /// registry has a [chunk index](briq_package::chunks). Where the registry has a [delta](briq_package::parcel) from a package that
    /// is in the store, and it is shorter than those parts, it comes in their place. A transfer that was cut off goes on where it stopped, also in another
    /// process. SHA-256 is checked while the bytes stream; the version appears at the end, in one step.
    ///
    /// # Errors
    /// Bytes are not what their digest says (`is_corrupt`), the store holds other bytes for the version
    /// (`is_conflict`), the disk refuses, or the network fails several times without any progress.
    pub async fn pull(&self, remote: &Remote, store: &Store, progress: &Progress) -> Result<Published, RegistryError> {
        let repository = Repository::remote(self.endpoint().host(), remote.repository.clone());
        let doing = format!("pull {repository} {}", remote.description.version);
        let session = {
            let store = store.clone();
            blocking(move || store.session()).await.map_err(RegistryError::store(&doing))?
        };
        let session = Arc::new(session);
        let links = std::iter::once(&remote.description.config).chain(remote.description.blobs());
        let blobs: BTreeMap<_, _> = links.map(|blob| (blob.digest, blob.clone())).collect();
        let meter = Meter::start(progress, blobs.values().map(|blob| blob.size));
        let fetch = |blob, update| self.fetch(&remote.repository, blob, &session, meter.blob(), update);
        // First of all, for it says what the package was fine-tuned from.
        let first = &remote.description.manifest;
        fetch(first, Arc::default()).await?;
        let Plan { update, delta } = self.plan(remote, store, progress).await;
        if let Some(delta) = delta
            && let Err(error) = self.use_delta(remote, delta, store, &session, meter.blob()).await
        {
            progress.warn("the delta is of no use, so what is missing is fetched without it", &error);
        }
        let others = blobs.values().filter(|blob| blob.digest != first.digest);
        let fetches = others.map(|blob| fetch(blob, Arc::clone(&update)));
        stream::iter(fetches).buffer_unordered(PARALLEL).try_collect::<()>().await?;
        let manifest = remote.bytes.clone();
        blocking(move || session.adopt(&repository, &manifest)).await.map_err(RegistryError::store(doing))
    }
}
