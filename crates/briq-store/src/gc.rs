//! Garbage collection: removes what no entry of the index reaches, and no lock file or deployment names.

use std::collections::BTreeSet;
use std::fs::{self, DirEntry};
use std::path::Path;
use std::time::{Duration, SystemTime};

use briq_spec::{Blake3Digest, Sha256Digest};

use crate::artifact::Description;
use crate::error::{StoreError, StoreErrorKind};
use crate::index;
use crate::locks;
use crate::oci::{Descriptor, IMAGE_INDEX, IMAGE_MANIFEST, MAX_MANIFEST_BYTES, Manifest};
use crate::repository::Repository;
use crate::store::Store;
use crate::writer::Writer;

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
    /// Packages that lock files and deployments name. One whose version was removed stays, and is found by its digest.
    pub keep: BTreeSet<(Repository, Blake3Digest)>,
}

impl Store {
    /// Removes blobs that no entry reaches, and what interrupted writers left.
    ///
    /// What is about another manifest – its subject – and has no tag goes with its subject.
    ///
    /// A package that is open in some process stays readable there: its mapped files live until they are closed.
    ///
    /// # Errors
    /// Someone is adding content (`is_busy`); a manifest that must be followed is damaged, in which case nothing is
    /// removed; or the file system refuses.
    pub fn gc(&self, options: &GcOptions) -> Result<Collected, StoreError> {
        let _held = locks::own_contents(&self.layout, "collect garbage")?;
        let sweep = Sweep { options, now: SystemTime::now() };
        let live = self.mark(&sweep)?;
        let mut collected = Collected::default();
        let dead = |name: &str| !live.contains(name);
        collected.blobs = sweep.directory(&self.layout.blobs(), dead, &mut collected.bytes)?;
        collected.partials = sweep.directory(&self.layout.ingest(), |_| true, &mut collected.bytes)?;
        Ok(collected)
    }

    /// File names of the blobs that stay. The index names no others when this is done.
    fn mark(&self, sweep: &Sweep<'_>) -> Result<BTreeSet<String>, StoreError> {
        let writer = Writer::open(&self.layout)?;
        let before = index::read(&self.layout)?;
        let mut marked = Marked { store: self, live: BTreeSet::new() };
        let mut kept = Vec::new();
        let mut waiting = Vec::new();
        for entry in before.manifests {
            match marked.reason(&entry, sweep)? {
                Reason::Named => marked.reach(&entry).map(|()| kept.push(entry))?,
                Reason::Package(digest) if sweep.options.keep.iter().any(|(_, kept)| *kept == digest) => {
                    marked.reach(&entry)?;
                    kept.push(entry);
                }
                Reason::Package(_) => {}
                Reason::Subject(subject) => waiting.push((entry, subject)),
            }
        }
        for (repository, digest) in &sweep.options.keep {
            if !kept.iter().any(|entry| index::package_of(entry) == Some(*digest)) {
                let found = marked.find(repository, digest)?;
                found.iter().try_for_each(|entry| marked.reach(entry))?;
                kept.extend(found);
            }
        }
        kept.extend(marked.referrers(waiting)?);
        if !sweep.options.dry_run {
            writer.rewrite(|index| {
                index.manifests = kept;
                Ok(())
            })?;
        }
        Ok(marked.live)
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

/// Why an entry of the index keeps what it names.
enum Reason {
    /// It has a tag, or nothing is known of it.
    Named,
    /// It is there for those who know the package's digest.
    Package(Blake3Digest),
    /// It is about this manifest.
    Subject(Sha256Digest),
}

/// What is reached so far.
struct Marked<'a> {
    store: &'a Store,
    live: BTreeSet<String>,
}

impl Marked<'_> {
    fn reason(&self, entry: &Descriptor, sweep: &Sweep<'_>) -> Result<Reason, StoreError> {
        if index::repository_of(entry).is_none() || index::tag_of_entry(entry).is_some() {
            return Ok(Reason::Named);
        }
        match (index::package_of(entry), index::subject_of(entry)) {
            (Some(package), _) => Ok(Reason::Package(package)),
            // Its subject may be on the way.
            (None, Some(subject)) if !sweep.is_young(&self.store.layout.blob(&entry.digest))? => {
                Ok(Reason::Subject(subject))
            }
            _ => Ok(Reason::Named),
        }
    }

