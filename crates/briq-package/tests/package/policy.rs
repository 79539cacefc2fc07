//! What a policy lets in.

use briq_package::seal::{self, SealErrorKind};
use briq_package::{Build, Package, policy};
use briq_spec::Policy;
use briq_spec::manifest::Golden;

use super::keys::{self, certified, private};
use super::kit::{self, path};

fn policy(require: &str, trusted: &[(&str, &str)]) -> Policy {
    let trusted = trusted.iter().map(|(kind, pem)| format!("[[trusted]]\n{kind} = '''\n{pem}'''\n"));
    Policy::parse(&format!("require = [{require}]\n{}", trusted.collect::<String>())).unwrap()
}

struct Sample {
    sealed: bool,
    provenance: bool,
    golden: bool,
}

fn package(sample: &Sample) -> (tempfile::TempDir, Package) {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("digits.briq");
    let mut draft = kit::draft();
    if sample.provenance {
        draft.record_build(Build::default());
    }
    if sample.golden {
        let (inputs, outputs) = (path("assets/empty"), path("assets/names.txt"));
        draft.manifest_mut().golden = Some(Golden { inputs, outputs, examples: 1, tolerances: Default::default() });
    }
    draft.write(&target).unwrap();
    let package = Package::open(&target).unwrap();
    if sample.sealed {
        package.assemble_sealed(&target, &[seal::seal(&package, &certified()).unwrap()]).unwrap();
    }
    (folder, Package::open(&target).unwrap())
}

fn refused(policy: &Policy, package: &Package, kind: SealErrorKind, text: &str) {
    let error = policy::admit(policy, package).unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(text) && error.hint().is_some(), "{error}");
}

#[test]
fn what_brings_everything_is_let_in() {
    let (_folder, package) = package(&Sample { sealed: true, provenance: true, golden: true });
    let all = r#""seal", "provenance", "golden""#;
    for trusted in [("key", keys::P256_PUBLIC), ("certificate", keys::ROOT)] {
        let signer = policy::admit(&policy(all, &[("key", keys::P384_PUBLIC), trusted]), &package).unwrap().unwrap();
        assert_eq!(signer.key, private(keys::P256).public_key().id());
    }
    assert_eq!(policy::admit(&policy(r#""golden""#, &[]), &package).unwrap(), None);
}

#[test]
fn rejects_what_does_not_bring_what_is_required() {
    let (_folder, bare) = package(&Sample { sealed: false, provenance: false, golden: false });
    let trusted = [("key", keys::P256_PUBLIC)];
    let require = |what: &str| policy(what, &trusted);
    refused(&require(r#""seal""#), &bare, SealErrorKind::Unsealed, "requires a seal: digits 1.0.0 is not sealed");
    refused(&require(r#""provenance""#), &bare, SealErrorKind::Unmet, "requires provenance: the package has none");
    refused(&require(r#""golden""#), &bare, SealErrorKind::Unmet, "requires golden: the package has no golden");
    let (_folder, sealed) = package(&Sample { sealed: true, provenance: false, golden: false });
    let stranger = policy(r#""seal""#, &[("key", keys::P384_PUBLIC)]);
    refused(&stranger, &sealed, SealErrorKind::Untrusted, "which is not trusted");
    refused(
        &policy(r#""seal""#, &[("certificate", keys::OTHER_ROOT)]),
        &sealed,
        SealErrorKind::Untrusted,
        "no authority",
    );
    refused(&policy(r#""seal", "golden""#, &trusted), &sealed, SealErrorKind::Unmet, "golden");
}

#[test]
fn rejects_a_policy_whose_keys_cannot_be_read() {
    let (_folder, bare) = package(&Sample { sealed: false, provenance: false, golden: false });
    let unread = policy(r#""seal""#, &[("key", keys::P256_PUBLIC), ("key", keys::P521)]);
    let error = policy::admit(&unread, &bare).unwrap_err();
    assert!(error.is_key(), "{error}");
    assert!(error.to_string().starts_with("entry 2 of `trusted` in the policy: it holds no public key"), "{error}");
}
