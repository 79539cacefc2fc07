//! Uploads: a file that grows until its digest is known.
//!
//! All state is the file itself, so an upload survives a restart of the server. Its bytes are hashed when they are
//! complete, on their way into the store.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use axum::body::Body;
use briq_spec::Sha256Digest;
use briq_store::{Ingest, Store};
use bytes::Bytes;
use futures::StreamExt as _;

use crate::error::{Code, Refusal};
use crate::task::blocking;

/// Pieces of a body that may wait for the disk.
const QUEUE: usize = 64;
const CHUNK: usize = 1 << 20;

/// One upload.
#[derive(Debug, Clone)]
pub(crate) struct Upload {
    store: Store,
    path: PathBuf,
}

impl Upload {
    /// Begins an upload; its identifier comes with it.
    pub(crate) fn begin(store: &Store) -> Result<(String, Self), Refusal> {
        let id = identifier().map_err(Refusal::io)?;
        let upload = Self::at(store, &id);
        OpenOptions::new().write(true).create_new(true).open(&upload.path).map_err(Refusal::io)?;
        Ok((id, upload))
    }

    /// An upload that was begun before.
    pub(crate) fn find(store: &Store, id: &str) -> Result<Self, Refusal> {
        let upload = Self::at(store, id);
        match upload.path.is_file() {
            true => Ok(upload),
            false => Err(Refusal::new(Code::BlobUploadUnknown, "there is no such upload")),
        }
    }

    fn at(store: &Store, id: &str) -> Self {
        Self { store: store.clone(), path: store.root().join("ingest").join(format!("upload-{id}.partial")) }
    }

    /// Bytes that have come.
    pub(crate) fn length(&self) -> Result<u64, Refusal> {
        fs::metadata(&self.path).map(|metadata| metadata.len()).map_err(Refusal::io)
    }

    /// Appends a body; the new length. What came before the connection broke stays.
    pub(crate) async fn append(&self, body: Body) -> Result<u64, Refusal> {
        let (sender, mut receiver) = tokio::sync::mpsc::channel::<Bytes>(QUEUE);
        let path = self.path.clone();
        let disk = tokio::task::spawn_blocking(move || {
            let mut file = exclusive(&path)?;
            while let Some(piece) = receiver.blocking_recv() {
                file.write_all(&piece).map_err(Refusal::io)?;
            }
            Ok::<_, Refusal>(())
        });
        let mut pieces = body.into_data_stream();
        let network = loop {
            match pieces.next().await {
                None => break Ok(()),
                Some(Err(error)) => break Err(Refusal::new(Code::BlobUploadInvalid, error.to_string())),
                Some(Ok(piece)) => {
                    // The disk refused: its error is the one to answer.
                    if sender.send(piece).await.is_err() {
                        break Ok(());
                    }
                }
            }
        };
        drop(sender);
        disk.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?;
        network?;
        let upload = self.clone();
        blocking(move || upload.length()).await
    }

    /// Moves the bytes into the store under their digest.
    pub(crate) fn complete(&self, digest: &Sha256Digest) -> Result<(), Refusal> {
        let unknown = Refusal::store(Code::BlobUploadUnknown);
        let session = self.store.session().map_err(unknown)?;
        let result = self.transfer(&session, digest);
        // A wrong digest ends the upload too: what came cannot become right.
        fs::remove_file(&self.path).map_err(Refusal::io)?;
        result
    }

    fn transfer(&self, session: &briq_store::Session, digest: &Sha256Digest) -> Result<(), Refusal> {
        let refuse = |error: briq_store::StoreError| {
            let code = if error.is_corrupt() { Code::DigestInvalid } else { Code::Unknown };
            Refusal::new(code, error.to_string())
        };
        let Ingest::Wanted(mut writer) = session.ingest(digest, self.length()?).map_err(refuse)? else { return Ok(()) };
        writer.restart().map_err(refuse)?;
        let mut file = File::open(&self.path).map_err(Refusal::io)?;
        let mut buffer = vec![0; CHUNK];
        loop {
            let count = file.read(&mut buffer).map_err(Refusal::io)?;
            if count == 0 {
                return writer.finish().map_err(refuse);
            }
            writer.write(&buffer[..count]).map_err(refuse)?;
        }
    }

    /// Gives up.
    pub(crate) fn cancel(&self) -> Result<(), Refusal> {
        fs::remove_file(&self.path).map_err(Refusal::io)
    }
}

/// The file, at its end, and locked: two requests that append at once would mix their bytes.
fn exclusive(path: &std::path::Path) -> Result<File, Refusal> {
    let mut file = OpenOptions::new().write(true).open(path).map_err(Refusal::io)?;
    file.try_lock().map_err(|_| Refusal::new(Code::RangeInvalid, "another request is writing to this upload"))?;
    file.seek(SeekFrom::End(0)).map_err(Refusal::io)?;
    Ok(file)
}

/// 128 bits of the operating system's randomness: whoever knows an identifier may write to the upload.
fn identifier() -> std::io::Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
