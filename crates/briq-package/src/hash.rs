//! The three checksums of an entry, taken in one pass: BLAKE3 for Briq, SHA-256 for OCI, CRC-32 for Zip.

use briq_spec::{Blake3Digest, Sha256Digest};
use sha2::{Digest, Sha256};

/// Below this length a second thread costs more than it saves.
const WORTH_A_THREAD: usize = 64 << 10;

/// What one pass over some bytes tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Checksums {
    pub(crate) size: u64,
    pub(crate) blake3: Blake3Digest,
    pub(crate) sha256: Sha256Digest,
    pub(crate) crc32: u32,
}

impl Checksums {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::default();
        hasher.update(bytes);
        hasher.finish()
    }
}

/// Takes the checksums of bytes that come in chunks; SHA-256, the slowest, on a thread of its own.
#[derive(Default)]
pub(crate) struct Hasher {
    size: u64,
    blake3: blake3::Hasher,
    sha256: Sha256,
    crc32: crc32fast::Hasher,
}

impl Hasher {
    pub(crate) fn update(&mut self, chunk: &[u8]) {
        let Self { size, blake3, sha256, crc32 } = self;
        *size += chunk.len() as u64;
        let mut fast = || {
            blake3.update(chunk);
            crc32.update(chunk);
        };
        if chunk.len() < WORTH_A_THREAD {
            fast();
            sha256.update(chunk);
        } else {
            rayon::join(fast, || sha256.update(chunk));
        }
    }

    pub(crate) fn finish(self) -> Checksums {
        Checksums {
            size: self.size,
            blake3: Blake3Digest::from_bytes(self.blake3.finalize().into()),
            sha256: Sha256Digest::from_bytes(self.sha256.finalize().into()),
            crc32: self.crc32.finalize(),
        }
    }
}

/// The BLAKE3 of bytes in memory, on all cores when that pays.
pub(crate) fn blake3(bytes: &[u8]) -> Blake3Digest {
    let mut hasher = blake3::Hasher::new();
    if bytes.len() < 2 * WORTH_A_THREAD {
        hasher.update(bytes);
    } else {
        hasher.update_rayon(bytes);
    }
    Blake3Digest::from_bytes(hasher.finalize().into())
}
