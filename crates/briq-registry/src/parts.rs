//! Putting a blob together from parts that are on this machine and parts that are fetched.

use std::ops::Range;
use std::sync::Arc;

use briq_store::BlobWriter;
use bytes::{Bytes, BytesMut};
use futures::{StreamExt as _, stream};
use reqwest::header::RANGE;
use reqwest::{Method, StatusCode};

use crate::error::RegistryError;
use crate::fetch::{Fetch, range_start};
use crate::recipe::{Piece, Place, Recipe};
use crate::task::blocking;
use crate::transport::{ATTEMPTS, Scope, pause};
use crate::update::Update;

/// Ranges of one blob that are fetched at once, and wait in memory for their turn.
const RANGES: usize = 4;

/// What came of an attempt to fetch parts of a blob.
enum Parts {
    /// The blob is whole.
    All,
    /// The registry does not send parts: what is left must come in one.
    None(Box<BlobWriter>),
}

/// Where a part of a blob comes from.
enum Part {
    /// It lies on this machine.
    Here(Arc<Update>, Place),
    /// It came over the network.
    Fetched(Bytes),
}

impl Fetch<'_> {
    /// Puts the rest together from parts that are here and parts that are fetched, in their order: what is there when
    /// the process ends is the beginning of the blob, as always.
    pub(crate) async fn assemble(
        &self,
        writer: BlobWriter,
        recipe: &Recipe,
        update: &Arc<Update>,
    ) -> Result<(), RegistryError> {
        match self.parts(writer, recipe, update).await? {
            Parts::All => Ok(()),
            Parts::None(writer) => self.complete(*writer).await,
        }
    }

    async fn parts(
        &self,
        mut writer: BlobWriter,
        recipe: &Recipe,
        update: &Arc<Update>,
    ) -> Result<Parts, RegistryError> {
        let pieces: Vec<Piece> = recipe.rest(writer.offset()).collect();
        let absent = pieces.iter().filter(|piece| piece.place.is_none());
        let mut fetched = stream::iter(absent.map(|piece| self.range(piece.range.clone()))).buffered(RANGES);
        for piece in &pieces {
            let part = match piece.place {
                Some(place) => Part::Here(Arc::clone(update), place),
                None => match fetched.next().await.transpose()?.flatten() {
                    Some(bytes) => Part::Fetched(bytes),
                    None => return Ok(Parts::None(Box::new(writer))),
                },
            };
            writer = self.append(writer, piece, part).await?;
        }
        blocking(move || writer.finish()).await.map_err(RegistryError::store(&self.doing))?;
        Ok(Parts::All)
    }

    async fn append(&self, mut writer: BlobWriter, piece: &Piece, part: Part) -> Result<BlobWriter, RegistryError> {
        let length = piece.range.end - piece.range.start;
        if matches!(part, Part::Here(..)) {
            self.meter.reuse(length);
        }
        let written = blocking(move || match part {
            Part::Fetched(bytes) => writer.write(&bytes).map(|()| Some(writer)),
            Part::Here(update, place) => match (update.bytes(place, length), update.extent(place, length)) {
                (Some(bytes), Some(extent)) => writer.share(bytes, &extent).map(|()| Some(writer)),
                (Some(bytes), None) => writer.write(bytes).map(|()| Some(writer)),
                (None, _) => Ok(None),
            },
        });
        let gone = || RegistryError::corrupt(&self.doing, "a package that has a part of it went away");
        let writer = written.await.map_err(RegistryError::store(&self.doing))?.ok_or_else(gone)?;
        self.meter.at(piece.range.end);
        Ok(writer)
    }

    /// The bytes of a range; `None` when the registry does not answer with them, and will not.
    async fn range(&self, range: Range<u64>) -> Result<Option<Bytes>, RegistryError> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.range_once(&range).await {
                Err(error) if error.is_retryable() && attempt < ATTEMPTS => pause(attempt, &error).await,
                Err(error) if error.is_retryable() => return Err(error),
                // Whatever it is, the request for the whole blob will say it better.
                Err(_) => return Ok(None),
                Ok(bytes) => return Ok(bytes),
            }
        }
    }

    async fn range_once(&self, range: &Range<u64>) -> Result<Option<Bytes>, RegistryError> {
        let url = self.url()?;
        let scope = Scope::pull(self.repository.as_str());
        let header = format!("bytes={}-{}", range.start, range.end - 1);
        let fill = |request: reqwest::RequestBuilder| request.header(RANGE, header.as_str());
        let mut response = self.client.transport.send_once(&self.doing, &scope, Method::GET, url, fill).await?;
        if response.status() != StatusCode::PARTIAL_CONTENT || range_start(&response) != Some(range.start) {
            return Ok(None);
        }
        let length = range.end - range.start;
        let mut bytes = BytesMut::new();
        while let Some(piece) = response.chunk().await.map_err(RegistryError::transport(&self.doing))? {
            self.meter.moved(piece.len() as u64);
            if (bytes.len() + piece.len()) as u64 > length {
                return Ok(None);
            }
            bytes.extend_from_slice(&piece);
        }
        Ok((bytes.len() as u64 == length).then(|| bytes.freeze()))
    }
}
