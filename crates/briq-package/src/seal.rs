//! Seals: who vouches for a package, in the form of OpenSSF Model Signing 1.0.
//!
//! A seal is the entry `signatures/model.sig`: a Sigstore bundle with a DSSE envelope around an in-toto statement, which
//! lists every other file of the package, `briq.json` included, by its SHA-256. It stands outside of the manifest, so
//! sealing changes nothing of what is sealed; and since the statement is about plain files, whoever unpacks a package
//! can check it without Briq, and what others sign over the unpacked files can be checked by Briq.
//!
//! ```
//! use briq_package::seal::{self, PrivateKey, Trust};
//! use briq_package::{Draft, Package};
//! # let folder = tempfile::tempdir()?;
//! # let target = folder.path().join("digits-1.0.0.briq");
//! # let mut draft = Draft::new(briq_package::example::manifest());
//! # draft.add_bytes("model.onnx".parse()?, b"structure".to_vec())?;
//! # draft.add_bytes("weights-00001-of-00001.safetensors".parse()?, vec![0; 1000])?;
//! # draft.write(&target)?;
//!
//! let key = PrivateKey::from_pem(briq_package::example::PRIVATE_KEY, None)?;
//! let package = Package::open(&target)?;
//! package.assemble_sealed(&target, &[seal::seal(&package, &key)?])?;
//!
//! let sealed = Package::open(&target)?;
//! assert_eq!(sealed.digest(), package.digest());
//! let signer = seal::verify(&sealed, &Trust::default().with_key(key.public_key()))?;
//! assert_eq!(signer.key, key.public_key().id());
//! assert!(seal::verify(&sealed, &Trust::default()).unwrap_err().is_refused());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What it refuses: keys of other curves than P-256 and P-384; bundles with several signatures, of other versions, or of
//! Sigstore's keyless kind; statements that leave out a file of the package or list one it does not have; digests of
//! algorithms that the manifest does not hold. Nothing is fetched: no transparency log, no revocation list.

mod bundle;
mod certificate;
mod error;
mod key;
mod pem;
mod statement;
mod trust;

pub use self::certificate::Certificates;
pub use self::error::{SealError, SealErrorKind};
pub use self::key::{KeyId, PrivateKey, PublicKey};
pub use self::trust::{Signer, Trust};

use self::bundle::{Bundle, Material};
use self::statement::Statement;
use crate::package::Package;
use crate::write::Seal;

/// Where a seal lies.
pub const SEAL_ENTRY: &str = "signatures/model.sig";

/// The longest seal in bytes. One of a package with a million entries has about 300 MB; this is enough for 200,000.
pub const MAX_SEAL_BYTES: usize = 64 << 20;

/// Seals a package.
///
/// The entries' bytes are not read: what is sealed is the manifest, and the digests that it holds. RFC 6979 makes the
/// seal a function of package and key alone.
///
/// # Errors
/// When the certificates that came with the key are not for it.
pub fn seal(package: &Package, key: &PrivateKey) -> Result<Seal, SealError> {
    let payload = Statement::of(package).to_json();
    let bundle = Bundle::seal(payload, key)?;
    Ok(Seal { path: SEAL_ENTRY.parse().expect("the literal is a legal path"), bytes: bundle.to_json() })
}

/// Checks that a seal of the package is by somebody who is trusted, and is about this very package.
///
/// # Errors
/// When it is unsealed or nobody trusted sealed it ([`SealError::is_refused`]), or a seal is damaged or about other
/// bytes ([`SealError::is_corrupt`]).
pub fn verify(package: &Package, trust: &Trust) -> Result<Signer, SealError> {
    let seals = package.seals();
    let mut first = None;
    for seal in &seals {
        match verify_detached(package, &seal.bytes, trust) {
            Ok(signer) => return Ok(signer),
            Err(error) => first = first.or(Some(error.within(&seal.path))),
        }
    }
    Err(first.unwrap_or_else(|| SealError::unsealed(package)))
}

/// [`verify`], with a seal that lies elsewhere.
///
/// # Errors
/// As [`verify`].
pub fn verify_detached(package: &Package, seal: &[u8], trust: &Trust) -> Result<Signer, SealError> {
    let bundle = Bundle::from_json(seal)?;
    let signer = trust.admit(&bundle)?;
    Statement::from_json(&bundle.payload)?.check(package)?;
    Ok(signer)
}

/// Who a seal says made it. Nothing is checked: this is a claim.
///
/// # Errors
/// When it does not read as a seal.
pub fn claim(seal: &[u8]) -> Result<Signer, SealError> {
    match Bundle::from_json(seal)?.material {
        Material::Key { id } => Ok(Signer { key: id.unwrap_or_else(KeyId::unknown), subject: None }),
        Material::Chain(chain) => chain.signer(),
    }
}
