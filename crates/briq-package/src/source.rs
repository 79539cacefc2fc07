//! Where the bytes of an entry come from: read once, and on the way hashed and handed on.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use briq_spec::Sha256Digest;
use briq_spec::manifest::Entry;
use sha2::{Digest, Sha256};

use crate::backing::{Backing, Shared};
use crate::error::Fault;
use crate::hash::{self, Checksums, Quick, WORTH_A_THREAD};

/// How much of a file is read at a time: it stays in the processor's cache until it is hashed and written.
const CHUNK: usize = 256 << 10;

/// How many chunks of one entry are in memory, so that neither of its threads waits for the other at every chunk.
const CHUNKS: usize = 4;

/// Takes the bytes of an entry chunk by chunk, with the offset of each in the entry.
pub(crate) type Take<'t> = dyn FnMut(u64, &[u8]) -> Result<(), Fault> + 't;

/// Where the bytes of an entry come from.
#[derive(Debug, Clone)]
pub(crate) enum Content<'b> {
    Bytes(Cow<'b, [u8]>),
    /// An entry of another package, which stays mapped.
    Shared(Shared),
    File(PathBuf),
}

/// An entry that is to be written.
pub(crate) struct Source<'b> {
    pub(crate) size: u64,
    content: Content<'b>,
    /// The entry that it is already, of some package.
    origin: Option<Origin<'b>>,
}

/// An entry of an open package.
struct Origin<'b> {
    backing: &'b Backing,
    number: usize,
    entry: &'b Entry,
}

impl<'b> Source<'b> {
    /// Of an entry whose digests are not known yet. A file is looked up, and not read.
    pub(crate) fn new(content: &'b Content<'_>) -> Result<Self, Fault> {
        let (size, content) = match content {
            Content::Bytes(bytes) => (bytes.len() as u64, Content::Bytes(Cow::Borrowed(bytes))),
            Content::Shared(shared) => {
                let (backing, number, entry) = shared.place();
                return Self::known(backing, number, entry);
            }
            Content::File(path) => (fs::metadata(path).map_err(unreadable(path))?.len(), Content::File(path.clone())),
        };
        Ok(Self { size, content, origin: None })
    }

    /// Of an entry of an open package: BLAKE3 is compared, and SHA-256 not computed again.
    pub(crate) fn known(backing: &'b Backing, number: usize, entry: &'b Entry) -> Result<Self, Fault> {
        let bytes = backing.entry(number, entry)?;
        let origin = Some(Origin { backing, number, entry });
        Ok(Self { size: entry.size, content: Content::Bytes(bytes.into()), origin })
    }

    /// Puts what it can into a file without writing it, from the first byte on, and says how much that is.
    pub(crate) fn share(&self, file: &File, offset: u64) -> u64 {
        let extent = self.origin.as_ref().and_then(|origin| origin.backing.extent(origin.number, origin.entry));
        extent.map_or(0, |extent| extent.share(file, offset))
    }

    /// Hands the bytes out, each once, and says what they were. They are as many as was said before.
    pub(crate) fn stream(&self, take: &mut Take<'_>) -> Result<Checksums, Fault> {
        match &self.content {
            Content::Bytes(bytes) => match &self.origin {
                Some(Origin { entry, .. }) => {
                    let quick = quick(bytes, take)?;
                    if quick.blake3() == entry.blake3 { Ok(quick.with(entry.sha256)) } else { Err(changed()) }
                }
                None => of_bytes(bytes, take),
            },
            Content::Shared(shared) => of_bytes(shared, take),
            Content::File(path) if self.size < WORTH_A_THREAD as u64 => of_bytes(&self.read(path)?, take),
            Content::File(path) => self.pipe(path, take),
        }
    }

    /// A small file.
    fn read(&self, path: &Path) -> Result<Vec<u8>, Fault> {
        let mut bytes = Vec::with_capacity(self.size as usize + 1);
        let file = File::open(path).map_err(unreadable(path))?;
        file.take(self.size + 1).read_to_end(&mut bytes).map_err(unreadable(path))?;
        if bytes.len() as u64 == self.size { Ok(bytes) } else { Err(changed()) }
    }

    /// A large file: SHA-256 on a thread of its own, everything else on this one.
    fn pipe(&self, path: &Path, take: &mut Take<'_>) -> Result<Checksums, Fault> {
        let mut file = File::open(path).map_err(unreadable(path))?;
        thread::scope(|scope| {
            let (full, to_hash) = mpsc::channel();
            let (empty, to_fill) = mpsc::channel();
            (0..CHUNKS).for_each(|_| drop(empty.send(Arc::new(Chunk::default()))));
            let sha256 = scope.spawn(move || sha256_of(&to_hash, &empty));
            let mut quick = Quick::default();
            let mut offset = 0;
            for chunk in to_fill {
                let mut chunk = Arc::into_inner(chunk).expect("a chunk comes back once both threads are done with it");
                if chunk.fill(&mut file).map_err(unreadable(path))? == 0 {
                    break;
                }
                let chunk = Arc::new(chunk);
                drop(full.send(chunk.clone()));
                quick.update(chunk.bytes());
                if offset + chunk.length as u64 > self.size {
                    return Err(changed());
                }
                take(offset, chunk.bytes())?;
                offset += chunk.length as u64;
            }
            drop(full);
            let sha256 = sha256.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            if offset == self.size { Ok(quick.with(sha256)) } else { Err(changed()) }
        })
    }
}

/// A part of a file.
#[derive(Default)]
struct Chunk {
    buffer: Vec<u8>,
    length: usize,
}

impl Chunk {
    /// Reads what comes next; 0 at the end.
    fn fill(&mut self, file: &mut File) -> io::Result<usize> {
        self.buffer.resize(CHUNK, 0);
        self.length = file.read(&mut self.buffer)?;
        Ok(self.length)
    }

    fn bytes(&self) -> &[u8] {
        &self.buffer[..self.length]
    }
}

/// Hashes chunks as they come, and gives each back.
fn sha256_of(chunks: &Receiver<Arc<Chunk>>, done: &Sender<Arc<Chunk>>) -> Sha256Digest {
    let mut sha256 = Sha256::new();
    for chunk in chunks {
        sha256.update(chunk.bytes());
        drop(done.send(chunk));
    }
    Sha256Digest::from_bytes(sha256.finalize().into())
}

/// Bytes in memory, with a second thread where that pays.
fn of_bytes(bytes: &[u8], take: &mut Take<'_>) -> Result<Checksums, Fault> {
    if bytes.len() < WORTH_A_THREAD {
        return Ok(quick(bytes, take)?.with(hash::sha256(bytes)));
    }
    thread::scope(|scope| {
        let sha256 = scope.spawn(|| hash::sha256(bytes));
        let quick = quick(bytes, take)?;
        Ok(quick.with(sha256.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))))
    })
}

fn quick(bytes: &[u8], take: &mut Take<'_>) -> Result<Quick, Fault> {
    let mut quick = Quick::default();
    let mut offset = 0;
    for chunk in bytes.chunks(CHUNK) {
        quick.update(chunk);
        take(offset, chunk)?;
        offset += chunk.len() as u64;
    }
    Ok(quick)
}

fn unreadable(path: &Path) -> impl Fn(io::Error) -> Fault {
    move |source| Fault::io(format!("{} cannot be read", path.display()), source)
}

fn changed() -> Fault {
    Fault::invalid("it changed while it was packed")
}
