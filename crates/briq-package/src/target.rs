//! Files and folders that come into being whole or not at all.

use std::fs::{self, File, Permissions, TryLockError};
use std::io::{self, Write as _};
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

use crate::error::Fault;

/// How the name of what is not yet whole begins.
const PREFIX: &str = ".briq-";

/// And how it ends, where it is a file.
const SUFFIX: &str = ".tmp";

/// Writes a file beside its target and moves it there once it is on the disk.
///
/// Whatever fails, the target is what it was before, and nothing is left beside it. A process that is killed leaves at
/// most a file `.briq-….tmp`, which the next one that writes into the folder removes.
pub(crate) fn replace<T>(target: &Path, fill: impl FnOnce(&File) -> Result<T, Fault>) -> Result<T, Fault> {
    let folder = folder_of(target);
    remove_abandoned(folder);
    let file = held(folder).map_err(|source| Fault::io("no file can be made beside it", source))?;
    let filled = fill(file.as_file())?;
    file.as_file().sync_all().map_err(|source| Fault::io("it does not reach the disk", source))?;
    file.persist(target).map_err(|error| Fault::io("it cannot be put in place", error.error))?;
    sync(folder).map_err(|source| Fault::io("its folder does not reach the disk", source))?;
    Ok(filled)
}

/// Writes a small file whole or not at all: beside its target, synced, then renamed over it. It gets the permissions that
/// any new file has.
///
/// # Errors
/// What the system says; the target is then what it was before.
pub fn replace_file(target: &Path, contents: &[u8]) -> io::Result<()> {
    let folder = folder_of(target);
    let mut file = temporary(folder)?;
    file.write_all(contents)?;
    file.as_file().sync_all()?;
    file.persist(target)?;
    sync(folder)
}

/// Fills a folder beside its target and moves it there once it is on the disk. The target must be absent or empty.
pub(crate) fn create_folder(target: &Path, fill: impl FnOnce(&Path) -> Result<(), Fault>) -> Result<(), Fault> {
    let folder = folder_of(target);
    fs::create_dir_all(folder).map_err(|source| Fault::io("its parent cannot be made", source))?;
    check_vacant(target)?;
    let parent = Builder::new().prefix(PREFIX).tempdir_in(folder);
    let parent = parent.map_err(|source| Fault::io("no folder can be made beside it", source))?;
    // The temporary folder is its owner's alone; the one inside has the permissions that any new folder has.
    let filled = parent.path().join("filled");
    fs::create_dir(&filled).map_err(|source| Fault::io("no folder can be made beside it", source))?;
    fill(&filled)?;
    fs::rename(&filled, target).map_err(|source| Fault::io("it cannot be put in place", source))?;
    sync(folder).map_err(|source| Fault::io("its folder does not reach the disk", source))
}

fn check_vacant(target: &Path) -> Result<(), Fault> {
    match fs::read_dir(target).map(|mut content| content.next()) {
        Ok(None) => Ok(()),
        Ok(Some(_)) => Err(Fault::invalid("it is there already, and not empty")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Fault::io("it is there already, and no folder", error)),
    }
}

/// A temporary file with a lock on it, which says that its maker lives.
///
/// Where another process took it for abandoned before it was locked, there is a next one. A file system without locks
/// gives none to the other process either, which then removes nothing.
fn held(folder: &Path) -> io::Result<NamedTempFile> {
    loop {
        let file = temporary(folder)?;
        let taken = matches!(file.as_file().try_lock(), Err(TryLockError::WouldBlock));
        if !taken && file.path().try_exists()? {
            return Ok(file);
        }
    }
}

/// Removes the temporary files whose makers were killed: those that nobody holds a lock on. That this fails is no reason
/// to write nothing.
fn remove_abandoned(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let ours = |name: &str| name.starts_with(PREFIX) && name.ends_with(SUFFIX);
    for path in entries.filter(|entry| entry.file_name().to_str().is_some_and(ours)).map(|entry| entry.path()) {
        let abandoned = File::open(&path).ok().filter(|file| file.try_lock().is_ok());
        if abandoned.is_some() {
            drop(fs::remove_file(&path));
        }
    }
}

fn temporary(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    readable(&mut builder);
    builder.tempfile_in(folder)
}

/// A package is no secret: it gets the permissions that any new file has, less the user's mask.
#[cfg(unix)]
fn readable(builder: &mut Builder<'_, '_>) {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(Permissions::from_mode(0o666));
}

#[cfg(not(unix))]
fn readable(_: &mut Builder<'_, '_>) {}

fn folder_of(target: &Path) -> &Path {
    match target.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Makes the entries of a folder survive a power cut.
pub(crate) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
