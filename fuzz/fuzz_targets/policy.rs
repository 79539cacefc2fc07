//! A policy, and a package that is judged by it.

#![no_main]

use briq_fuzz::sample;
use briq_package::policy;
use briq_spec::Policy;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(policy) = Policy::parse(text) else { return };
    policy.validate().expect("it was parsed");
    let inlined = policy.inlined(|_| Ok::<_, ()>(text.to_owned())).expect("the reader does not fail");
    let _ = policy::admit(&inlined, &sample::PACKAGE);
});
