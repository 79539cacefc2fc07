//! Writes a package from its manifest and the contents of its entries.

use std::borrow::Cow;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use briq_spec::entry::MANIFEST_ENTRY;
use briq_spec::{Blake3Digest, EntryPath, Sha256Digest};
use sha2::{Digest, Sha256};

use crate::archive;
use crate::error::Fault;
use crate::hash::{Checksums, Hasher};
use crate::target;
use crate::zip::{Item, Layout, MAX_SEALS};

/// How much of a file is in memory at a time.
const CHUNK: usize = 4 << 20;

/// A package that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its identity: the BLAKE3 of its manifest.
    pub digest: Blake3Digest,
    /// The SHA-256 of the whole file.
    pub sha256: Sha256Digest,
    /// The length of the file in bytes.
    pub size: u64,
    /// Where it is.
    pub path: PathBuf,
}

/// A cryptographic signature over the package ([`seal`](crate::seal)). Seals stand behind the entries, and the manifest does not list them,
/// so sealing a package leaves its identity as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// A path under `signatures/`.
    pub path: EntryPath,
    /// The signature.
    pub bytes: Vec<u8>,
}

/// Where the bytes of an entry come from.
#[derive(Debug, Clone)]
pub(crate) enum Content<'b> {
    Bytes(Cow<'b, [u8]>),
    File(PathBuf),
}

impl Content<'_> {
    /// Hands the bytes out in chunks, so that no entry need fit in memory.
    pub(crate) fn stream(&self, take: &mut dyn FnMut(&[u8]) -> Result<(), Fault>) -> Result<(), Fault> {
        match self {
            Self::Bytes(bytes) => bytes.chunks(CHUNK).try_for_each(take),
            Self::File(path) => stream_file(path, take),
        }
    }

    pub(crate) fn checksums(&self) -> Result<Checksums, Fault> {
        let mut hasher = Hasher::default();
        self.stream(&mut |chunk| {
            hasher.update(chunk);
            Ok(())
        })?;
        Ok(hasher.finish())
    }
}

fn stream_file(path: &Path, take: &mut dyn FnMut(&[u8]) -> Result<(), Fault>) -> Result<(), Fault> {
    let unreadable = |source| Fault::io(format!("{} cannot be read", path.display()), source);
    let mut file = File::open(path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    let mut buffer = vec![0; (length as usize).clamp(4096, CHUNK)];
    loop {
        match file.read(&mut buffer).map_err(unreadable)? {
            0 => return Ok(()),
            count => take(&buffer[..count])?,
        }
    }
}

/// An entry that is ready to be written.
pub(crate) struct Ready<'b> {
    pub(crate) path: EntryPath,
    pub(crate) checksums: Checksums,
    pub(crate) content: Content<'b>,
}

impl<'b> Ready<'b> {
    fn of_bytes(path: EntryPath, bytes: &'b [u8]) -> Self {
        Self { path, checksums: Checksums::of(bytes), content: Content::Bytes(Cow::Borrowed(bytes)) }
    }

    fn item(&self) -> Item {
        Item { path: self.path.clone(), size: self.checksums.size, crc32: self.checksums.crc32 }
    }
}

/// Writes manifest, entries – in the manifest's order – and seals.
pub(crate) fn write(target: &Path, manifest: &[u8], entries: Vec<Ready<'_>>, seals: &[Seal]) -> Result<Written, Fault> {
    let manifest = Ready::of_bytes(MANIFEST_ENTRY.parse().expect("the name of the manifest is a legal path"), manifest);
    let digest = manifest.checksums.blake3;
    let seals = check_seals(seals)?.into_iter().map(|seal| Ready::of_bytes(seal.path.clone(), &seal.bytes));
    let all: Vec<Ready<'_>> = std::iter::once(manifest).chain(entries).chain(seals).collect();
    let layout = Layout::new(all.iter().map(Ready::item).collect());
    let layout = layout.ok_or_else(|| Fault::invalid("its entries are longer than any file"))?;
    let (sha256, size) = target::replace(target, |file| fill(file, &layout, &all))?;
    Ok(Written { digest, sha256, size, path: target.to_owned() })
}

/// The seals in order, each with a path of its own.
pub(crate) fn check_seals(seals: &[Seal]) -> Result<Vec<&Seal>, Fault> {
    if seals.len() > MAX_SEALS {
        return Err(Fault::limit(format!("it would have {} seals, and at most {MAX_SEALS} are read", seals.len())));
    }
    let mut sorted: Vec<&Seal> = seals.iter().collect();
    sorted.sort_by(|a, b| a.path.cmp(&b.path));
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0].path == pair[1].path) {
        return Err(Fault::invalid("it is there twice").in_entry(&pair[0].path));
    }
    if let Some(path) = archive::below_a_file(sorted.iter().map(|seal| &seal.path)) {
        return Err(Fault::invalid("it lies below another seal").in_entry(path));
    }
    match sorted.iter().find(|seal| !seal.path.is_seal()) {
        Some(seal) => Err(Fault::invalid("it is no seal: seals lie under signatures/").in_entry(&seal.path)),
        None => Ok(sorted),
    }
}

fn fill(file: &mut File, layout: &Layout, all: &[Ready<'_>]) -> Result<(Sha256Digest, u64), Fault> {
    let mut sink = Sink { file, sha256: Sha256::new(), size: 0 };
    for (index, ready) in all.iter().enumerate() {
        sink.put(&layout.header(index))?;
        copy(ready, &mut sink).map_err(|fault| fault.in_entry(&ready.path))?;
    }
    sink.put(&layout.tail())?;
    Ok((Sha256Digest::from_bytes(sink.sha256.finalize().into()), sink.size))
}

/// Copies an entry, and fails when it is no longer what it was when its checksums were taken.
fn copy(ready: &Ready<'_>, sink: &mut Sink<'_>) -> Result<(), Fault> {
    let mut hasher = blake3::Hasher::new();
    ready.content.stream(&mut |chunk| {
        hasher.update(chunk);
        sink.put(chunk)
    })?;
    if hasher.finalize() == *ready.checksums.blake3.as_bytes() {
        return Ok(());
    }
    Err(Fault::invalid("it changed while it was packed"))
}

/// The file, and the digest of what went into it.
struct Sink<'f> {
    file: &'f mut File,
    sha256: Sha256,
    size: u64,
}

impl Sink<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.file.write_all(bytes).map_err(|source| Fault::io("it cannot be written", source))?;
        self.sha256.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }
}
