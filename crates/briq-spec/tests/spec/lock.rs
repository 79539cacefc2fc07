use briq_spec::lock::{Lock, LockedPackage, LockedVariant};
use briq_spec::semver::{Version, VersionReq};
use briq_spec::{Blake3Digest, Selector};
use expect_test::expect;

fn package(name: &str, requirement: &str, version: &str) -> LockedPackage {
    LockedPackage {
        name: name.parse().unwrap(),
        registry: None,
        requirement: VersionReq::parse(requirement).unwrap(),
        version: Version::parse(version).unwrap(),
        digest: Blake3Digest::from_bytes([7; 32]),
        build: None,
        variants: Vec::new(),
    }
}

#[test]
fn the_text_does_not_depend_on_the_order_of_resolution() {
    let mut lock = Lock::default();
    lock.upsert(package("digits", "^1", "1.0.0"));
    lock.upsert(LockedPackage { registry: Some("ghcr.io".to_owned()), ..package("base", "*", "0.1.0") });
    let mut other = Lock::default();
    other.packages.extend(lock.packages.iter().rev().cloned());
    assert_eq!(lock.print(), other.print());
    expect![[r#"
        # Written by briq; do not edit.
        version = 1

        [[package]]
        name = "base"
        registry = "ghcr.io"
        requirement = "*"
        version = "0.1.0"
        digest = "blake3:0707070707070707070707070707070707070707070707070707070707070707"

        [[package]]
        name = "digits"
        requirement = "^1"
        version = "1.0.0"
        digest = "blake3:0707070707070707070707070707070707070707070707070707070707070707"
    "#]]
    .assert_eq(&lock.print());
    assert_eq!(Lock::parse(&lock.print()).unwrap(), lock);
}

#[test]
fn a_new_resolution_takes_the_place_of_the_old() {
    let mut lock = Lock::default();
    lock.upsert(package("digits", "^1", "1.0.0"));
    lock.upsert(package("digits", "^1", "1.1.0"));
    lock.upsert(package("digits", "^2", "2.0.0"));
    assert_eq!(lock.packages.len(), 2);
    let (name, one) = ("digits".parse().unwrap(), Selector::Requirement(VersionReq::parse("^1").unwrap()));
    assert_eq!(lock.find(None, &name, &one).unwrap().version, Version::new(1, 1, 0));
    assert_eq!(lock.find(Some("ghcr.io"), &name, &one), None);
}

/// Two variants of one version.
fn variants() -> LockedPackage {
    let variant = |version: &str, byte: u8| LockedVariant {
        version: version.parse().unwrap(),
        digest: Blake3Digest::from_bytes([byte; 32]),
    };
    LockedPackage { variants: vec![variant("1.0.0+f16", 8), variant("1.0.0", 7)], ..package("digits", "^1", "1.0.0") }
}

#[test]
fn variants_are_locked_together() {
    let asked = LockedPackage { build: Some("f16".into()), ..package("digits", "^1", "1.0.0+f16") };
    let mut lock = Lock { packages: vec![asked], ..Lock::default() };
    lock.upsert(variants());
    expect![[r#"
        # Written by briq; do not edit.
        version = 2

        [[package]]
        name = "digits"
        requirement = "^1"
        version = "1.0.0"
        digest = "blake3:0707070707070707070707070707070707070707070707070707070707070707"

        [[package.variant]]
        version = "1.0.0"
        digest = "blake3:0707070707070707070707070707070707070707070707070707070707070707"

        [[package.variant]]
        version = "1.0.0+f16"
        digest = "blake3:0808080808080808080808080808080808080808080808080808080808080808"

        [[package]]
        name = "digits"
        requirement = "^1"
        build = "f16"
        version = "1.0.0+f16"
        digest = "blake3:0707070707070707070707070707070707070707070707070707070707070707"
    "#]]
    .assert_eq(&lock.print());
    assert_eq!(Lock::parse(&lock.print()).unwrap(), lock);
    let name = "digits".parse().unwrap();
    let found = |selector: &str| match format!("digits{selector}").parse().unwrap() {
        briq_spec::Reference::Package { selector, .. } => lock.find(None, &name, &selector).cloned(),
        briq_spec::Reference::File(_) => None,
    };
    assert_eq!(found("@^1").unwrap().digests().count(), 2);
    assert_eq!(found("@^1+f16").unwrap().version.build.as_str(), "f16");
    assert_eq!(found("@^1+int8"), None);
    assert_eq!(found(":production"), None);
}

#[test]
fn rejects_variants_of_something_else() {
    let check = |package: LockedPackage, reason: &str| {
        let text = Lock { packages: vec![package], ..Lock::default() }.print();
        let error = Lock::parse(&text).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    };
    let other = LockedPackage { version: "1.0.1".parse().unwrap(), ..variants() };
    check(other, "it has 1.0.0 for a variant of digits 1.0.1");
    let other = LockedPackage { build: Some("int8".into()), ..variants() };
    check(other, "which is not the variant of digits@^1+int8");
}

#[test]
fn an_empty_lock_reads_back() {
    assert_eq!(Lock::parse(&Lock::default().print()).unwrap(), Lock::default());
}

#[test]
fn rejects_what_is_no_lock() {
    let check = |text: &str, reason: &str| {
        let error = Lock::parse(text).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
        assert!(error.hint().is_some());
    };
    let good = Lock { packages: vec![package("digits", "^1", "1.0.0")], ..Lock::default() }.print();
    check("version = 3\nnews = 1", "of version 3");
    check("", "does not read as one");
    check("version = 1\nx = 1", "does not read as one");
    check(&good.replace("blake3:07", "blake3:0"), "does not read as one");
    check(&good.replace("1.0.0", "2.0.0"), "pins digits to 2.0.0, which does not meet ^1");
}

#[test]
fn rejects_a_requirement_resolved_twice() {
    let twice =
        Lock { packages: vec![package("digits", "^1", "1.0.0"), package("digits", "^1", "1.1.0")], ..Lock::default() };
    assert!(Lock::parse(&twice.print()).unwrap_err().to_string().contains("resolves digits@^1 twice"));
}
