//! The pieces of a package's entries, so that an update fetches only those that it does not have.
//!
//! An [`Index`] lists the chunks of every larger entry, each with its length and BLAKE3. Who has the index of a new
//! version, and the bytes of an old one, cuts the old ones in the same way, finds the chunks that both have, and fetches
//! the rest. The index is a hint: it lies beside the package, nobody vouches for it, and what was put together by
//! it counts only when the whole entry has the digest that the package's manifest states.
//!
//! Where bytes are cut:
//!
//! ```text
//! | header of a shard | large tensor       | small tensors …            | large tensor |
//! | cut by content    | fixed pieces, each | cut by content, wherever   | …
//! |                   | from its start     | a tensor begins or ends    |
//! ```
//!
//! Tensors change in place or as a whole, so the pieces of a large one are counted from where it begins, and a header
//! that grows moves no cut behind it. Everything else is cut where its content says (FastCDC, Xia et al., USENIX ATC 2016,
//! in the form of 2020), so that what is inserted or removed changes the chunks around it alone.
//!
//! ```
//! use briq_package::{Draft, Package, chunks::Index};
//!
//! # let folder = tempfile::tempdir()?;
//! # let target = folder.path().join("digits-1.0.0.briq");
//! let mut draft = Draft::new(briq_package::example::manifest());
//! draft.add_bytes("model.onnx".parse()?, b"structure".to_vec())?;
//! draft.add_bytes("weights-00001-of-00001.safetensors".parse()?, vec![0; 1_000_000])?;
//! draft.write(&target)?;
//!
//! let package = Package::open(&target)?;
//! let index = Index::of(&package)?;
//! assert_eq!(Index::from_bytes(&index.to_bytes())?, index);
//! let weights = &package.entries()[1];
//! let chunks = index.chunks(&weights.sha256).expect("the weights are large enough");
//! assert_eq!(chunks.iter().map(|chunk| u64::from(chunk.length)).sum::<u64>(), weights.size);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cutting;
mod document;

use std::collections::BTreeMap;

use briq_spec::{Blake3Digest, EntryPath, Sha256Digest};
use rayon::prelude::*;

use crate::error::{Fault, PackageError};
use crate::package::Package;

pub use cutting::{LARGE_TENSOR_BYTES, PIECE_BYTES};
pub use document::{MAX_CHUNK_BYTES, MAX_INDEX_BYTES};

/// Entries of fewer bytes are not in an index: asking for a part of one costs as much as the whole.
pub const MIN_CONTENT_BYTES: u64 = 64 << 10;

/// One piece of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Chunk {
    /// Number of bytes, at least 1.
    pub length: u32,
    /// BLAKE3 of the bytes.
    pub digest: Blake3Digest,
}

/// The chunks of a package's larger entries, by SHA-256 of the whole entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Index {
    contents: BTreeMap<Sha256Digest, Vec<Chunk>>,
}

impl Index {
    /// The index of a package. All bytes of the larger entries are read, on all cores.
    ///
    /// # Errors
    /// When an entry is not what was packed, or the index would be larger than [`MAX_INDEX_BYTES`].
    pub fn of(package: &Package) -> Result<Self, PackageError> {
        let mut index = Self::default();
        for entry in package.entries().iter().filter(|entry| entry.size >= MIN_CONTENT_BYTES) {
            let bytes = package.read(&entry.path)?;
            index.contents.entry(entry.sha256).or_insert_with(|| cut(&entry.path, bytes));
        }
        if index.byte_length() > MAX_INDEX_BYTES {
            let reason = format!("its chunk index would be larger than {MAX_INDEX_BYTES} bytes");
            return Err(package.explain("index", Fault::limit(reason)));
        }
        Ok(index)
    }

    /// True when no entry is large enough to be in it.
    pub fn is_empty(&self) -> bool {
        self.contents.is_empty()
    }

    /// The chunks of the entry with this SHA-256, in order.
    pub fn chunks(&self, content: &Sha256Digest) -> Option<&[Chunk]> {
        self.contents.get(content).map(Vec::as_slice)
    }
}

/// Cuts the bytes of an entry into chunks, which give them again when they are put together. Any bytes can be cut;
/// those of a path that ends with `.safetensors` are cut between tensors where they are a shard.
pub fn cut(path: &EntryPath, bytes: &[u8]) -> Vec<Chunk> {
    let ranges = cutting::ranges(path, bytes);
    ranges.into_par_iter().map(|range| Chunk::of(&bytes[range])).collect()
}

impl Chunk {
    fn of(bytes: &[u8]) -> Self {
        let length = u32::try_from(bytes.len()).expect("a piece is far shorter than 4 GiB");
        Self { length, digest: Blake3Digest::from_bytes(blake3::hash(bytes).into()) }
    }
}
