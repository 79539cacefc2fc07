//! A package as it is sent: coded, and perhaps as what it differs by from another.
//!
//! A package lies where it is used uncompressed, so that it can be mapped. On its way, a *parcel* takes its place,
//! `NAME-VERSION.briqz`, with the weights in the [code](crate::codec) for numbers. A parcel with a base is a *delta*: it is
//! small, and needs that base to be expanded. Either way what comes out is the package file, byte for byte.
//!
//! ```text
//! ┌ magic · format · lengths ┐┌ base ┐┌ briq.json ┐┌ seals ┐┌ entry: copied from the base, or coded in parts ┐ … ┌ BLAKE3 ┐
//! ```
//!
//! ```
//! use briq_package::{Draft, Package, parcel};
//! use briq_package::parcel::Parcel;
//! # let folder = tempfile::tempdir()?;
//! # let (old, new) = (folder.path().join("old.briq"), folder.path().join("new.briq"));
//! # let (sent, expanded) = (folder.path().join("new.briqz"), folder.path().join("expanded.briq"));
//! # for (target, last) in [(&old, 1), (&new, 2)] {
//! #     let mut draft = Draft::new(briq_package::example::manifest());
//! #     draft.add_bytes("model.onnx".parse()?, b"structure".to_vec())?;
//! #     draft.add_bytes("weights-00001-of-00001.safetensors".parse()?, [vec![0; 1000], vec![last]].concat())?;
//! #     draft.write(target)?;
//! # }
//! let base = Package::open(&old)?;
//! parcel::write(&Package::open(&new)?, Some(&base), &sent)?;
//!
//! let parcel = Parcel::open(&sent)?;
//! assert_eq!(parcel.base().map(|needed| needed.digest), Some(base.digest()));
//! parcel.expand(Some(&base), &expanded)?;
//! assert_eq!(std::fs::read(expanded)?, std::fs::read(new)?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A parcel is as untrusted as a package: every length is compared with the bytes that are there before memory is taken,
//! and an entry whose bytes do not match its three checksums leaves nothing behind.

mod expand;
mod plan;
mod read;
mod tensors;
mod write;

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use briq_spec::{Blake3Digest, Manifest, PackageName};

use crate::backing;
use crate::error::{Fault, PackageError, PackageErrorKind};
use crate::hash;
use crate::write::Seal;

use self::read::{Fields, Preamble};

pub use self::expand::{Decoder, Expanded};
pub use self::write::{Coded, encode, write};

/// What every parcel begins with. The last bytes are lost where a transfer takes it for text.
pub const MAGIC: [u8; 8] = *b"\x89BRIQZ\n\x1a";

/// The number of the format of parcels.
pub const PARCEL_FORMAT: u32 = 1;

/// The file name of a parcel ends in this.
pub const EXTENSION: &str = "briqz";

/// The package that a delta is told from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// Its name, which helps to find it.
    pub name: PackageName,
    /// Its identity, which it must have.
    pub digest: Blake3Digest,
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.digest)
    }
}

/// An open parcel.
pub struct Parcel {
    bytes: Box<dyn AsRef<[u8]> + Send + Sync>,
    /// What is said of it in errors.
    what: String,
    base: Option<Base>,
    manifest: Manifest,
    manifest_bytes: Vec<u8>,
    seals: Vec<Seal>,
    /// Where the first entry begins.
    entries_at: usize,
}

impl Parcel {
    /// Whether a file begins as a parcel does; no other file is one.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn is_parcel(path: &Path) -> Result<bool, PackageError> {
        let mut magic = Vec::with_capacity(MAGIC.len());
        let read = File::open(path).and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut magic));
        let unreadable =
            |source| Fault::io("it cannot be read", source).during(format!("open package {}", path.display()));
        read.map_err(unreadable)?;
        Ok(magic == MAGIC)
    }

    /// Opens a parcel file, and compares it with the digest at its end.
    ///
    /// Its entries are looked at when it is expanded.
    ///
    /// # Errors
    /// When the file cannot be read or is not a whole parcel.
    pub fn open(path: &Path) -> Result<Self, PackageError> {
        let what = format!("parcel {}", path.display());
        let map = backing::map(path).map_err(|source| Fault::io("it cannot be read", source));
        let parcel = map.and_then(|map| Self::new(Box::new(map), what.clone()));
        parcel.map_err(|fault| fault.during(format!("open {what}")))
    }

    /// A parcel in memory, such as one that came over a network.
    ///
    /// # Errors
    /// When it is not a whole parcel.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, PackageError> {
        let what = "parcel in memory".to_owned();
        Self::new(Box::new(bytes), what).map_err(|fault| fault.during("open parcel in memory"))
    }

    fn new(source: Box<dyn AsRef<[u8]> + Send + Sync>, what: String) -> Result<Self, Fault> {
        let bytes = (*source).as_ref();
        let mut fields = Fields::new(body(bytes)?);
        let Preamble { base, manifest, seals } = Preamble::read(&mut fields)?;
        let (manifest_bytes, entries_at) = (manifest.to_vec(), fields.at());
        let manifest = Manifest::from_canonical_json(&manifest_bytes).map_err(Fault::manifest)?;
        crate::write::check_seals(&seals)?;
        Ok(Self { what, base, manifest, manifest_bytes, seals, entries_at, bytes: source })
    }

    /// What the package is.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The identity of the package.
    pub fn digest(&self) -> Blake3Digest {
        hash::blake3(&self.manifest_bytes)
    }

    /// The package that is needed to expand it, if it is a delta.
    pub fn base(&self) -> Option<&Base> {
        self.base.as_ref()
    }

    /// The coded entries.
    fn entries(&self) -> Fields<'_> {
        let bytes = (*self.bytes).as_ref();
        Fields::from(&bytes[..bytes.len() - blake3::OUT_LEN], self.entries_at)
    }

    fn explain(&self, verb: &str, fault: Fault) -> PackageError {
        fault.during(format!("{verb} {}", self.what))
    }
}

/// The parcel as it is sent.
impl AsRef<[u8]> for Parcel {
    fn as_ref(&self) -> &[u8] {
        (*self.bytes).as_ref()
    }
}

impl fmt::Debug for Parcel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parcel").field("what", &self.what).field("base", &self.base).finish_non_exhaustive()
    }
}

/// What stands before the digest, which it has.
fn body(bytes: &[u8]) -> Result<&[u8], Fault> {
    if !bytes.starts_with(&MAGIC) {
        return Err(Fault::corrupt("it does not begin as a parcel does").at(0));
    }
    let format = bytes[MAGIC.len()..].first_chunk().map(|format| u32::from_le_bytes(*format));
    if let Some(format) = format
        && format > PARCEL_FORMAT
    {
        return Err(Fault::new(PackageErrorKind::Unsupported, format!("it is of format {format}")));
    }
    let (body, digest) = bytes.split_last_chunk().ok_or_else(|| Fault::corrupt("it ends too soon"))?;
    if hash::blake3(body) != Blake3Digest::from_bytes(*digest) {
        return Err(Fault::corrupt("its bytes do not match the digest at its end"));
    }
    Ok(body)
}

/// The file name of a parcel: `NAME-VERSION.briqz` for `NAME-VERSION.briq`.
pub fn file_name(package: &Path) -> PathBuf {
    package.with_extension(EXTENSION)
}
