//! A package as a folder of plain files.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use briq_spec::entry::MANIFEST_ENTRY;

use crate::error::{Fault, PackageError};
use crate::extent::Extent;
use crate::package::Package;
use crate::target;

impl Package {
    /// Writes manifest, entries and seals as files under a folder, which must be absent or empty.
    ///
    /// Every entry is compared with its digest first. The folder appears once it is complete.
    ///
    /// # Errors
    /// When an entry is not what was packed, or the folder is in use or cannot be written; it is then what it was.
    pub fn unpack(&self, folder: &Path) -> Result<(), PackageError> {
        let outer = |fault: Fault| fault.during(format!("unpack to {}", folder.display()));
        self.verify()?;
        target::create_folder(folder, |folder| self.unpack_into(folder)).map_err(outer)
    }

    fn unpack_into(&self, folder: &Path) -> Result<(), Fault> {
        put(folder, MANIFEST_ENTRY, self.manifest_bytes(), None)?;
        for entry in self.entries() {
            let bytes = self.read_fallible(&entry.path)?;
            put(folder, entry.path.as_str(), bytes, self.extent(&entry.path))?;
        }
        self.seals().iter().try_for_each(|seal| put(folder, seal.path.as_str(), &seal.bytes, None))
    }
}

/// Writes one file, which shares what it can of the place where the bytes lie. An entry's path is relative and never leads
/// outside, so joining it is safe.
fn put(folder: &Path, path: &str, bytes: &[u8], extent: Option<Extent>) -> Result<(), Fault> {
    let unwritable = |source| Fault::io("it cannot be written", source).in_entry(path);
    let target = folder.join(path);
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent).map_err(unwritable)?;
    }
    let mut file = File::create_new(target).map_err(unwritable)?;
    let shared = extent.map_or(0, |extent| extent.share(&file, 0));
    let written = file.seek(SeekFrom::Start(shared)).and_then(|_| file.write_all(&bytes[shared as usize..]));
    written.and_then(|()| file.sync_all()).map_err(unwritable)
}
