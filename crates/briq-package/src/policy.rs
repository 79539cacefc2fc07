//! Whether a package brings with it what a policy asks for.

use briq_spec::policy::{Policy, Requirement, Trusted};

use crate::package::Package;
use crate::seal::{self, Certificates, PublicKey, SealError, SealErrorKind, Signer, Trust};

/// Checks a package against a policy, whose keys are inside it ([`Policy::inlined`]). Says who sealed the package, where
/// the policy asks for that.
///
/// # Errors
/// The first requirement that is not met ([`SealError::is_refused`], or [`SealError::is_corrupt`] where something is
/// there and damaged); or a key of the policy that cannot be read.
pub fn admit(policy: &Policy, package: &Package) -> Result<Option<Signer>, SealError> {
    let trust = trust(policy)?;
    let mut signer = None;
    for requirement in &policy.require {
        match requirement {
            Requirement::Seal => signer = Some(sealed(package, &trust)?),
            Requirement::Provenance => provenance(package)?,
            Requirement::Golden => golden(package)?,
            other => return Err(unmet(other, "this version of Briq does not know it")),
        }
    }
    Ok(signer)
}

/// Whom a policy trusts.
fn trust(policy: &Policy) -> Result<Trust, SealError> {
    policy.trusted.iter().enumerate().try_fold(Trust::default(), |trust, (at, trusted)| {
        let entry = format!("entry {} of `trusted` in the policy", at + 1);
        let added = match trusted {
            Trusted::Key(pem) => PublicKey::from_pem(pem).map(|key| trust.with_key(key)),
            Trusted::Certificate(pem) => {
                Certificates::from_pem(pem).map(|authorities| trust.with_authorities(authorities))
            }
        };
        added.map_err(|error| error.within(entry))
    })
}

fn sealed(package: &Package, trust: &Trust) -> Result<Signer, SealError> {
    seal::verify(package, trust).map_err(|error| error.within("the policy requires a seal"))
}

fn provenance(package: &Package) -> Result<(), SealError> {
    let statement = package.provenance();
    let broken = |source| SealError::mismatch("the policy requires provenance: it does not hold").because(source);
    match statement.map_err(broken)? {
        Some(_) => Ok(()),
        None => Err(unmet(&Requirement::Provenance, "the package has none")
            .with_hint("pack or import it again with this version of Briq")),
    }
}

fn golden(package: &Package) -> Result<(), SealError> {
    match package.manifest().golden {
        Some(_) => Ok(()),
        None => Err(unmet(&Requirement::Golden, "the package has no golden examples")
            .with_hint("pack it with `[golden] examples` in briq.toml above 0")),
    }
}

fn unmet(requirement: &Requirement, reason: &str) -> SealError {
    SealError::new(SealErrorKind::Unmet, format!("the policy requires {requirement}: {reason}"))
}
