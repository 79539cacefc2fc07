//! An index as bytes. There is one form for each index; `docs/src/updates.md` is its specification.

use std::collections::BTreeMap;

use briq_spec::{Blake3Digest, Sha256Digest};

use super::{Chunk, Index};
use crate::error::{Fault, PackageError};

/// The largest index that is written or read.
pub const MAX_INDEX_BYTES: u64 = 64 << 20;
/// The longest chunk that is read.
pub const MAX_CHUNK_BYTES: u32 = 16 << 20;

/// What an index begins with; the last byte is the number of its form.
const MAGIC: [u8; 8] = *b"briqidx\x01";
const CONTENT_BYTES: usize = 32 + 4;
const CHUNK_BYTES: usize = 4 + 32;

impl Index {
    /// The bytes of the index, which follow from what is in it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        put_count(&mut bytes, self.contents.len());
        for (content, chunks) in &self.contents {
            bytes.extend_from_slice(content.as_bytes());
            put_count(&mut bytes, chunks.len());
            for chunk in chunks {
                bytes.extend_from_slice(&chunk.length.to_le_bytes());
                bytes.extend_from_slice(chunk.digest.as_bytes());
            }
        }
        bytes
    }

    /// The length of [`to_bytes`](Self::to_bytes).
    pub(super) fn byte_length(&self) -> u64 {
        let chunks: usize = self.contents.values().map(Vec::len).sum();
        (MAGIC.len() + 4 + self.contents.len() * CONTENT_BYTES + chunks * CHUNK_BYTES) as u64
    }

    /// Reads an index. Whether it is right about the bytes that it lists is not known before they are put together.
    ///
    /// # Errors
    /// When the bytes are longer than [`MAX_INDEX_BYTES`] or not those that [`to_bytes`](Self::to_bytes) writes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PackageError> {
        Reader { bytes, at: 0 }.index().map_err(|fault| fault.during("read chunk index"))
    }
}

fn put_count(bytes: &mut Vec<u8>, count: usize) {
    let count = u32::try_from(count).expect("an index of 64 MiB counts to less than 2 million");
    bytes.extend_from_slice(&count.to_le_bytes());
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn index(&mut self) -> Result<Index, Fault> {
        if self.bytes.len() as u64 > MAX_INDEX_BYTES {
            return Err(Fault::limit(format!("it is larger than {MAX_INDEX_BYTES} bytes")));
        }
        if self.take()? != MAGIC {
            return Err(Fault::corrupt("it does not begin as one of a form that is known"));
        }
        let mut contents: BTreeMap<Sha256Digest, Vec<Chunk>> = BTreeMap::new();
        for _ in 0..self.count(CONTENT_BYTES + CHUNK_BYTES)? {
            let at = self.at;
            let content = Sha256Digest::from_bytes(self.take()?);
            if contents.last_key_value().is_some_and(|(last, _)| *last >= content) {
                return Err(Fault::corrupt("its contents are not in the order of their digests").at(at));
            }
            contents.insert(content, self.chunks()?);
        }
        match self.at == self.bytes.len() {
            true => Ok(Index { contents }),
            false => Err(Fault::corrupt("something follows its last chunk").at(self.at)),
        }
    }

    fn chunks(&mut self) -> Result<Vec<Chunk>, Fault> {
        let at = self.at;
        match self.count(CHUNK_BYTES)? {
            0 => Err(Fault::corrupt("a content has no chunk").at(at)),
            count => (0..count).map(|_| self.chunk()).collect(),
        }
    }

    fn chunk(&mut self) -> Result<Chunk, Fault> {
        let at = self.at;
        let length = u32::from_le_bytes(self.take()?);
        if length == 0 || length > MAX_CHUNK_BYTES {
            return Err(Fault::corrupt(format!("a chunk has {length} bytes")).at(at));
        }
        Ok(Chunk { length, digest: Blake3Digest::from_bytes(self.take()?) })
    }

    /// A number of things of so many bytes each, at least, which must still come.
    fn count(&mut self, each: usize) -> Result<u32, Fault> {
        let at = self.at;
        let count = u32::from_le_bytes(self.take()?);
        if count as usize > (self.bytes.len() - self.at) / each {
            return Err(Fault::corrupt("it ends before what it counts").at(at));
        }
        Ok(count)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let found = self.bytes[self.at..].first_chunk();
        let found = *found.ok_or_else(|| Fault::corrupt("it ends too early").at(self.at))?;
        self.at += N;
        Ok(found)
    }
}
