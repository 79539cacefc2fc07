//! Where the bytes of an open package are: in one file, or in one file for each entry.

use std::fs::File;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use briq_spec::manifest::Entry;
use memmap2::Mmap;

use crate::archive::Archive;
use crate::error::Fault;
use crate::extent::Extent;
use crate::write::Seal;

/// The bytes behind an open package.
#[derive(Debug)]
pub(crate) enum Backing {
    /// The package as one file.
    File { bytes: Bytes, archive: Archive },
    /// One file for each entry, mapped when it is first asked for; the seals are in memory.
    Blobs { blobs: Vec<Blob>, seals: Vec<Seal> },
}

/// The bytes of a package file.
#[derive(Debug)]
pub(crate) enum Bytes {
    Mapped { path: PathBuf, file: File, map: Mmap },
    Memory(Vec<u8>),
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped { map, .. } => map,
            Self::Memory(bytes) => bytes,
        }
    }
}

/// The file of one entry.
#[derive(Debug)]
pub(crate) struct Blob {
    path: PathBuf,
    map: OnceLock<Mmap>,
}

impl Blob {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, map: OnceLock::new() }
    }

    fn bytes(&self) -> Result<&[u8], Fault> {
        if let Some(map) = self.map.get() {
            return Ok(map);
        }
        let map =
            map(&self.path).map_err(|source| Fault::io(format!("{} cannot be read", self.path.display()), source))?;
        Ok(self.map.get_or_init(|| map))
    }
}

impl Backing {
    /// The bytes of the entry with a number, counted in the manifest; they have the entry's length.
    pub(crate) fn entry(&self, number: usize, entry: &Entry) -> Result<&[u8], Fault> {
        let bytes = match self {
            Self::File { bytes, archive } => archive.entry(bytes, number),
            Self::Blobs { blobs, .. } => blobs[number].bytes()?,
        };
        if bytes.len() as u64 == entry.size {
            return Ok(bytes);
        }
        Err(Fault::corrupt(format!("it has {} bytes, and the manifest says {}", bytes.len(), entry.size)))
    }

    /// Where the bytes of the entry with a number lie; `None` where that is in no file that can be had.
    pub(crate) fn extent(&self, number: usize, entry: &Entry) -> Option<Extent> {
        match self {
            Self::File { bytes: Bytes::Mapped { file, .. }, archive } => {
                Some(Extent::new(file.try_clone().ok()?, archive.place(number), entry.size))
            }
            Self::File { bytes: Bytes::Memory(_), .. } => None,
            Self::Blobs { blobs, .. } => Extent::whole(&blobs[number].path, entry.size).ok(),
        }
    }
}

#[cfg(unix)]
impl Backing {
    /// Unmaps the pages of an entry for now.
    fn release(&self, number: usize, bytes: &[u8]) {
        let map = match self {
            Self::File { bytes: Bytes::Mapped { map, .. }, .. } => Some(map),
            Self::File { .. } => None,
            Self::Blobs { blobs, .. } => blobs[number].map.get(),
        };
        let Some(map) = map else { return };
        let offset = bytes.as_ptr().addr() - map.as_ptr().addr();
        // SAFETY: the map is of a file and nobody writes to it, so that pages which are dropped come back as they were.
        let dropped = unsafe { map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, offset, bytes.len()) };
        // Advice that the system does not take costs memory, and nothing else.
        drop(dropped);
    }
}

/// The bytes of an entry of an open package, which they keep open.
#[derive(Clone, Debug)]
pub struct Shared {
    backing: Arc<Backing>,
    number: usize,
    entry: Entry,
}

impl Shared {
    /// Of an entry whose bytes were read before.
    pub(crate) fn new(backing: Arc<Backing>, number: usize, entry: &Entry) -> Self {
        Self { backing, number, entry: entry.clone() }
    }

    /// Where the entry is, and what the manifest says of it.
    pub(crate) fn place(&self) -> (&Backing, usize, &Entry) {
        (&self.backing, self.number, &self.entry)
    }
}

impl Shared {
    /// Gives back the memory that the entry's bytes take in this process, where it is whole pages of its own. They are read
    /// from the file again when somebody looks at them.
    pub fn release(&self) {
        #[cfg(unix)]
        self.backing.release(self.number, self);
    }
}

impl Deref for Shared {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.backing.entry(self.number, &self.entry).expect("an entry that was read stays mapped")
    }
}

/// Maps a file into memory, to be read.
pub(crate) fn map(path: &Path) -> std::io::Result<Mmap> {
    open(path).map(|(_, map)| map)
}

/// Opens a file, and maps it into memory, to be read.
pub(crate) fn open(path: &Path) -> std::io::Result<(File, Mmap)> {
    let file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    // SAFETY: the map is only read, and the file is not to change while it is mapped. Packages are replaced by
    // renaming, never written in place, and the crate's documentation asks the same of everyone else.
    let map = unsafe { Mmap::map(&file)? };
    Ok((file, map))
}
