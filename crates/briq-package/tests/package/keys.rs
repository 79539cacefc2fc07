//! Keys and certificates for tests. The private ones are known to everybody.

use briq_package::seal::{Certificates, PrivateKey, PublicKey, Trust};

pub(crate) const P256: &str = include_str!("pem/p256.pem");
pub(crate) const P384: &str = include_str!("pem/p384.pem");
pub(crate) const P384_SEC1: &str = include_str!("pem/p384-sec1.pem");
pub(crate) const P521: &str = include_str!("pem/p521.pem");
pub(crate) const ED25519: &str = include_str!("pem/ed25519.pem");
/// P256, under the password `brick`.
pub(crate) const P256_ENCRYPTED: &str = include_str!("pem/p256-encrypted.pem");
/// P256, under a password in the old form of OpenSSL.
pub(crate) const P256_OLD: &str = include_str!("pem/p256-old.pem");
pub(crate) const P256_PUBLIC: &str = include_str!("pem/p256.pub.pem");
pub(crate) const P384_PUBLIC: &str = include_str!("pem/p384.pub.pem");
/// A certificate for P256 and the one that it was issued from, which was issued from ROOT.
pub(crate) const CHAIN: &str = include_str!("pem/chain.pem");
/// The same, but not for signatures.
pub(crate) const NO_SIGNER_CHAIN: &str = include_str!("pem/no-signer-chain.pem");
pub(crate) const ROOT: &str = include_str!("pem/root.pem");
pub(crate) const OTHER_ROOT: &str = include_str!("pem/other-root.pem");

pub(crate) fn private(pem: &str) -> PrivateKey {
    PrivateKey::from_pem(pem, None).unwrap()
}

pub(crate) fn certified() -> PrivateKey {
    private(P256).with_certificates(CHAIN).unwrap()
}

pub(crate) fn trust(public: &str) -> Trust {
    Trust::default().with_key(PublicKey::from_pem(public).unwrap())
}

pub(crate) fn authority(root: &str) -> Trust {
    Trust::default().with_authorities(Certificates::from_pem(root).unwrap())
}
