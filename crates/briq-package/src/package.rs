//! An open package.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use briq_spec::manifest::Entry;
use briq_spec::{Blake3Digest, EntryPath, Manifest};

use crate::archive::{Archive, Opened};
use crate::backing::{self, Backing, Blob, Shared};
use crate::error::{Fault, PackageError, PackageErrorKind};
use crate::hash::{self, Checksums};
use crate::write::{self, Content, Ready, Seal, Written};

/// How a package is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Whether something, such as a program that runs the package, may stand before it in the file.
    pub allow_prefix: bool,
}

/// An open package, mapped into memory.
#[derive(Debug)]
pub struct Package {
    manifest: Manifest,
    manifest_bytes: Vec<u8>,
    digest: Blake3Digest,
    backing: Arc<Backing>,
    /// Which entries were found to match their digest.
    verified: Vec<AtomicBool>,
}

/// What [`Package::verify`] has looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// How many entries.
    pub entries: usize,
    /// How many bytes in them.
    pub bytes: u64,
}

impl Package {
    /// Opens a package file.
    ///
    /// The structure, every header and the manifest are checked, in time that grows with the number of entries, not
    /// with their length; an entry's bytes are checked when they are [read](Self::read).
    ///
    /// # Errors
    /// When the file cannot be read or is not a package as [`Draft`](crate::Draft) writes it.
    pub fn open(path: &Path) -> Result<Self, PackageError> {
        Self::open_with(path, Options::default())
    }

