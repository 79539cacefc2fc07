//! A package as it is written: what is said of it afterwards, and the seals that go into it.

use std::path::PathBuf;

use briq_spec::{Blake3Digest, EntryPath};

use crate::archive;
use crate::error::Fault;
use crate::zip::MAX_SEALS;

/// A package that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its identity: the BLAKE3 of its manifest.
    pub digest: Blake3Digest,
    /// The length of the file in bytes.
    pub size: u64,
    /// Where it is.
    pub path: PathBuf,
}

/// A cryptographic signature over the package ([`seal`](crate::seal)). Seals stand behind the entries, and the manifest does not list them,
/// so sealing a package leaves its identity as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// A path under `signatures/`.
    pub path: EntryPath,
    /// The signature.
    pub bytes: Vec<u8>,
}

/// The seals in order, each with a path of its own.
pub(crate) fn check_seals(seals: &[Seal]) -> Result<Vec<&Seal>, Fault> {
    if seals.len() > MAX_SEALS {
        return Err(Fault::limit(format!("it would have {} seals, and at most {MAX_SEALS} are read", seals.len())));
    }
    let mut sorted: Vec<&Seal> = seals.iter().collect();
    sorted.sort_by(|a, b| a.path.cmp(&b.path));
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0].path == pair[1].path) {
        return Err(Fault::invalid("it is there twice").in_entry(&pair[0].path));
    }
    if let Some(path) = archive::below_a_file(sorted.iter().map(|seal| &seal.path)) {
        return Err(Fault::invalid("it lies below another seal").in_entry(path));
    }
    match sorted.iter().find(|seal| !seal.path.is_seal()) {
        Some(seal) => Err(Fault::invalid("it is no seal: seals lie under signatures/").in_entry(&seal.path)),
        None => Ok(sorted),
    }
}
