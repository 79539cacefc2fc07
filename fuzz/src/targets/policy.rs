//! A policy.

use briq_package::policy;
use briq_spec::Policy;

use crate::sample;

/// Parses it, and judges a package by it.
pub fn policy(bytes: &[u8]) {
    let text = super::text(bytes);
    let Ok(policy) = Policy::parse(text) else { return };
    policy.validate().expect("it was parsed");
    let inlined = policy.inlined(|_| Ok::<_, ()>(text.to_owned())).expect("the reader does not fail");
    let _ = policy::admit(&inlined, &sample::PACKAGE);
}
