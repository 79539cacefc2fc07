//! Fetching one blob into a store: what is left of it in one answer, or by its [parts](crate::parts).

use std::sync::Arc;

use briq_spec::PackageName;
use briq_store::oci::Descriptor;
use briq_store::{BlobWriter, Ingest, Session, StoreError};
use bytes::Bytes;
use reqwest::header::{CONTENT_RANGE, RANGE};
use reqwest::{Method, Response, StatusCode, Url};
use tokio::sync::mpsc;

use crate::client::Client;
use crate::error::RegistryError;
use crate::progress::BlobMeter;
use crate::task::blocking;
use crate::transport::{ATTEMPTS, Scope, pause};
use crate::update::Update;

/// Pieces that may wait for the disk: a few megabytes at most.
const QUEUE: usize = 64;

impl Client {
    /// Brings a blob into the store, unless it is there.
    pub(crate) async fn fetch(
        &self,
        repository: &PackageName,
        blob: &Descriptor,
        session: &Arc<Session>,
        meter: BlobMeter,
        update: Arc<Update>,
    ) -> Result<(), RegistryError> {
        let doing = format!("pull blob {} of {}/{repository}", blob.digest, self.endpoint().host());
        let fetch = Fetch { client: self, repository, blob, doing, meter };
        match fetch.begin(session).await? {
            None => fetch.meter.reuse(blob.size),
            Some(writer) => fetch.bring(writer, session, &update).await?,
        }
        fetch.meter.finish(blob.size);
        Ok(())
    }
}

/// One blob on its way.
pub(crate) struct Fetch<'a> {
    pub(crate) client: &'a Client,
    pub(crate) repository: &'a PackageName,
    pub(crate) blob: &'a Descriptor,
    pub(crate) doing: String,
    pub(crate) meter: BlobMeter,
}

impl Fetch<'_> {
    pub(crate) async fn begin(&self, session: &Arc<Session>) -> Result<Option<BlobWriter>, RegistryError> {
        let (session, digest, size) = (Arc::clone(session), self.blob.digest, self.blob.size);
        match blocking(move || session.ingest(&digest, size)).await.map_err(RegistryError::store(&self.doing))? {
            Ingest::Present => Ok(None),
            Ingest::Wanted(writer) => Ok(Some(*writer)),
        }
    }

    async fn bring(
        &self,
        writer: BlobWriter,
        session: &Arc<Session>,
        update: &Arc<Update>,
    ) -> Result<(), RegistryError> {
        let resumed = writer.offset() > 0;
        self.meter.reuse(writer.offset());
        let recipe = update.recipe(&self.blob.digest);
        let result = match recipe {
            Some(recipe) => self.assemble(writer, recipe, update).await,
            None => self.complete(writer).await,
        };
        match result {
            // What an earlier process left behind may be damaged, by a power failure for instance.
            Err(error) if error.is_corrupt() && (resumed || recipe.is_some()) => {
                if recipe.is_some() {
                    self.meter.warn("the parts do not make the blob, so it is fetched whole", &error);
                }
                self.meter.start_again();
                self.again(session).await
            }
            other => other,
        }
    }

    /// Where the blob is.
    pub(crate) fn url(&self) -> Result<Url, RegistryError> {
        self.client.transport.url(&format!("{}/blobs/{}", self.repository, self.blob.digest))
    }

    async fn again(&self, session: &Arc<Session>) -> Result<(), RegistryError> {
        match self.begin(session).await? {
            Some(writer) => self.complete(writer).await,
            None => Ok(()),
        }
    }

    /// Fetches the rest, and moves the blob into place.
    pub(crate) async fn complete(&self, writer: BlobWriter) -> Result<(), RegistryError> {
        let writer = self.fill(writer).await?;
        blocking(move || writer.finish()).await.map_err(RegistryError::store(&self.doing))
    }

    /// Fetches the rest, in as many requests as it takes; gives up when several in a row bring nothing.
    pub(crate) async fn fill(&self, mut writer: BlobWriter) -> Result<BlobWriter, RegistryError> {
        let mut attempt = 0;
        while writer.offset() < writer.size() {
            let before = writer.offset();
            attempt += 1;
            let result;
            (writer, result) = self.request(writer).await?;
            match result {
                Err(error) if !error.is_retryable() => return Err(error),
                _ if writer.offset() > before => attempt = 0,
                Ok(()) if attempt >= ATTEMPTS => {
                    return Err(RegistryError::protocol(&self.doing, "the registry ends its answers too early"));
                }
                Ok(()) => {}
                Err(error) if attempt >= ATTEMPTS => return Err(error),
                Err(error) => pause(attempt, &error).await,
            }
        }
        Ok(writer)
    }

    /// One request for the rest. The writer comes back whatever the network did; an error of the disk is final.
    async fn request(&self, writer: BlobWriter) -> Result<(BlobWriter, Result<(), RegistryError>), RegistryError> {
        match self.open(writer.offset()).await {
            Err(error) => Ok((writer, Err(error))),
            Ok((response, restart)) => self.stream(writer, response, restart).await,
        }
    }

    /// The answer, and whether it begins at the beginning although the rest was asked for.
    async fn open(&self, offset: u64) -> Result<(Response, bool), RegistryError> {
        let url = self.url()?;
        let scope = Scope::pull(self.repository.as_str());
        let fill = |request: reqwest::RequestBuilder| match offset {
            0 => request,
            offset => request.header(RANGE, format!("bytes={offset}-")),
        };
        let response = self.client.transport.send_once(&self.doing, &scope, Method::GET, url, fill).await?;
        let partial = response.status() == StatusCode::PARTIAL_CONTENT;
        if partial && range_start(&response) != Some(offset) {
            return Err(RegistryError::protocol(&self.doing, "the registry sent another range than was asked for"));
        }
        Ok((response, offset > 0 && !partial))
    }

    /// Writes and hashes on a thread of its own, while the next bytes arrive.
    async fn stream(
        &self,
        mut writer: BlobWriter,
        mut response: Response,
        restart: bool,
    ) -> Result<(BlobWriter, Result<(), RegistryError>), RegistryError> {
        let mut offset = if restart { 0 } else { writer.offset() };
        if restart {
            self.meter.start_again();
        }
        let (sender, mut receiver) = mpsc::channel::<Bytes>(QUEUE);
        let disk = tokio::task::spawn_blocking(move || {
            if restart {
                writer.restart()?;
            }
            while let Some(piece) = receiver.blocking_recv() {
                writer.write(&piece)?;
            }
            Ok::<_, StoreError>(writer)
        });
        let network = loop {
            match response.chunk().await {
                Ok(None) => break Ok(()),
                Err(error) => break Err(RegistryError::transport(&self.doing)(error)),
                Ok(Some(piece)) => {
                    let length = piece.len() as u64;
                    offset += length;
                    // The disk refused: its error is the one to report.
                    if sender.send(piece).await.is_err() {
                        break Ok(());
                    }
                    self.meter.moved(length);
                    self.meter.at(offset);
                }
            }
        };
        drop(sender);
        let written = disk.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        Ok((written.map_err(RegistryError::store(&self.doing))?, network))
    }
}

/// The first byte of `Content-Range: bytes FIRST-LAST/SIZE`.
pub(crate) fn range_start(response: &Response) -> Option<u64> {
    let text = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    text.strip_prefix("bytes ")?.split_once('-')?.0.trim().parse().ok()
}
