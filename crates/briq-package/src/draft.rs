//! A package that is being put together.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use briq_spec::entry::MANIFEST_ENTRY;
use briq_spec::manifest::Entry;
use briq_spec::provenance::PROVENANCE_ENTRY;
use briq_spec::{EntryPath, Manifest};

use crate::backing::Shared;
use crate::error::{Fault, PackageError};
use crate::hash::{self, Checksums};
use crate::provenance::{self, Build};
use crate::source::{Content, Source};
use crate::target;
use crate::write::Written;
use crate::writer::Writer;

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
    /// Begins a package. Format and entries of the manifest are computed when it is written; those it has are dropped.
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

    /// Adds an entry that is a file; it is read when the package is written, and must not change its length meanwhile.
    ///
    /// # Errors
    /// When there is an entry at that path already, or the path is the manifest's, a seal's or the provenance's.
    pub fn add_file(&mut self, path: EntryPath, file: PathBuf) -> Result<(), PackageError> {
        self.add(path, Content::File(file))
    }

    /// Adds an entry that another package has; it stays where it is until the package is written.
    ///
    /// # Errors
    /// When there is an entry at that path already, or the path is the manifest's, a seal's or the provenance's.
    pub fn add_shared(&mut self, path: EntryPath, bytes: Shared) -> Result<(), PackageError> {
        self.add(path, Content::Shared(bytes))
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
    /// Every file is read once: digests have one length whatever they are, so the manifest's place at the front is kept
    /// until they are known.
    ///
    /// # Errors
    /// When a file cannot be read or changes its length meanwhile, the manifest would break a rule of its own, or the
    /// package cannot be written.
    pub fn write(&self, target: &Path) -> Result<Written, PackageError> {
        self.write_fallible(target).map_err(|fault| fault.during(format!("write package {}", target.display())))
    }

    fn write_fallible(&self, target: &Path) -> Result<Written, Fault> {
        let sources =
            self.contents.iter().map(|(path, content)| Source::new(content).map_err(|fault| fault.in_entry(path)));
        let sources = sources.collect::<Result<Vec<_>, Fault>>()?;
        let unknown: Vec<Checksums> = sources.iter().map(|source| Checksums::unknown(source.size)).collect();
        let outline = self.tell(&unknown);
        // What is written must be what can be read: the reader's own checks, limits included.
        Manifest::from_canonical_json(&outline.json).map_err(Fault::draft)?;
        let stated = outline.provenance.as_ref().map(|(number, _)| *number);
        let numbers = (0..outline.manifest.entries.len()).filter(|number| Some(*number) != stated);
        let sources: Vec<_> = numbers.map(|number| 1 + number).zip(sources).collect();
        target::replace(target, |file| {
            let mut writer = Writer::new(file, outline.members())?;
            let told = self.tell(&writer.stream(&sources)?);
            if let Some((number, bytes)) = &told.provenance {
                writer.put(1 + number, bytes)?;
            }
            writer.put(0, &told.json)?;
            let (digest, size) = (hash::blake3(&told.json), writer.finish()?);
            Ok(Written { digest, size, path: target.to_owned() })
        })
    }

    /// What the package says of entries with these checksums.
    fn tell(&self, checksums: &[Checksums]) -> Told {
        let entries = self.contents.keys().zip(checksums).map(|(path, checksums)| declare(path, checksums));
        let format = self.manifest.least_format();
        let mut manifest = Manifest { format, entries: entries.collect(), ..self.manifest.clone() };
        let provenance = self.build.as_ref().map(|build| {
            let bytes = provenance::statement(&manifest, build).to_json();
            let path = PROVENANCE_ENTRY.parse().expect("the literal is a legal path");
            let number = manifest.entries.partition_point(|entry| entry.path < path);
            manifest.entries.insert(number, declare(&path, &Checksums::of(&bytes)));
            (number, bytes)
        });
        Told { json: manifest.to_canonical_json(), manifest, provenance }
    }
}

/// What a package says of its entries.
struct Told {
    manifest: Manifest,
    json: Vec<u8>,
    /// The provenance statement, with its number among the entries.
    provenance: Option<(usize, Vec<u8>)>,
}

impl Told {
    /// Paths and lengths of what lies in the package.
    fn members(&self) -> impl Iterator<Item = (EntryPath, u64)> {
        let manifest = MANIFEST_ENTRY.parse().expect("the literal is a legal path");
        let entries = self.manifest.entries.iter().map(|entry| (entry.path.clone(), entry.size));
        std::iter::once((manifest, self.json.len() as u64)).chain(entries)
    }
}

fn declare(path: &EntryPath, checksums: &Checksums) -> Entry {
    let Checksums { size, blake3, sha256, .. } = *checksums;
    Entry { path: path.clone(), size, blake3, sha256 }
}
