//! Whose seals count, as the command line says it: keys, certificates, policies.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use briq_package::seal::{Certificates, MAX_SEAL_BYTES, PublicKey, Signer, Trust};
use briq_package::{Package, policy};
use briq_spec::Policy;

use crate::exit::{Code, Failure};

/// Keys and authorities to believe.
#[derive(clap::Args)]
pub(crate) struct TrustArguments {
    /// Demand a seal by this public key, a PEM file; several may be given
    #[arg(long = "key", value_name = "PEM")]
    keys: Vec<PathBuf>,
    /// Demand a seal by a key with a certificate that is issued from one in this PEM file; several may be given
    #[arg(long = "certificate-chain", value_name = "PEM")]
    authorities: Vec<PathBuf>,
}

impl TrustArguments {
    /// Whom the arguments trust; `None` when they name nobody.
    pub(crate) fn read(&self) -> anyhow::Result<Option<Trust>> {
        let mut trust = Trust::default();
        for path in &self.keys {
            let key = PublicKey::from_pem(&text(path)?);
            trust = trust.with_key(key.with_context(|| format!("cannot use {}", path.display()))?);
        }
        for path in &self.authorities {
            let authorities = Certificates::from_pem(&text(path)?);
            trust = trust.with_authorities(authorities.with_context(|| format!("cannot use {}", path.display()))?);
        }
        Ok(self.names_somebody().then_some(trust))
    }

    /// Whether any key or authority is named.
    pub(crate) fn names_somebody(&self) -> bool {
        !self.keys.is_empty() || !self.authorities.is_empty()
    }
}

/// A policy from a file, with the keys that it names inside; their paths are relative to the policy's folder.
pub(crate) fn policy(path: &Path) -> anyhow::Result<Policy> {
    let read = Policy::parse(&text(path)?).with_context(|| format!("cannot use {}", path.display()))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let inlined = read.inlined(|key| text(&folder.join(key)))?;
    inlined.validate().with_context(|| format!("cannot use {}", path.display()))?;
    Ok(inlined)
}

/// Refuses a package that does not meet the policy; says who sealed it, where the policy asks for that.
pub(crate) fn admit(policy: Option<&Policy>, package: &Package) -> anyhow::Result<Option<Signer>> {
    let Some(policy) = policy else { return Ok(None) };
    let manifest = package.manifest();
    let refused = || format!("{} {} may not be used here", manifest.name, manifest.version);
    policy::admit(policy, package).with_context(refused)
}

/// The text of a file that is a key, a certificate, a policy or a seal.
pub(crate) fn text(path: &Path) -> anyhow::Result<String> {
    let failed = || format!("cannot read {}", path.display());
    if std::fs::metadata(path).with_context(failed)?.len() > MAX_SEAL_BYTES as u64 {
        return Err(
            Failure::new(Code::Input, format!("{} is longer than {MAX_SEAL_BYTES} bytes", path.display())).into()
        );
    }
    std::fs::read_to_string(path).with_context(failed)
}
