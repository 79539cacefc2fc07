//! `briq verify`: every byte of a package against its digests, and who vouches for it.

use std::path::PathBuf;

use briq_package::Package;
use briq_package::seal::{self, Signer, Trust};
use serde::Serialize;

use crate::context::Context;
use crate::output::bytes;
use crate::trust::TrustArguments;
use crate::{locate, trust};

/// Check every byte of a package, and by whom it is sealed
///
/// Each byte is compared with what the identity of the package covers, at the speed of BLAKE3; so no byte can have changed
/// since it was packed. Without a key, what a seal says of its maker is shown and not believed. With one, a package that is not sealed by it
/// is refused (exit code 8), and so is a seal that is about other bytes (exit code 5).
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The package
    #[arg(value_name = "REF")]
    reference: String,
    /// Check too whether its packer told SHA-256 and CRC-32 truly, which seals and other programs go by: takes several times
    /// as long; a key or a policy asks for it as well
    #[arg(long)]
    full: bool,
    #[command(flatten)]
    trust: TrustArguments,
    /// A seal that lies outside of the package, such as one that `model_signing sign` wrote
    #[arg(long, value_name = "FILE", requires = "TrustArguments")]
    signature: Option<PathBuf>,
    /// Demand what this policy asks for, a TOML file
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

#[derive(Serialize)]
struct Report {
    name: String,
    version: String,
    digest: String,
    entries: usize,
    bytes: u64,
    seals: Vec<Sealed>,
}

#[derive(Serialize)]
struct Sealed {
    key: String,
    subject: Option<String>,
    /// Whether the signature was checked, by a key that is trusted.
    verified: bool,
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    let package = locate::package(context, &arguments.reference)?;
    let verified = if arguments.demands_every_claim() { package.verify()? } else { package.verify_identity()? };
    let policy = arguments.policy.as_deref().map(trust::policy).transpose()?;
    let by_policy = trust::admit(policy.as_ref(), &package)?;
    let seals = seals(arguments, &package, by_policy)?;
    let manifest = package.manifest();
    let report = Report {
        name: manifest.name.to_string(),
        version: manifest.version.to_string(),
        digest: package.digest().to_string(),
        entries: verified.entries,
        bytes: verified.bytes,
        seals,
    };
    context.output.data(&report, text)
}

impl Arguments {
    /// A seal vouches for SHA-256 digests, so where somebody is to be believed, the bytes are compared with these too.
    fn demands_every_claim(&self) -> bool {
        self.full || self.trust.names_somebody() || self.policy.is_some()
    }
}

/// The seal that is trusted, where anybody is; else what the seals say of themselves.
fn seals(arguments: &Arguments, package: &Package, by_policy: Option<Signer>) -> anyhow::Result<Vec<Sealed>> {
    let Some(trusted) = arguments.trust.read()? else {
        if let Some(signer) = by_policy {
            return Ok(vec![Sealed::of(signer, true)]);
        }
        let claims = package.seals().into_iter().map(|seal| Ok(Sealed::of(seal::claim(&seal.bytes)?, false)));
        return claims.collect();
    };
    Ok(vec![Sealed::of(signer(arguments, package, &trusted)?, true)])
}

fn signer(arguments: &Arguments, package: &Package, trusted: &Trust) -> anyhow::Result<Signer> {
    match &arguments.signature {
        Some(path) => Ok(seal::verify_detached(package, trust::text(path)?.as_bytes(), trusted)?),
        None => Ok(seal::verify(package, trusted)?),
    }
}

impl Sealed {
    fn of(signer: Signer, verified: bool) -> Self {
        Self { key: signer.key.to_string(), subject: signer.subject, verified }
    }

    fn text(&self) -> String {
        let whose = self.subject.as_ref().map(|subject| format!(" of {subject}")).unwrap_or_default();
        let belief = if self.verified { "" } else { " by its own word (give --key to check it)" };
        format!("sealed by key {}{whose}{belief}", self.key)
    }
}

fn text(report: &Report) -> String {
    let (name, version, size) = (&report.name, &report.version, bytes(report.bytes));
    let whole = format!("{name} {version} is whole: {} entries, {size}, {}", report.entries, report.digest);
    let seals: Vec<String> = report.seals.iter().map(Sealed::text).collect();
    let seals = if seals.is_empty() { "not sealed".to_owned() } else { seals.join("\n") };
    format!("{whole}\n{seals}")
}
