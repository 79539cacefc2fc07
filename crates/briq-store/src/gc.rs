//! Garbage collection: removes what no entry of the index reaches.

use std::collections::BTreeSet;
use std::fs::{self, DirEntry};
use std::path::Path;
use std::time::{Duration, SystemTime};

use briq_spec::Sha256Digest;

use crate::error::{StoreError, StoreErrorKind};
use crate::index;
use crate::locks;
use crate::oci::{IMAGE_INDEX, IMAGE_MANIFEST, MAX_MANIFEST_BYTES, Manifest};
use crate::store::Store;

/// What a collection removed, or would remove.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    /// Blobs that nothing reaches.
    pub blobs: u64,
    /// Partial downloads and temporary files.
    pub partials: u64,
    /// Bytes of both.
    pub bytes: u64,
}

/// How to collect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GcOptions {
    /// Leave everything that was touched within this time. A registry client uploads blobs before the manifest that
    /// reaches them, so a store that serves needs some hours here; one that does not needs none.
    pub keep_younger_than: Duration,
    /// Count only.
    pub dry_run: bool,
}

impl Store {
    /// Removes blobs that no entry reaches, and what interrupted writers left.
    ///
    /// A package that is open in some process stays readable there: its mapped files live until they are closed.
    ///
    /// # Errors
    /// Someone is adding content (`is_busy`); a manifest that must be followed is damaged, in which case nothing is
    /// removed; or the file system refuses.
    pub fn gc(&self, options: &GcOptions) -> Result<Collected, StoreError> {
        let _held = locks::own_contents(&self.layout, "collect garbage")?;
        let live = self.reachable()?;
        let mut collected = Collected::default();
        let sweep = Sweep { options, now: SystemTime::now() };
        let dead = |name: &str| !live.contains(name);
        collected.blobs = sweep.directory(&self.layout.blobs(), dead, &mut collected.bytes)?;
        collected.partials = sweep.directory(&self.layout.ingest(), |_| true, &mut collected.bytes)?;
        Ok(collected)
    }

    /// File names of the blobs that the index reaches.
    fn reachable(&self) -> Result<BTreeSet<String>, StoreError> {
        let mut live = BTreeSet::new();
        let mut pending: Vec<_> = index::read(&self.layout)?.manifests;
        while let Some(link) = pending.pop() {
            let new = live.insert(link.digest.to_hex());
            // A document of an unknown type links to nothing that image-spec defines.
            if new && [IMAGE_MANIFEST, IMAGE_INDEX].contains(&link.media_type.as_str()) {
                pending.extend(self.links(&link.digest)?);
            }
        }
        Ok(live)
    }

    fn links(&self, digest: &Sha256Digest) -> Result<Vec<crate::oci::Descriptor>, StoreError> {
        let bytes = self.layout.read_blob(digest, MAX_MANIFEST_BYTES)?;
        let manifest: Manifest = serde_json::from_slice(&bytes)
            .map_err(|error| StoreError::new(format!("read OCI manifest {digest}"), StoreErrorKind::Json(error)))?;
        Ok(manifest.links().cloned().collect())
    }

    /// Notes that a blob is in use, so that a collection with an age limit leaves it.
    ///
    /// # Errors
    /// It is not there (`is_not_found`), or belongs to another user.
    pub fn touch(&self, digest: &Sha256Digest) -> Result<(), StoreError> {
        let path = self.layout.blob(digest);
        self.open_blob(digest)?.set_modified(SystemTime::now()).map_err(StoreError::io("touch", &path))
    }
}

struct Sweep<'a> {
    options: &'a GcOptions,
    now: SystemTime,
}

impl Sweep<'_> {
    fn directory(&self, path: &Path, dead: impl Fn(&str) -> bool, bytes: &mut u64) -> Result<u64, StoreError> {
        let failed = || StoreError::io("collect", path);
        let mut count = 0;
        for file in fs::read_dir(path).map_err(failed())? {
            let file = file.map_err(failed())?;
            if dead(&file.file_name().to_string_lossy()) {
                let size = self.file(&file).map_err(failed())?;
                count += u64::from(size.is_some());
                *bytes += size.unwrap_or(0);
            }
        }
        Ok(count)
    }

    /// Removes one file, unless it is too young; its size if it went.
    fn file(&self, file: &DirEntry) -> std::io::Result<Option<u64>> {
        let metadata = file.metadata()?;
        let age = self.now.duration_since(metadata.modified()?).unwrap_or_default();
        if age < self.options.keep_younger_than {
            return Ok(None);
        }
        if !self.options.dry_run {
            fs::remove_file(file.path())?;
        }
        Ok(Some(metadata.len()))
    }
}
