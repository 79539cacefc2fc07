//! The chunk index of a published package: an artifact of its own that refers to the package's manifest.

use std::sync::Arc;

use briq_package::Package;
use briq_package::chunks::{Index, MAX_INDEX_BYTES};
use briq_spec::PackageName;
use briq_store::attachment::INDEX_TYPE;
use briq_store::oci::{Annotations, Descriptor};

use crate::attaching::of_type;
use crate::client::{Client, Remote};
use crate::error::RegistryError;
use crate::push::Content;
use crate::task::blocking;

impl Client {
    /// Hangs the chunk index of a package on its manifest, unless one is among what hangs there.
    pub(crate) async fn ensure_index(
        &self,
        package: &Arc<Package>,
        repository: &PackageName,
        manifest: &[u8],
        there: &[Descriptor],
    ) -> Result<(), RegistryError> {
        if of_type(there, INDEX_TYPE).next().is_some() {
            return Ok(());
        }
        let package = Arc::clone(package);
        let index = blocking(move || Index::of(&package)).await.map_err(RegistryError::package("push a package"))?;
        if index.is_empty() {
            return Ok(());
        }
        let layer = Content::of(index.to_bytes());
        self.attach(repository, manifest, INDEX_TYPE, layer, Annotations::new()).await
    }

    /// The chunk index of a package, if it is among what hangs on it and has no more than `worth` bytes.
    pub(crate) async fn chunk_index(
        &self,
        remote: &Remote,
        links: &[Descriptor],
        worth: u64,
    ) -> Result<Option<Index>, RegistryError> {
        let doing = format!("read the chunk index of {}/{}", self.endpoint().host(), remote.repository);
        let Some(link) = of_type(links, INDEX_TYPE).next() else { return Ok(None) };
        let layer = self.attached(&doing, &remote.repository, link, INDEX_TYPE).await?;
        if layer.size > worth {
            return Ok(None);
        }
        let bytes = self.small_blob(&doing, &remote.repository, &layer, MAX_INDEX_BYTES as usize).await?;
        Index::from_bytes(&bytes).map(Some).map_err(RegistryError::package(doing))
    }
}