    /// Marks a manifest and all that it links to.
    fn reach(&mut self, entry: &Descriptor) -> Result<(), StoreError> {
        let mut pending = vec![entry.clone()];
        while let Some(link) = pending.pop() {
            let new = self.live.insert(link.digest.to_hex());
            // A document of an unknown type links to nothing that image-spec defines.
            if new && [IMAGE_MANIFEST, IMAGE_INDEX].contains(&link.media_type.as_str()) {
                pending.extend(self.links(&link.digest)?);
            }
        }
        Ok(())
    }

    fn links(&self, digest: &Sha256Digest) -> Result<Vec<Descriptor>, StoreError> {
        let bytes = self.store.layout.read_blob(digest, MAX_MANIFEST_BYTES)?;
        let manifest: Manifest = serde_json::from_slice(&bytes)
            .map_err(|error| StoreError::new(format!("read OCI manifest {digest}"), StoreErrorKind::Json(error)))?;
        Ok(manifest.links().cloned().collect())
    }

    /// Those whose subject is reached, which may be another of them.
    fn referrers(&mut self, mut waiting: Vec<(Descriptor, Sha256Digest)>) -> Result<Vec<Descriptor>, StoreError> {
        let mut kept = Vec::new();
        loop {
            let (live, dead): (Vec<_>, Vec<_>) =
                waiting.into_iter().partition(|(_, subject)| self.live.contains(&subject.to_hex()));
            if live.is_empty() {
                return Ok(kept);
            }
            for (entry, _) in live {
                self.reach(&entry)?;
                kept.push(entry);
            }
            waiting = dead;
        }
    }

    /// The entry for a package whose version is no longer in the index, if its blobs are still there.
    fn find(&self, repository: &Repository, digest: &Blake3Digest) -> Result<Option<Descriptor>, StoreError> {
        let layout = &self.store.layout;
        let directory = layout.blobs();
        for file in fs::read_dir(&directory).map_err(StoreError::io("read", &directory))? {
            let file = file.map_err(StoreError::io("read", &directory))?;
            let name = file.file_name().to_string_lossy().into_owned();
            let Ok(manifest) = format!("sha256:{name}").parse() else { continue };
            let small = file.metadata().is_ok_and(|metadata| metadata.len() <= MAX_MANIFEST_BYTES);
            if self.live.contains(&name) || !small {
                continue;
            }
            // Most blobs are no manifests.
            let Ok(bytes) = layout.read_blob(&manifest, MAX_MANIFEST_BYTES) else { continue };
            let Ok(description) = Description::parse(&bytes) else { continue };
            if description.digest == *digest && self.store.described(&description).is_ok() {
                let size = bytes.len() as u64;
                return Ok(Some(index::package_entry(repository, &description, (manifest, size))));
            }
        }
        Ok(None)
    }
}

struct Sweep<'a> {
    options: &'a GcOptions,
    now: SystemTime,
}

impl Sweep<'_> {
    /// Whether a file was touched lately; one that is not there was not.
    fn is_young(&self, path: &Path) -> Result<bool, StoreError> {
        match fs::metadata(path).and_then(|metadata| metadata.modified()) {
            Ok(modified) => Ok(self.age(modified) < self.options.keep_younger_than),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(StoreError::io("inspect", path)(error)),
        }
    }

    fn age(&self, modified: SystemTime) -> Duration {
        self.now.duration_since(modified).unwrap_or_default()
    }

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
        if self.age(metadata.modified()?) < self.options.keep_younger_than {
            return Ok(None);
        }
        if !self.options.dry_run {
            fs::remove_file(file.path())?;
        }
        Ok(Some(metadata.len()))
    }
}
