//! Packed weights that the processes of a machine hold once.
//!
//! Kernels pack weights when a network is loaded, each process for itself. What they have packed is the same in each, so it is
//! written into a file that is named after its bytes, and the file takes the place of the memory:
//!
//! ```text
//! FOLDER/<BLAKE3 of the parts' BLAKE3s>     part · zeros · part · zeros …     each at a multiple of ALIGNMENT
//! ```
//!
//! A process compares every byte before it takes the file in place of its own, so a file that is damaged, or was made by another
//! version, is never used. Whoever uses a file holds a shared lock on it; what nobody holds is removed by the next who comes.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use briq_kernels::residence::{self, Part};

use crate::error::ModelError;

/// Where a part begins in the file: a multiple of every page size that systems have.
const ALIGNMENT: u64 = 64 << 10;

/// Bytes from which sharing is worth a file.
const LEAST: u64 = 1 << 20;

/// How often a file is looked for anew, because another process removed it meanwhile or it was damaged.
const ATTEMPTS: usize = 8;

/// Lets this process and others that run the same networks hold the packed weights of the networks that it has loaded once,
/// in a file in `folder`; says how many bytes they are.
///
/// It is to be called when a network has been loaded, and takes about as long as writing its weights; networks that it was
/// called for before are not looked at again, and answers may go on meanwhile. The file remains as long as a process uses it,
/// and the folder may be deleted at any time. Networks of less than a mebibyte stay as they are, and so do those on other
/// backends than flex.
///
/// # Errors
/// When the file can be neither written nor read, as where the disk is full, or on another system than Linux: the weights then
/// stay this process's own, and the network runs as before.
pub fn share_weights(folder: &Path) -> Result<u64, ModelError> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let parts = Shared::of(residence::settled());
    if parts.length < LEAST {
        return Ok(0);
    }
    let path = folder.join(parts.name());
    let failed = |error| ModelError::io("share weights in", &path, error);
    std::fs::create_dir_all(folder).map_err(failed)?;
    for _ in 0..ATTEMPTS {
        let Some(file) = held(&path).map_err(failed)? else {
            parts.write(folder, &path).map_err(failed)?;
            continue;
        };
        if parts.lay_upon(&Arc::new(file)).map_err(failed)? {
            clear_weights(folder, false);
            return Ok(parts.length);
        }
        std::fs::remove_file(&path).map_err(failed)?;
    }
    Err(ModelError::io("share weights in", &path, std::io::Error::other("it does not keep what is written")))
}

/// Parts in the order of their hashes, each content once, and where it lies.
struct Shared {
    places: Vec<Place>,
    length: u64,
}

struct Place {
    hash: blake3::Hash,
    offset: u64,
    /// All parts with these bytes: a network may have the same weights in several places.
    parts: Vec<Part>,
}

impl Shared {
    fn of(parts: Vec<Part>) -> Self {
        let mut hashed: Vec<_> = parts.into_iter().map(|part| (blake3::hash(bytes(&part)), part)).collect();
        hashed.sort_by_key(|(hash, _)| *hash.as_bytes());
        let (mut places, mut length) = (Vec::<Place>::new(), 0);
        for (hash, part) in hashed {
            match places.last_mut() {
                Some(last) if last.hash == hash => last.parts.push(part),
                _ => {
                    let end = length + bytes(&part).len() as u64;
                    places.push(Place { hash, offset: length, parts: vec![part] });
                    length = end.next_multiple_of(ALIGNMENT);
                }
            }
        }
        Self { places, length }
    }

    fn name(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        self.places.iter().for_each(|place| {
            hasher.update(place.hash.as_bytes());
        });
        hasher.finalize().to_string()
    }

    /// Writes the file beside its place and moves it there when it is whole, unless one is there by then. It is locked meanwhile, so that nobody takes it
    /// for one that was left behind.
    fn write(&self, folder: &Path, path: &Path) -> std::io::Result<()> {
        let temporary = tempfile::NamedTempFile::new_in(folder)?;
        temporary.as_file().lock()?;
        let mut out = BufWriter::with_capacity(ALIGNMENT as usize, temporary.as_file());
        let mut end = 0;
        for place in &self.places {
            std::io::copy(&mut std::io::Read::take(std::io::repeat(0), place.offset - end), &mut out)?;
            out.write_all(bytes(&place.parts[0]))?;
            end = place.offset + bytes(&place.parts[0]).len() as u64;
        }
        out.flush()?;
        drop(out);
        // The last part is mapped in whole pages.
        temporary.as_file().set_len(self.length)?;
        match temporary.persist_noclobber(path) {
            // Another process was faster, and its file is in use already.
            Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            done => done.map(drop).map_err(|error| error.error),
        }
    }

    /// Lets the file take the place of every part. Says whether it holds what they hold.
    fn lay_upon(&self, file: &Arc<File>) -> std::io::Result<bool> {
        if file.metadata()?.len() != self.length {
            return Ok(false);
        }
        for place in &self.places {
            for part in &place.parts {
                if !part.lay_upon(file, place.offset)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

fn bytes(part: &Part) -> &[u8] {
    residence::bytes(part.numbers())
}

/// A file under a shared lock; `None` where there is none, or it was removed before the lock was there.
fn held(path: &Path) -> std::io::Result<Option<File>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    file.lock_shared()?;
    Ok(is_there(&file)?.then_some(file))
}

/// Whether a file that is open still has a name.
#[cfg(unix)]
fn is_there(file: &File) -> std::io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    Ok(file.metadata()?.nlink() > 0)
}

#[cfg(not(unix))]
fn is_there(_: &File) -> std::io::Result<bool> {
    Ok(true)
}

/// Removes the files in a folder of [`share_weights`] that no process uses, or with `dry_run` only looks at them; says how many
/// bytes they have. What cannot be looked at is left to the next who comes.
pub fn clear_weights(folder: &Path, dry_run: bool) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let unused = entries.filter_map(|entry| {
        let file = File::open(entry.path()).ok()?;
        // Not to be had as long as a process maps it or writes it.
        file.try_lock().ok()?;
        let length = file.metadata().ok().filter(std::fs::Metadata::is_file)?.len();
        (dry_run || std::fs::remove_file(entry.path()).is_ok()).then_some(length)
    });
    unused.sum()
}