    /// [`open`](Self::open), with options.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn open_with(path: &Path, options: Options) -> Result<Self, PackageError> {
        Self::open_fallible(path, options).map_err(|fault| fault.during(format!("open package {}", path.display())))
    }

    fn open_fallible(path: &Path, options: Options) -> Result<Self, Fault> {
        let map = backing::map(path).map_err(|source| Fault::io("it cannot be read", source))?;
        let Opened { archive, manifest, manifest_bytes } = Archive::read(&map, options.allow_prefix)?;
        Ok(Self::new(manifest, manifest_bytes, Backing::File { path: path.to_owned(), map, archive }))
    }

    /// A package whose entries are files of their own, as in a store: nothing is copied to make it whole.
    ///
    /// No entry is looked at yet; a missing one is found when it is read.
    ///
    /// # Errors
    /// When the bytes are not a manifest.
    pub fn from_blobs(manifest: Vec<u8>, locate: impl Fn(&Entry) -> PathBuf) -> Result<Self, PackageError> {
        let parsed = Manifest::from_canonical_json(&manifest);
        let parsed = parsed.map_err(|source| Fault::manifest(source).during("open package from a store"))?;
        let blobs = parsed.entries.iter().map(|entry| Blob::new(locate(entry))).collect();
        Ok(Self::new(parsed, manifest, Backing::Blobs(blobs)))
    }

    fn new(manifest: Manifest, manifest_bytes: Vec<u8>, backing: Backing) -> Self {
        let digest = hash::blake3(&manifest_bytes);
        let verified = manifest.entries.iter().map(|_| AtomicBool::new(false)).collect();
        Self { manifest, manifest_bytes, digest, backing: Arc::new(backing), verified }
    }

    /// What the package is.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The bytes of `briq.json`.
    pub fn manifest_bytes(&self) -> &[u8] {
        &self.manifest_bytes
    }

    /// The identity of the package: the BLAKE3 of its manifest.
    pub fn digest(&self) -> Blake3Digest {
        self.digest
    }

    /// The entries, sorted by path.
    pub fn entries(&self) -> &[Entry] {
        &self.manifest.entries
    }

    /// The seals, sorted by path; none when the package is backed by blobs.
    pub fn seals(&self) -> Vec<Seal> {
        let Backing::File { map, archive, .. } = &*self.backing else {
            return Vec::new();
        };
        let own = |(path, bytes): (&EntryPath, &[u8])| Seal { path: path.clone(), bytes: bytes.to_vec() };
        archive.seals(map).map(own).collect()
    }

    /// The bytes of an entry, which match its digest.
    ///
    /// The digest is computed the first time that the entry is read.
    ///
    /// # Errors
    /// When there is no such entry, or its bytes are not those that were packed.
    pub fn read(&self, path: &EntryPath) -> Result<&[u8], PackageError> {
        self.read_fallible(path).map_err(|fault| self.explain("read", fault.in_entry(path)))
    }

    /// The bytes of an entry, which match its digest, for as long as the caller wants them.
    ///
    /// They are not copied: they stay mapped, and the memory is shared with whoever else reads the file.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub fn share(&self, path: &EntryPath) -> Result<Shared, PackageError> {
        self.read(path)?;
        let number = self.number(path).map_err(|fault| self.explain("read", fault))?;
        Ok(Shared::new(self.backing.clone(), number, &self.manifest.entries[number]))
    }

    pub(crate) fn read_fallible(&self, path: &EntryPath) -> Result<&[u8], Fault> {
        let number = self.number(path)?;
        let bytes = self.backing.entry(number, &self.manifest.entries[number])?;
        if !self.verified[number].load(Ordering::Acquire) {
            self.check_blake3(number, bytes)?;
        }
        Ok(bytes)
    }

    fn check_blake3(&self, number: usize, bytes: &[u8]) -> Result<(), Fault> {
        if hash::blake3(bytes) != self.manifest.entries[number].blake3 {
            return Err(Fault::corrupt("its bytes do not match its BLAKE3 digest"));
        }
        self.verified[number].store(true, Ordering::Release);
        Ok(())
    }

    /// The bytes of an entry as they lie there, whatever they are.
    ///
    /// # Errors
    /// When there is no such entry, or it has another length than the manifest says.
    pub fn map_unverified(&self, path: &EntryPath) -> Result<&[u8], PackageError> {
        let bytes = self.number(path).and_then(|number| self.backing.entry(number, &self.manifest.entries[number]));
        bytes.map_err(|fault| self.explain("map", fault.in_entry(path)))
    }

    /// An entry as text.
    ///
    /// # Errors
    /// As for [`read`](Self::read), and when it is not UTF-8.
    pub fn text(&self, path: &EntryPath) -> Result<&str, PackageError> {
        let not_text = |_| Fault::corrupt("it is not UTF-8 text").in_entry(path);
        std::str::from_utf8(self.read(path)?).map_err(|source| self.explain("read", not_text(source)))
    }

    /// The ONNX graph.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub fn structure(&self) -> Result<&[u8], PackageError> {
        self.read(&self.manifest.model.structure)
    }

    /// Checks every byte.
    ///
    /// Each entry is compared with its three checksums; of a package file, every byte outside of its entries is
    /// compared with what the writer would have put there. So a change of any one byte anywhere is found.
    ///
    /// # Errors
    /// The first fault, with entry and offset.
    pub fn verify(&self) -> Result<Verified, PackageError> {
        self.verify_fallible().map_err(|fault| self.explain("verify", fault))
    }

    fn verify_fallible(&self) -> Result<Verified, Fault> {
        self.verify_structure()?;
        let mut bytes = 0;
        for (number, entry) in self.manifest.entries.iter().enumerate() {
            self.verify_entry(number, entry).map_err(|fault| fault.in_entry(&entry.path))?;
            bytes += entry.size;
        }
        Ok(Verified { entries: self.manifest.entries.len(), bytes })
    }

    /// Reads the file anew: it may have changed since it was opened.
    fn verify_structure(&self) -> Result<(), Fault> {
        let Backing::File { map, .. } = &*self.backing else {
            return Ok(());
        };
        let Opened { archive, manifest_bytes, .. } = Archive::read(map, true)?;
        if manifest_bytes != self.manifest_bytes {
            return Err(Fault::corrupt("its manifest changed since it was opened"));
        }
        archive.check_seals(map)
    }

    fn verify_entry(&self, number: usize, entry: &Entry) -> Result<(), Fault> {
        let found = Checksums::of(self.backing.entry(number, entry)?);
        if found.blake3 != entry.blake3 {
            return Err(Fault::corrupt("its bytes do not match its BLAKE3 digest"));
        }
        if found.sha256 != entry.sha256 {
            return Err(Fault::corrupt("its bytes do not match its SHA-256 digest"));
        }
        if let Backing::File { archive, .. } = &*self.backing
            && archive.crc32(number) != found.crc32
        {
            return Err(Fault::corrupt("its bytes do not match its CRC-32"));
        }
        self.verified[number].store(true, Ordering::Release);
        Ok(())
    }

    /// Writes the package as one file, the same that [`Draft::write`](crate::Draft::write) wrote, whatever backs it.
    ///
    /// # Errors
    /// When an entry is not what was packed, or the file cannot be written; the target is then what it was before.
    pub fn assemble(&self, target: &Path) -> Result<Written, PackageError> {
        self.assemble_sealed(target, &self.seals())
    }

    /// [`assemble`](Self::assemble), with these seals in place of those it has.
    ///
    /// # Errors
    /// As for [`assemble`](Self::assemble), and when a seal does not lie under `signatures/` or is there twice.
    pub fn assemble_sealed(&self, target: &Path, seals: &[Seal]) -> Result<Written, PackageError> {
        let written = self.ready().and_then(|entries| write::write(target, &self.manifest_bytes, entries, seals));
        written.map_err(|fault| fault.during(format!("write package {}", target.display())))
    }

    /// The entries with the checksums that the manifest demands and the one that only a Zip has.
    fn ready(&self) -> Result<Vec<Ready<'_>>, Fault> {
        let ready = |(number, entry): (usize, &Entry)| {
            let bytes = self.backing.entry(number, entry).map_err(|fault| fault.in_entry(&entry.path))?;
            let Entry { path, size, blake3, sha256 } = entry.clone();
            let checksums = Checksums { size, blake3, sha256, crc32: crc32fast::hash(bytes) };
            Ok(Ready { path, checksums, content: Content::Bytes(bytes.into()) })
        };
        self.manifest.entries.iter().enumerate().map(ready).collect()
    }

    fn number(&self, path: &EntryPath) -> Result<usize, Fault> {
        let found = self.manifest.entries.binary_search_by(|entry| entry.path.cmp(path));
        found.map_err(|_| Fault::new(PackageErrorKind::NotFound, "the package has no such entry"))
    }

    /// The error of something that was done with this package.
    pub(crate) fn explain(&self, verb: &str, fault: Fault) -> PackageError {
        let Manifest { name, version, .. } = &self.manifest;
        match &*self.backing {
            Backing::File { path, .. } => fault.during(format!("{verb} package {}", path.display())),
            Backing::Blobs(_) => fault.during(format!("{verb} package {name} {version}")),
        }
    }
}
