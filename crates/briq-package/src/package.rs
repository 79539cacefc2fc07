//! An open package.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use briq_spec::entry::MANIFEST_ENTRY;
use briq_spec::manifest::Entry;
use briq_spec::{Blake3Digest, EntryPath, Manifest};
use rayon::prelude::*;

use crate::archive::{Archive, Opened};
use crate::backing::{self, Backing, Blob, Bytes, Shared};
use crate::error::{Fault, PackageError, PackageErrorKind};
use crate::extent::Extent;
use crate::hash::{self, Quick, WORTH_A_THREAD};
use crate::source::Source;
use crate::target;
use crate::write::{self, Seal, Written};
use crate::writer::Writer;

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

/// What is said of the bytes of an entry, and can be checked by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Claim {
    /// Their BLAKE3, which the identity of the package covers.
    Identity,
    /// Their BLAKE3, and the CRC-32 in the Zip.
    IdentityAndCrc32,
    /// Their SHA-256, which alone takes as long as both others.
    Sha256,
}

impl Claim {
    /// All that is said, the slowest first.
    const ALL: &[Self] = &[Self::Sha256, Self::IdentityAndCrc32];
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
        let (file, map) = backing::open(path).map_err(|source| Fault::io("it cannot be read", source))?;
        Self::of_file(Bytes::Mapped { path: path.to_owned(), file, map }, options)
    }

    /// A package file that is in memory.
    ///
    /// # Errors
    /// As for [`open`](Self::open), but for reading.
    pub fn from_bytes(bytes: Vec<u8>, options: Options) -> Result<Self, PackageError> {
        Self::of_file(Bytes::Memory(bytes), options).map_err(|fault| fault.during("open package in memory"))
    }

    fn of_file(bytes: Bytes, options: Options) -> Result<Self, Fault> {
        let Opened { archive, manifest, manifest_bytes } = Archive::read(&bytes, options.allow_prefix)?;
        Ok(Self::new(manifest, manifest_bytes, Backing::File { bytes, archive }))
    }

    /// A package whose entries are files of their own, as in a store: nothing is copied to make it whole.
    ///
    /// No entry is looked at yet; a missing one is found when it is read.
    ///
    /// # Errors
    /// When the bytes are not a manifest.
    pub fn from_blobs(manifest: Vec<u8>, locate: impl Fn(&Entry) -> PathBuf) -> Result<Self, PackageError> {
        Self::from_sealed_blobs(manifest, locate, Vec::new())
    }

    /// [`from_blobs`](Self::from_blobs), with the seals that belong to the package.
    ///
    /// # Errors
    /// As for [`from_blobs`](Self::from_blobs), and when a seal does not lie under `signatures/` or is there twice.
    pub fn from_sealed_blobs(
        manifest: Vec<u8>,
        locate: impl Fn(&Entry) -> PathBuf,
        seals: Vec<Seal>,
    ) -> Result<Self, PackageError> {
        let parsed = Manifest::from_canonical_json(&manifest);
        let parsed = parsed.map_err(|source| Fault::manifest(source).during("open package from a store"))?;
        let blobs = parsed.entries.iter().map(|entry| Blob::new(locate(entry))).collect();
        let sorted = write::check_seals(&seals).map_err(|fault| fault.during("open package from a store"))?;
        let seals = sorted.into_iter().cloned().collect();
        Ok(Self::new(parsed, manifest, Backing::Blobs { blobs, seals }))
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

    /// The seals, sorted by path.
    pub fn seals(&self) -> Vec<Seal> {
        let own = |(path, bytes): (&EntryPath, &[u8])| Seal { path: path.clone(), bytes: bytes.to_vec() };
        match &*self.backing {
            Backing::File { bytes, archive } => archive.seals(bytes).map(own).collect(),
            Backing::Blobs { seals, .. } => seals.clone(),
        }
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
            self.check_blake3(number, hash::blake3(bytes))?;
        }
        Ok(bytes)
    }

    fn check_blake3(&self, number: usize, found: Blake3Digest) -> Result<(), Fault> {
        if found != self.manifest.entries[number].blake3 {
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

    /// Where the bytes of an entry lie, so that another file can share them; `None` where they are in memory only.
    pub fn extent(&self, path: &EntryPath) -> Option<Extent> {
        let number = self.number(path).ok()?;
        self.backing.extent(number, &self.manifest.entries[number])
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

    /// Checks every byte, and everything that is said of it, on all cores.
    ///
    /// Each entry is compared with its three checksums; of a package file, every byte outside of its entries is
    /// compared with what the writer would have put there. So a change of any one byte anywhere is found.
    ///
    /// # Errors
    /// The first fault, with entry and offset.
    pub fn verify(&self) -> Result<Verified, PackageError> {
        self.verify_fallible(Claim::ALL).map_err(|fault| self.explain("verify", fault))
    }

    /// Checks every byte that the [identity](Self::digest) covers, in a fraction of the time of [`verify`](Self::verify).
    ///
    /// Each entry is compared with its BLAKE3 digest, and the structure as in `verify`. What stays unchecked is whether
    /// whoever packed it told its SHA-256 digests and its CRC-32 truly; of a package that was verified when it was
    /// published or sealed, nothing is left to find.
    ///
    /// # Errors
    /// The first fault, with entry and offset.
    pub fn verify_identity(&self) -> Result<Verified, PackageError> {
        self.verify_fallible(&[Claim::Identity]).map_err(|fault| self.explain("verify", fault))
    }

    fn verify_fallible(&self, claims: &[Claim]) -> Result<Verified, Fault> {
        self.verify_structure()?;
        let entries = self.entries();
        // Where BLAKE3 is all there is to do, one large entry keeps all cores busy; otherwise the claims share them.
        let alone = |claim: Claim, entry: &Entry| claim == Claim::Identity && entry.size >= WORTH_A_THREAD as u64;
        let tasks = claims.iter().flat_map(|&claim| (0..entries.len()).map(move |number| (claim, number)));
        let (large, tasks): (Vec<_>, Vec<_>) = tasks.partition(|&(claim, number)| alone(claim, &entries[number]));
        let check = |&(claim, number): &(Claim, usize)| {
            let checked = self.check(claim, number);
            checked.map_err(|fault| fault.in_entry(&entries[number].path)).err()
        };
        let fault = |task: &(Claim, usize)| check(task).map(|fault| (task.1, task.0, fault));
        let mut faults: Vec<_> = large.iter().filter_map(fault).collect();
        faults.par_extend(tasks.par_iter().filter_map(fault));
        // The one of the first entry, whichever was found first.
        match faults.into_iter().min_by_key(|&(number, claim, _)| (number, claim)) {
            Some((_, _, fault)) => Err(fault),
            None => Ok(Verified { entries: entries.len(), bytes: entries.iter().map(|entry| entry.size).sum() }),
        }
    }

    fn check(&self, claim: Claim, number: usize) -> Result<(), Fault> {
        let entry = &self.entries()[number];
        let bytes = self.backing.entry(number, entry)?;
        match claim {
            Claim::Identity => self.check_blake3(number, hash::blake3(bytes)),
            Claim::Sha256 if hash::sha256(bytes) == entry.sha256 => Ok(()),
            Claim::Sha256 => Err(Fault::corrupt("its bytes do not match its SHA-256 digest")),
            Claim::IdentityAndCrc32 => {
                let quick = Quick::of(bytes);
                self.check_blake3(number, quick.blake3())?;
                match &*self.backing {
                    Backing::File { archive, .. } if archive.crc32(number) != quick.crc32() => {
                        Err(Fault::corrupt("its bytes do not match its CRC-32"))
                    }
                    _ => Ok(()),
                }
            }
        }
    }

    /// Reads the file anew: it may have changed since it was opened.
    fn verify_structure(&self) -> Result<(), Fault> {
        let Backing::File { bytes, .. } = &*self.backing else {
            return Ok(());
        };
        let Opened { archive, manifest_bytes, .. } = Archive::read(bytes, true)?;
        if manifest_bytes != self.manifest_bytes {
            return Err(Fault::corrupt("its manifest changed since it was opened"));
        }
        archive.check_seals(bytes)
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
        let written = self.assemble_fallible(target, seals);
        written.map_err(|fault| fault.during(format!("write package {}", target.display())))
    }

    fn assemble_fallible(&self, target: &Path, seals: &[Seal]) -> Result<Written, Fault> {
        let seals = write::check_seals(seals)?;
        let manifest = MANIFEST_ENTRY.parse().expect("the literal is a legal path");
        let members = std::iter::once((manifest, self.manifest_bytes.len() as u64))
            .chain(self.entries().iter().map(|entry| (entry.path.clone(), entry.size)))
            .chain(seals.iter().map(|seal| (seal.path.clone(), seal.bytes.len() as u64)));
        let sources = self.sources()?;
        target::replace(target, |file| {
            let mut writer = Writer::new(file, members)?;
            writer.stream(&sources)?;
            writer.put(0, &self.manifest_bytes)?;
            let behind = 1 + self.entries().len();
            (behind..).zip(&seals).try_for_each(|(number, seal)| writer.put(number, &seal.bytes))?;
            Ok(Written { digest: self.digest, size: writer.finish()?, path: target.to_owned() })
        })
    }

    /// The entries with the digests that the manifest demands.
    fn sources(&self) -> Result<Vec<(usize, Source<'_>)>, Fault> {
        let source = |(number, entry)| {
            let source = Source::known(&self.backing, number, entry);
            Ok((1 + number, source.map_err(|fault| fault.in_entry(&entry.path))?))
        };
        self.entries().iter().enumerate().map(source).collect()
    }

    fn number(&self, path: &EntryPath) -> Result<usize, Fault> {
        let found = self.manifest.entries.binary_search_by(|entry| entry.path.cmp(path));
        found.map_err(|_| Fault::new(PackageErrorKind::NotFound, "the package has no such entry"))
    }

    /// The error of something that was done with this package.
    pub(crate) fn explain(&self, verb: &str, fault: Fault) -> PackageError {
        let Manifest { name, version, .. } = &self.manifest;
        match &*self.backing {
            Backing::File { bytes: Bytes::Mapped { path, .. }, .. } => {
                fault.during(format!("{verb} package {}", path.display()))
            }
            Backing::File { .. } | Backing::Blobs { .. } => fault.during(format!("{verb} package {name} {version}")),
        }
    }
}
