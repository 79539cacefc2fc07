//! `briq sign`: vouches for a package with a key.

use std::path::PathBuf;

use anyhow::Context as _;
use briq_package::Package;
use briq_package::seal::{self, PrivateKey, SEAL_ENTRY, SealError};
use serde::Serialize;

use crate::context::Context;
use crate::trust;

/// Seal a package with a private key, in the form of OpenSSF Model Signing
///
/// The seal becomes the entry `signatures/model.sig`, in the place of one that was there. The package stays the same: its
/// digest is that of its contents. Whoever unpacks it can check the seal without Briq:
/// `model_signing verify key DIR --signature DIR/signatures/model.sig --public_key PEM --ignore-paths DIR/signatures`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The package file
    file: PathBuf,
    /// The private key: a PEM file with PKCS#8 (perhaps under a password) or SEC1, on P-256 or P-384
    #[arg(long, value_name = "PEM")]
    key: PathBuf,
    /// Certificates to go with it: the key's own first, then those that it was issued from
    #[arg(long, value_name = "PEM")]
    certificate: Option<PathBuf>,
    /// A file with the password of the key [default: BRIQ_KEY_PASSWORD, or asked for on a terminal]
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Write the sealed package here [default: over the file]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Serialize)]
struct Report {
    file: PathBuf,
    digest: String,
    key: String,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let package = Package::open(&arguments.file)?;
    package.verify()?;
    let key = key(arguments)?;
    let mut seals = package.seals();
    seals.retain(|seal| seal.path.as_str() != SEAL_ENTRY);
    seals.push(seal::seal(&package, &key)?);
    let written = package.assemble_sealed(arguments.output.as_ref().unwrap_or(&arguments.file), &seals)?;
    let report = Report {
        file: written.path.clone(),
        digest: written.digest.to_string(),
        key: key.public_key().id().to_string(),
    };
    context
        .output
        .data(&report, |report| format!("{}  {}  sealed by {}", report.file.display(), report.digest, report.key))
}

/// The private key with its certificates.
fn key(arguments: &Arguments) -> anyhow::Result<PrivateKey> {
    let text = trust::text(&arguments.key)?;
    let given = password(arguments)?;
    let read = PrivateKey::from_pem(&text, given.as_deref().map(str::as_bytes));
    let read = read.or_else(|error| if given.is_none() { ask(error, &text) } else { Err(error) });
    let key = read.with_context(|| format!("cannot use {}", arguments.key.display()))?;
    let Some(path) = &arguments.certificate else { return Ok(key) };
    let certificates = trust::text(path)?;
    key.with_certificates(&certificates).with_context(|| format!("cannot use {}", path.display()))
}

/// The password that is given without asking. Its file may end in a line feed.
fn password(arguments: &Arguments) -> anyhow::Result<Option<String>> {
    match &arguments.password_file {
        Some(path) => Ok(Some(trust::text(path)?.trim_end_matches(['\r', '\n']).to_owned())),
        None => Ok(std::env::var("BRIQ_KEY_PASSWORD").ok()),
    }
}

/// Asks for the password where one is missing and a person is there.
fn ask(error: SealError, text: &str) -> Result<PrivateKey, SealError> {
    let terminal = console::Term::stderr();
    if !error.is_password() || !terminal.is_term() {
        return Err(error);
    }
    let asked = terminal.write_str("password of the key: ").and_then(|()| terminal.read_secure_line());
    match asked {
        Ok(password) => PrivateKey::from_pem(text, Some(password.as_bytes())),
        Err(_) => Err(error),
    }
}
