//! Certificates (X.509): whose key it is, by the word of an authority.

use std::time::Duration;

use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage};
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::pkix::{ExtendedKeyUsage, KeyUsage as KeyUses};

use super::error::SealError;
use super::key::PublicKey;
use super::pem;
use super::trust::Signer;

/// The most certificates that a seal or a file of authorities holds.
const MAX_CERTIFICATES: usize = 500;

/// `id-kp-codeSigning` (RFC 5280, 4.2.1.12), as text and in its encoding.
const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
const CODE_SIGNING_BYTES: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 3];

/// One certificate or more, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificates(Vec<Vec<u8>>);

impl Certificates {
    /// Reads every `CERTIFICATE` from PEM.
    ///
    /// # Errors
    /// When there is none, or too many.
    pub fn from_pem(text: &str) -> Result<Self, SealError> {
        let blocks = pem::blocks(text)?.into_iter().filter(|block| block.label == "CERTIFICATE");
        Self::new(blocks.map(|block| block.der).collect()).map_err(SealError::key)
    }

    /// At least one, and not too many.
    pub(super) fn new(ders: Vec<Vec<u8>>) -> Result<Self, String> {
        match ders.len() {
            0 => Err("it holds no certificate".to_owned()),
            1..=MAX_CERTIFICATES => Ok(Self(ders)),
            many => Err(format!("it holds {many} certificates, and at most {MAX_CERTIFICATES} are read")),
        }
    }

    pub(super) fn ders(&self) -> &[Vec<u8>] {
        &self.0
    }

    fn first(&self) -> Result<Certificate, SealError> {
        Certificate::from_der(&self.0[0]).map_err(|source| unreadable().because(source))
    }

    /// The key that the first is for.
    pub(super) fn public_key(&self) -> Result<PublicKey, SealError> {
        let first = self.first()?;
        let der = first.tbs_certificate().subject_public_key_info().to_der();
        PublicKey::from_der(&der.map_err(|source| unreadable().because(source))?)
    }

    /// Whose the first is.
    pub(super) fn signer(&self) -> Result<Signer, SealError> {
        let subject = self.first()?.tbs_certificate().subject().to_string();
        Ok(Signer { key: self.public_key()?.id(), subject: Some(subject) })
    }

    /// Checks that the first is issued, by way of the others, from one of the authorities, and may sign.
    ///
    /// A seal has no time of its own, so validity is judged at the moment from which the first is valid, as OpenSSF
    /// Model Signing does it.
    pub(super) fn check(&self, authorities: &Certificates) -> Result<(), SealError> {
        let first = self.first()?;
        check_use(&first)?;
        if authorities.0.contains(&self.0[0]) {
            return Ok(());
        }
        let begins = first.tbs_certificate().validity().not_before.to_unix_duration();
        self.check_path(authorities, begins).map_err(|source| {
            SealError::untrusted(format!(
                "the certificate of {} leads to no authority that is trusted",
                subject(&first)
            ))
            .because(source)
            .with_hint("give the authority's certificate, and see that the seal carries those in between")
        })
    }

    fn check_path(&self, authorities: &Certificates, begins: Duration) -> Result<(), webpki::Error> {
        let trusted: Vec<CertificateDer<'_>> = authorities.0.iter().map(|der| der.as_slice().into()).collect();
        let anchors: Vec<TrustAnchor<'_>> =
            trusted.iter().map(webpki::anchor_from_trusted_cert).collect::<Result<_, _>>()?;
        let others: Vec<CertificateDer<'_>> = self.0[1..].iter().map(|der| der.as_slice().into()).collect();
        let own = CertificateDer::from(self.0[0].as_slice());
        EndEntityCert::try_from(&own)?
            .verify_for_usage(
                webpki::ALL_VERIFICATION_ALGS,
                &anchors,
                &others,
                UnixTime::since_unix_epoch(begins),
                KeyUsage::required_if_present(CODE_SIGNING_BYTES),
                None,
                None,
            )
            .map(drop)
    }
}

/// A certificate has to say that its key is for signatures, or for signing code.
fn check_use(certificate: &Certificate) -> Result<(), SealError> {
    let broken = |source| unreadable().because(source);
    let body = certificate.tbs_certificate();
    let uses = body.get_extension::<KeyUses>().map_err(broken)?;
    let extended = body.get_extension::<ExtendedKeyUsage>().map_err(broken)?;
    let signs = uses.is_some_and(|(_, uses)| uses.digital_signature());
    let signs_code =
        extended.is_some_and(|(_, extended)| extended.0.iter().any(|purpose| purpose.to_string() == CODE_SIGNING));
    if signs || signs_code {
        return Ok(());
    }
    let reason = format!("the certificate of {} is not for signatures", subject(certificate));
    Err(SealError::untrusted(reason).with_hint("use one with the key usage digitalSignature, or codeSigning"))
}

fn subject(certificate: &Certificate) -> String {
    certificate.tbs_certificate().subject().to_string()
}

fn unreadable() -> SealError {
    SealError::key("a certificate cannot be read")
}
