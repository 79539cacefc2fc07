//! Puts the members of a package where their lengths say, in whatever order they come to be known.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Mutex, PoisonError};
use std::thread;

use briq_spec::EntryPath;
use rayon::prelude::*;

use crate::error::Fault;
use crate::hash::Checksums;
use crate::source::Source;
use crate::zip::{Item, Layout};

/// How much is written before the disk is told to begin with it.
const FLUSHED: u64 = 32 << 20;

/// A package file that is being filled.
pub(crate) struct Writer<'f> {
    file: &'f File,
    /// Held while a place is sought and written to: the file has one position.
    position: Mutex<()>,
    /// Whose checksums are those of the members that were put so far.
    items: Vec<Item>,
    layout: Layout,
}

impl<'f> Writer<'f> {
    /// Into an empty file, members of these lengths, in their order.
    pub(crate) fn new(file: &'f File, members: impl Iterator<Item = (EntryPath, u64)>) -> Result<Self, Fault> {
        let items: Vec<Item> = members.map(|(path, size)| Item { path, size, crc32: 0 }).collect();
        let layout = lay_out(&items)?;
        Ok(Self { file, position: Mutex::new(()), items, layout })
    }

    /// Puts members by their number, several at a time, and says what they were.
    pub(crate) fn stream(&mut self, sources: &[(usize, Source<'_>)]) -> Result<Vec<Checksums>, Fault> {
        let put = |meter: &Meter, (number, source): &(usize, Source<'_>)| {
            let start = self.layout.data(*number).start;
            let shared = source.share(self.file, start);
            let put = source.stream(&mut |offset, chunk| {
                let there = shared.saturating_sub(offset).min(chunk.len() as u64) as usize;
                meter.add(chunk.len() - there);
                self.put_at(start + offset + there as u64, &chunk[there..])
            });
            put.map_err(|fault| fault.in_entry(&self.items[*number].path))
        };
        let put_all = |meter: &Meter| sources.par_iter().map(|source| put(meter, source)).collect();
        let checksums: Vec<Checksums> = flushed(self.file, put_all)?;
        for ((number, _), checksums) in sources.iter().zip(&checksums) {
            self.items[*number].crc32 = checksums.crc32;
        }
        Ok(checksums)
    }

    /// Puts the member with a number, which has the length that was said.
    pub(crate) fn put(&mut self, number: usize, bytes: &[u8]) -> Result<(), Fault> {
        assert_eq!(bytes.len() as u64, self.items[number].size, "where it lies was computed from its length");
        self.items[number].crc32 = crc32fast::hash(bytes);
        let put = self.put_at(self.layout.data(number).start, bytes);
        put.map_err(|fault| fault.in_entry(&self.items[number].path))
    }

    /// Writes headers and directory, once every member was put; says how long the file is.
    pub(crate) fn finish(mut self) -> Result<u64, Fault> {
        self.layout = lay_out(&self.items)?;
        for number in 0..self.items.len() {
            self.put_at(self.layout.header_at(number), &self.layout.header(number))?;
        }
        let tail = self.layout.tail();
        self.put_at(self.layout.directory_at(), &tail)?;
        Ok(self.layout.directory_at() + tail.len() as u64)
    }

    fn put_at(&self, offset: u64, bytes: &[u8]) -> Result<(), Fault> {
        let _held = self.position.lock().unwrap_or_else(PoisonError::into_inner);
        let mut file = self.file;
        let put = file.seek(SeekFrom::Start(offset)).and_then(|_| file.write_all(bytes));
        put.map_err(|source| Fault::io("it cannot be written", source))
    }
}

fn lay_out(items: &[Item]) -> Result<Layout, Fault> {
    Layout::new(items.to_vec()).ok_or_else(|| Fault::invalid("its entries are longer than any file"))
}

/// Does some work while the disk takes what is written already, so that the last flush finds little left to do.
fn flushed<T>(file: &File, work: impl FnOnce(&Meter) -> Result<T, Fault>) -> Result<T, Fault> {
    thread::scope(|scope| {
        let (due, told) = mpsc::sync_channel(1);
        let flusher = scope.spawn(move || told.iter().try_for_each(|()| file.sync_data()));
        let done = work(&Meter { written: AtomicU64::new(0), due });
        let flushed = flusher.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let done = done?;
        flushed.map_err(|source| Fault::io("it does not reach the disk", source))?;
        Ok(done)
    })
}

/// Counts what is written, and tells the flusher from time to time.
struct Meter {
    written: AtomicU64,
    due: SyncSender<()>,
}

impl Meter {
    fn add(&self, count: usize) {
        let before = self.written.fetch_add(count as u64, Ordering::Relaxed);
        if before / FLUSHED != (before + count as u64) / FLUSHED {
            // Where the flusher is busy, it is told next time; where it ended, the caller hears why.
            let _ = self.due.try_send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use briq_spec::manifest::Entry;

    use super::*;
    use crate::{Package, example};

    /// A package of 100 GiB that takes a few kilobytes of disk: its weights are a hole, which would take a minute to hash.
    #[test]
    fn a_hundred_gibibytes_are_laid_out_opened_and_mapped() {
        const WEIGHTS: u64 = 100 << 30;
        let structure = b"structure".as_slice();
        let declare = |path: &str, size, checksums: Checksums| {
            let Checksums { blake3, sha256, .. } = checksums;
            Entry { path: path.parse().expect("the literal is a legal path"), size, blake3, sha256 }
        };
        let mut manifest = example::manifest();
        let shard = declare("weights-00001-of-00001.safetensors", WEIGHTS, Checksums::unknown(WEIGHTS));
        manifest.entries = vec![declare("model.onnx", structure.len() as u64, Checksums::of(structure)), shard.clone()];
        let json = manifest.to_canonical_json();
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let target = folder.path().join("huge.briq");
        let file = File::create_new(&target).expect("the folder can be written");
        let members = manifest.entries.iter().map(|entry| (entry.path.clone(), entry.size));
        let first = ("briq.json".parse().expect("the literal is a legal path"), json.len() as u64);
        let mut writer =
            Writer::new(&file, std::iter::once(first).chain(members)).expect("it is shorter than any file");
        writer.put(0, &json).expect("the folder can be written");
        writer.put(1, structure).expect("the folder can be written");
        let size = writer.finish().expect("the folder can be written");

        assert_eq!(file.metadata().expect("it is open").len(), size);
        let package = Package::open(&target).expect("it is a package");
        assert_eq!(package.structure().expect("it is what was put"), structure);
        let weights = package.map_unverified(&shard.path).expect("it is there");
        assert_eq!(weights.len() as u64, WEIGHTS);
        assert_eq!([weights[0], weights[weights.len() / 2], weights[weights.len() - 1]], [0; 3]);
    }
}
