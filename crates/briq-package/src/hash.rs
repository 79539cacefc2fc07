//! The three checksums of an entry: BLAKE3 for Briq, SHA-256 for OCI, CRC-32 for Zip.

use briq_spec::{Blake3Digest, Sha256Digest};
use sha2::{Digest, Sha256};

/// Below this length a second thread costs more than it saves.
pub(crate) const WORTH_A_THREAD: usize = 128 << 10;

/// How much is hashed at a time where two hashes take turns: it stays in the processor's cache for the second.
const TURN: usize = 64 << 10;

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
        Quick::of(bytes).with(sha256(bytes))
    }

    /// Those of an entry that was not read yet: of the right length in every text, and wrong.
    pub(crate) fn unknown(size: u64) -> Self {
        let (blake3, sha256) = (Blake3Digest::from_bytes([0; 32]), Sha256Digest::from_bytes([0; 32]));
        Self { size, blake3, sha256, crc32: 0 }
    }
}

/// BLAKE3 and CRC-32 of bytes that come in chunks: both together take less time than SHA-256.
#[derive(Default)]
pub(crate) struct Quick {
    size: u64,
    blake3: blake3::Hasher,
    crc32: crc32fast::Hasher,
}

impl Quick {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut quick = Self::default();
        quick.update(bytes);
        quick
    }

    pub(crate) fn update(&mut self, chunk: &[u8]) {
        self.size += chunk.len() as u64;
        for turn in chunk.chunks(TURN) {
            self.blake3.update(turn);
            self.crc32.update(turn);
        }
    }

    pub(crate) fn blake3(&self) -> Blake3Digest {
        Blake3Digest::from_bytes(self.blake3.finalize().into())
    }

    pub(crate) fn crc32(&self) -> u32 {
        self.crc32.clone().finalize()
    }

    pub(crate) fn with(self, sha256: Sha256Digest) -> Checksums {
        Checksums { size: self.size, blake3: self.blake3(), sha256, crc32: self.crc32() }
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> Sha256Digest {
    Sha256Digest::from_bytes(Sha256::digest(bytes).into())
}

/// The BLAKE3 of bytes in memory, on all cores when that pays.
pub(crate) fn blake3(bytes: &[u8]) -> Blake3Digest {
    let mut hasher = blake3::Hasher::new();
    if bytes.len() < WORTH_A_THREAD {
        hasher.update(bytes);
    } else {
        hasher.update_rayon(bytes);
    }
    Blake3Digest::from_bytes(hasher.finalize().into())
}
