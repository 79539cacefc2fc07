//! The directory of the store: an OCI image layout, and how a file gets into it whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use briq_spec::Sha256Digest;
use sha2::{Digest as _, Sha256};

use crate::error::{StoreError, StoreErrorKind};

const LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// Paths of one store.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    pub(crate) fn open(root: &Path) -> Result<Self, StoreError> {
        let layout = Self { root: std::path::absolute(root).map_err(StoreError::io("find", root))? };
        for directory in [layout.blobs(), layout.ingest()] {
            fs::create_dir_all(&directory).map_err(StoreError::io("create", &directory))?;
        }
        layout.mark()?;
        Ok(layout)
    }

    /// Writes `oci-layout`, or refuses a directory that some later layout version has marked.
    fn mark(&self) -> Result<(), StoreError> {
        let path = self.root.join("oci-layout");
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return self.replace(&path, LAYOUT),
            Err(error) => return Err(StoreError::io("read", &path)(error)),
        };
        let doing = || format!("open store {}", self.root.display());
        let marker: serde_json::Value =
            serde_json::from_slice(&text).map_err(|error| StoreError::new(doing(), StoreErrorKind::Json(error)))?;
        match marker["imageLayoutVersion"].as_str() {
            Some(version) if version.starts_with("1.") => Ok(()),
            other => Err(StoreError::new(
                doing(),
                StoreErrorKind::Refused(format!("its layout version is {other:?}, 1.x is known here")),
            )),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn blobs(&self) -> PathBuf {
        self.root.join("blobs/sha256")
    }

    pub(crate) fn blob(&self, digest: &Sha256Digest) -> PathBuf {
        self.blobs().join(digest.to_hex())
    }

    /// Where content is written before it is whole. Inside the root: a rename must not cross file systems.
    pub(crate) fn ingest(&self) -> PathBuf {
        self.root.join("ingest")
    }

    pub(crate) fn index(&self) -> PathBuf {
        self.root.join("index.json")
    }

    /// What is derived from the index, to look things up.
    pub(crate) fn catalog(&self) -> PathBuf {
        self.root.join("index.catalog")
    }

    /// Puts `bytes` at `path`: after a crash at any point the file is the old one or the new one.
    pub(crate) fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        static SERIAL: AtomicU64 = AtomicU64::new(0);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let temporary = self.ingest().join(format!("{}-{serial}.tmp", std::process::id()));
        let result = write_synced(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
        if let Err(error) = result {
            // The error that matters is the first one; a file left here is collected by `gc`.
            let _ = fs::remove_file(&temporary);
            return Err(StoreError::io("write", path)(error));
        }
        sync_directory(path.parent().unwrap_or(&self.root))
    }

    /// A small blob, checked against its digest.
    pub(crate) fn read_blob(&self, digest: &Sha256Digest, limit: u64) -> Result<Vec<u8>, StoreError> {
        let path = self.blob(digest);
        let bytes = read_limited(&path, limit)?;
        if sha256(&bytes) != *digest {
            return Err(StoreError::corrupt(format!("read blob {digest}"), "its bytes have another digest"));
        }
        Ok(bytes)
    }

    /// Whether a blob of this size is there. Its bytes are verified by whoever reads them.
    pub(crate) fn has_blob(&self, digest: &Sha256Digest, size: u64) -> bool {
        fs::metadata(self.blob(digest)).is_ok_and(|metadata| metadata.len() == size)
    }
}

/// SHA-256 of bytes in memory.
pub(crate) fn sha256(bytes: &[u8]) -> Sha256Digest {
    Sha256Digest::from_bytes(Sha256::digest(bytes).into())
}

/// Makes renames inside the directory durable.
pub(crate) fn sync_directory(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(StoreError::io("sync directory", path))
}

/// Reads a file that must not be larger than `limit` bytes.
pub(crate) fn read_limited(path: &Path, limit: u64) -> Result<Vec<u8>, StoreError> {
    let file = File::open(path).map_err(StoreError::io("open", path))?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(StoreError::io("read", path))?;
    if bytes.len() as u64 > limit {
        return Err(StoreError::corrupt(
            format!("read {}", path.display()),
            format!("it is larger than the limit of {limit} bytes"),
        ));
    }
    Ok(bytes)
}

fn write_synced(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
