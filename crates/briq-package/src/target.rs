//! Files and folders that come into being whole or not at all.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

use crate::error::Fault;

/// Writes a file beside its target and moves it there once it is on the disk.
///
/// Whatever fails, the target is what it was before, and nothing is left beside it. A process that is killed leaves at
/// most a file that begins with `.briq-`.
pub(crate) fn replace<T>(target: &Path, fill: impl FnOnce(&mut File) -> Result<T, Fault>) -> Result<T, Fault> {
    let folder = folder_of(target);
    let mut file = temporary(folder).map_err(|source| Fault::io("no file can be made beside it", source))?;
    let filled = fill(file.as_file_mut())?;
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
    let parent = Builder::new().prefix(".briq-").tempdir_in(folder);
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

fn temporary(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(".briq-").suffix(".tmp");
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
