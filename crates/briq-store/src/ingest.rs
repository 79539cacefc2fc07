//! Taking in one blob: streamed, hashed on the way, resumable, and visible only when whole.
//!
//! The partial file is named after the digest it is to have, and locked while it grows. So two processes that want
//! the same blob write it once, and a process that was killed leaves behind what the next one continues.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use briq_package::Extent;
use briq_spec::Sha256Digest;
use sha2::{Digest as _, Sha256};

use crate::error::StoreError;
use crate::layout::{Layout, sync_directory};

const CHUNK: usize = 1 << 20;

/// What [`Session::ingest`](crate::Session::ingest) found.
#[derive(Debug)]
pub enum Ingest {
    /// The blob is there already.
    Present,
    /// The blob is wanted, from [`BlobWriter::offset`] on.
    Wanted(Box<BlobWriter>),
}

/// Writes one blob whose digest and size are known beforehand.
#[derive(Debug)]
pub struct BlobWriter {
    layout: Layout,
    digest: Sha256Digest,
    size: u64,
    path: PathBuf,
    file: File,
    hasher: Sha256,
    offset: u64,
}

impl BlobWriter {
    /// Blocks while another process writes the same blob.
    pub(crate) fn open(layout: &Layout, digest: &Sha256Digest, size: u64) -> Result<Ingest, StoreError> {
        let path = layout.ingest().join(format!("sha256-{}.partial", digest.to_hex()));
        loop {
            if layout.has_blob(digest, size) {
                return Ok(Ingest::Present);
            }
            let file = open_partial(&path).map_err(StoreError::io("open", &path))?;
            file.lock().map_err(StoreError::io("lock", &path))?;
            // Whoever held the lock before may have moved the file into place: then this is the finished blob.
            if !is_still_at(&file, &path) {
                continue;
            }
            let mut writer =
                Self { layout: layout.clone(), digest: *digest, size, path, file, hasher: Sha256::new(), offset: 0 };
            writer.resume()?;
            return Ok(Ingest::Wanted(Box::new(writer)));
        }
    }

    /// Goes on behind what an earlier attempt left.
    fn resume(&mut self) -> Result<(), StoreError> {
        let length = self.file.metadata().map_err(StoreError::io("inspect", &self.path))?.len();
        if length > self.size { self.restart() } else { self.catch_up(length) }
    }

    /// Hashes bytes that are in the file already.
    fn catch_up(&mut self, count: u64) -> Result<(), StoreError> {
        let mut bytes = (&self.file).take(count);
        let mut buffer = vec![0; CHUNK];
        loop {
            let count = bytes.read(&mut buffer).map_err(StoreError::io("read", &self.path))?;
            if count == 0 {
                return Ok(());
            }
            self.hasher.update(&buffer[..count]);
            self.offset += count as u64;
        }
    }

    /// The digest that the bytes must have.
    pub fn digest(&self) -> &Sha256Digest {
        &self.digest
    }

    /// The number of bytes that are there: writing goes on from here.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The number of bytes the blob will have.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Forgets everything written so far.
    ///
    /// # Errors
    /// The file cannot be truncated.
    pub fn restart(&mut self) -> Result<(), StoreError> {
        self.file.set_len(0).and_then(|()| self.file.rewind()).map_err(StoreError::io("truncate", &self.path))?;
        self.hasher = Sha256::new();
        self.offset = 0;
        Ok(())
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// They would exceed the announced size (`is_corrupt`), or the disk refuses them.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.check_room(bytes.len())?;
        for chunk in bytes.chunks(CHUNK) {
            self.file.write_all(chunk).map_err(StoreError::io("write", &self.path))?;
            self.hasher.update(chunk);
            self.offset += chunk.len() as u64;
        }
        Ok(())
    }

    /// Appends bytes that lie in another file as well, which lie on the disk once where the file system shares blocks.
    ///
    /// What is shared is hashed as this file has it, whatever became of the other one meanwhile.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    pub fn share(&mut self, bytes: &[u8], extent: &Extent) -> Result<(), StoreError> {
        self.check_room(bytes.len())?;
        let before = self.offset;
        if let Some(head) = extent.head(before).filter(|head| *head <= bytes.len() as u64) {
            self.write(&bytes[..head as usize])?;
            let rest = extent.part(head, bytes.len() as u64 - head);
            self.catch_up(rest.map_or(0, |rest| rest.share(&self.file, self.offset)))?;
        }
        self.write(&bytes[(self.offset - before) as usize..])
    }

    fn check_room(&self, count: usize) -> Result<(), StoreError> {
        if count as u64 <= self.size - self.offset {
            return Ok(());
        }
        let what = format!("more than the announced {} bytes came", self.size);
        Err(StoreError::corrupt(format!("take in blob {}", self.digest), what))
    }

    /// Checks size and digest, and moves the blob into place, durably.
    ///
    /// # Errors
    /// Too few bytes came, or they have another digest (`is_corrupt`; the bytes with the wrong digest are dropped).
    pub fn finish(self) -> Result<(), StoreError> {
        self.check()?;
        let target = self.layout.blob(&self.digest);
        self.file
            .sync_all()
            .and_then(|()| fs::rename(&self.path, &target))
            .map_err(StoreError::io("write", &target))?;
        sync_directory(&self.layout.blobs())
    }

    /// Checks size and digest, and leaves the blob where it was written, for whoever needs it only for a while. Other
    /// writers of the same blob wait until then; a process that is killed leaves it to the next one.
    ///
    /// # Errors
    /// As for [`finish`](Self::finish), the disk excepted.
    pub fn set_aside(self) -> Result<Aside, StoreError> {
        self.check()?;
        Ok(Aside { path: self.path, _lock: self.file })
    }

    fn check(&self) -> Result<(), StoreError> {
        let corrupt = |what| Err(StoreError::corrupt(format!("take in blob {}", self.digest), what));
        if self.offset < self.size {
            return corrupt(format!("only {} of {} bytes came", self.offset, self.size));
        }
        let found = Sha256Digest::from_bytes(self.hasher.clone().finalize().into());
        if found != self.digest {
            fs::remove_file(&self.path).map_err(StoreError::io("remove", &self.path))?;
            return corrupt(format!("its bytes have the digest {found}"));
        }
        Ok(())
    }
}

/// A blob that is whole, and not in the store.
#[derive(Debug)]
pub struct Aside {
    path: PathBuf,
    _lock: File,
}

impl Aside {
    /// Where its bytes are.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn remove(self) -> Result<(), StoreError> {
        fs::remove_file(&self.path).map_err(StoreError::io("remove", &self.path))
    }
}

fn open_partial(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o644).open(path)
}

fn is_still_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(named)) => open.ino() == named.ino() && open.dev() == named.dev(),
        _ => false,
    }
}
