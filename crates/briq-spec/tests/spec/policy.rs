use briq_spec::SpecErrorKind;
use briq_spec::policy::{MAX_POLICY_BYTES, Policy, Requirement, Trusted};

const POLICY: &str = r#"
require = ["seal", "provenance", "golden"]

[[trusted]]
key = "keys/release.pem"

[[trusted]]
certificate = """
-----BEGIN CERTIFICATE-----
"""
"#;

#[test]
fn a_policy_reads_from_toml() {
    let policy = Policy::parse(POLICY).unwrap();
    assert_eq!(policy.require, [Requirement::Seal, Requirement::Provenance, Requirement::Golden]);
    assert_eq!(policy.trusted[0], Trusted::Key("keys/release.pem".to_owned()));
    assert_eq!(policy.trusted.iter().map(Trusted::is_inline).collect::<Vec<_>>(), [false, true]);
    Policy::parse("require = [\"golden\"]").unwrap();
}

#[test]
fn inlining_reads_the_files_that_it_names_and_no_others() {
    let mut asked = Vec::new();
    let policy = Policy::parse(POLICY).unwrap().inlined(|path| {
        asked.push(path.to_owned());
        Ok::<_, ()>("-----BEGIN PUBLIC KEY-----".to_owned())
    });
    let policy = policy.unwrap();
    assert_eq!(asked, ["keys/release.pem"]);
    assert!(policy.trusted.iter().all(Trusted::is_inline));
    let json = serde_json::to_string(&policy).unwrap();
    assert_eq!(serde_json::from_str::<Policy>(&json).unwrap(), policy);
    assert_eq!(Policy::parse(POLICY).unwrap().inlined(|path| Err(path.to_owned())).unwrap_err(), "keys/release.pem");
}

#[test]
fn rejects_policies_that_mean_nothing() {
    let check = |text: &str, kind: SpecErrorKind, reason: &str| {
        let error = Policy::parse(text).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(reason), "{error}");
    };
    check("require = []", SpecErrorKind::Invalid, "it requires nothing");
    check("require = [\"seal\"]", SpecErrorKind::Invalid, "it requires a seal and trusts nobody");
    check("require = [\"blessing\"]", SpecErrorKind::Syntax, "does not read as one");
    check("", SpecErrorKind::Syntax, "does not read as one");
    check("require = [\"golden\"]\nkeys = []", SpecErrorKind::Syntax, "does not read as one");
    check("require = [\"seal\"]\n[[trusted]]\npassword = \"\"", SpecErrorKind::Syntax, "does not read as one");
    check("require = [\"seal\"]\n[[trusted]]\nkey = \"\"\ncertificate = \"\"", SpecErrorKind::Syntax, "does not read");
    check(&format!("#{}", " ".repeat(MAX_POLICY_BYTES)), SpecErrorKind::Limit, "bytes");
}
