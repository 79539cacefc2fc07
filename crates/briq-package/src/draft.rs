//! A package that is being put together.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use briq_spec::manifest::Entry;
use briq_spec::provenance::PROVENANCE_ENTRY;
use briq_spec::{EntryPath, Manifest};

use crate::error::{Fault, PackageError};
use crate::hash::Checksums;
use crate::provenance::{self, Build};
use crate::write::{self, Content, Ready, Written};

/// A package that is being put together: a manifest, and the files it will list.
///
/// Files are added by name and read when the package is written, in the order of their paths whatever the order they
/// were added in, so the same contents give the same package.
#[derive(Debug, Clone)]
pub struct Draft {
    manifest: Manifest,
    contents: BTreeMap<EntryPath, Content<'static>>,
    build: Option<Build>,
}

impl Draft {
    /// Begins a package. The entries of the manifest are computed when it is written; those it has are dropped.
    pub fn new(mut manifest: Manifest) -> Self {
        manifest.entries.clear();
        Self { manifest, contents: BTreeMap::new(), build: None }
    }

    /// The manifest as it stands, without entries, to record what became known since.
    pub fn manifest_mut(&mut self) -> &mut Manifest {
        &mut self.manifest
    }

    /// Has the package tell how it was made, in the entry `provenance.json`, which is computed when it is written.
    pub fn record_build(&mut self, build: Build) {
        self.build = Some(build);
    }

    /// Adds an entry that is in memory.
    ///
    /// # Errors
    /// When there is one at that path already, or the path is the manifest's, a seal's or the provenance's.
    pub fn add_bytes(&mut self, path: EntryPath, bytes: Vec<u8>) -> Result<(), PackageError> {
        self.add(path, Content::Bytes(Cow::Owned(bytes)))
    }

    /// Adds an entry that is a file; it is read when the package is written, and must not change meanwhile.
    ///
    /// # Errors
    /// When there is an entry at that path already, or the path is the manifest's, a seal's or the provenance's.
    pub fn add_file(&mut self, path: EntryPath, file: PathBuf) -> Result<(), PackageError> {
        self.add(path, Content::File(file))
    }

    fn add(&mut self, path: EntryPath, content: Content<'static>) -> Result<(), PackageError> {
        let refused = |reason: &str| Fault::invalid(reason).in_entry(&path).during("add to a package");
        if path.is_manifest() || path.is_seal() || path.as_str() == PROVENANCE_ENTRY {
            return Err(refused("its path is kept for the package's own use"));
        }
        if self.contents.contains_key(&path) {
            return Err(refused("it is there already"));
        }
        self.contents.insert(path, content);
        Ok(())
    }

    /// Writes the package. What was at the target before is replaced at the last moment, or not touched at all.
    ///
    /// Every file is read twice: once for the checksums, which the manifest at the front of the package holds, and
    /// once to be copied.
    ///
    /// # Errors
    /// When a file cannot be read or changes meanwhile, the manifest would break a rule of its own, or the package
    /// cannot be written.
    pub fn write(&self, target: &Path) -> Result<Written, PackageError> {
        self.write_fallible(target).map_err(|fault| fault.during(format!("write package {}", target.display())))
    }

    fn write_fallible(&self, target: &Path) -> Result<Written, Fault> {
        let mut entries = self.contents.iter().map(ready).collect::<Result<Vec<_>, Fault>>()?;
        let mut manifest = Manifest { entries: entries.iter().map(declare).collect(), ..self.manifest.clone() };
        if let Some(build) = &self.build {
            let ready = tell(&manifest, build);
            let at = entries.partition_point(|entry| entry.path < ready.path);
            manifest.entries.insert(at, declare(&ready));
            entries.insert(at, ready);
        }
        let bytes = manifest.to_canonical_json();
        // What is written must be what can be read: the reader's own checks, limits included.
        Manifest::from_canonical_json(&bytes).map_err(Fault::draft)?;
        write::write(target, &bytes, entries, &[])
    }
}

fn ready<'b>((path, content): (&EntryPath, &'b Content<'static>)) -> Result<Ready<'b>, Fault> {
    let checksums = content.checksums().map_err(|fault| fault.in_entry(path))?;
    let content = match content {
        Content::Bytes(bytes) => Content::Bytes(Cow::Borrowed(bytes)),
        Content::File(file) => Content::File(file.clone()),
    };
    Ok(Ready { path: path.clone(), checksums, content })
}

/// The provenance statement about what is there without it.
fn tell(manifest: &Manifest, build: &Build) -> Ready<'static> {
    let bytes = provenance::statement(manifest, build).to_json();
    let path = PROVENANCE_ENTRY.parse().expect("the literal is a legal path");
    Ready { path, checksums: Checksums::of(&bytes), content: Content::Bytes(Cow::Owned(bytes)) }
}

fn declare(ready: &Ready<'_>) -> Entry {
    let checksums = ready.checksums;
    Entry { path: ready.path.clone(), size: checksums.size, blake3: checksums.blake3, sha256: checksums.sha256 }
}
