use std::path::Path;

use briq_spec::semver::{BuildMetadata, Version, VersionReq};
use briq_spec::{Reference, Selector};
use expect_test::{Expect, expect};
use proptest::prelude::*;

const DIGEST: &str = "blake3:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

fn check(text: &str, registry: Option<&str>, name: &str, selector: &Selector) {
    let Reference::Package { registry: r, name: n, selector: s } = text.parse().unwrap() else { panic!("{text}") };
    assert_eq!((r.as_deref(), n.as_str(), &s), (registry, name, selector), "{text}");
}

#[test]
fn reads_every_form() {
    let requirement = |text: &str| Selector::Requirement(VersionReq::parse(text).unwrap());
    let alias = Selector::Alias("production".parse().unwrap());
    check("digits", None, "digits", &Selector::Any);
    check("vision/digits@^1.2", None, "vision/digits", &requirement("^1.2"));
    check("digits@1.0.0", None, "digits", &requirement("^1.0.0"));
    let variant = |text: &str| Selector::Variant(VersionReq::parse(text).unwrap(), BuildMetadata::new("f16").unwrap());
    check("digits@1.2+f16", None, "digits", &variant("^1.2"));
    check("digits@>=1, <3+f16", None, "digits", &variant(">=1, <3"));
    check("digits@>=1, <3", None, "digits", &requirement(">=1, <3"));
    check("digits:production", None, "digits", &alias);
    check(&format!("digits@{DIGEST}"), None, "digits", &Selector::Digest(DIGEST.parse().unwrap()));
    check("ghcr.io/a/digits@*", Some("ghcr.io"), "a/digits", &requirement("*"));
    check("localhost/digits", Some("localhost"), "digits", &Selector::Any);
    check("registry:5000/digits:production", Some("registry:5000"), "digits", &alias);
    check("127.0.0.1:5000/a/b/digits", Some("127.0.0.1:5000"), "a/b/digits", &Selector::Any);
    check("[::1]:5000/digits", Some("[::1]:5000"), "digits", &Selector::Any);
}

#[test]
fn files_are_told_by_their_look() {
    for text in ["digits-1.0.0.briq", "digits-1.0.0.briqz", "./digits", "../x/digits", "/tmp/digits", "a/b.briq"] {
        assert_eq!(text.parse::<Reference>().unwrap(), Reference::File(Path::new(text).into()));
    }
    assert_eq!(Reference::File(Path::new("plain").into()).to_string(), "./plain");
}

fn rejects(text: &str, expected: Expect) {
    let error = text.parse::<Reference>().unwrap_err();
    let source = std::error::Error::source(&error).map(|cause| format!("\n  because {cause}"));
    let hint = error.hint().map(|hint| format!("\n  hint: {hint}"));
    expected.assert_eq(&format!("{error}{}{}", source.unwrap_or_default(), hint.unwrap_or_default()));
}

#[test]
fn rejects_what_names_no_package() {
    rejects("", expect!["invalid reference: it is empty"]);
    rejects(
        "Digits",
        expect![[r#"
            invalid reference "Digits": one of its parts is wrong
              because invalid package name "Digits": each component must begin and end with a lower-case letter or a digit
              hint: write `digits`"#]],
    );
    rejects(
        "digits@1+",
        expect![[r#"
            invalid reference "digits@1+": one of its parts is wrong
              because invalid version requirement "1+": its variant has no name"#]],
    );
    rejects(
        "digits@newest",
        expect![[r#"
            invalid reference "digits@newest": one of its parts is wrong
              because invalid version requirement "newest": unexpected character 'n' while parsing major version number
              hint: write `@1.2` or `@^1.2` for a version, `@1.2+NAME` for a variant of it, `:NAME` for an alias, `@blake3:HEX` for a digest"#]],
    );
    rejects(
        "digits:1.0.0",
        expect![[r#"
            invalid reference "digits:1.0.0": one of its parts is wrong
              because invalid alias "1.0.0": it reads as a version
              hint: write `@1.0.0` for a version"#]],
    );
    rejects(
        "digits@sha256:00",
        expect![[r#"
            invalid reference "digits@sha256:00": one of its parts is wrong
              because invalid BLAKE3 digest "sha256:00": it must begin with blake3:"#]],
    );
    rejects(
        "host:port/digits",
        expect![[r#"invalid reference "host:port/digits": the port of its registry is not a number from 0 to 65535"#]],
    );
    rejects(
        "user@ho.st/digits",
        expect![[r#"
            invalid reference "user@ho.st/digits": one of its parts is wrong
              because invalid version requirement "ho.st/digits": unexpected character 'h' while parsing major version number
              hint: write `@1.2` or `@^1.2` for a version, `@1.2+NAME` for a variant of it, `:NAME` for an alias, `@blake3:HEX` for a digest"#]],
    );
}

#[test]
fn a_pre_release_is_chosen_only_when_named() {
    let selects =
        |text: &str, version: &str| text.parse::<Reference>().unwrap().selects(&Version::parse(version).unwrap());
    assert!(selects("digits@^1", "1.9.0"));
    assert!(!selects("digits@^1", "2.0.0"));
    assert!(!selects("digits@^1", "1.9.0-rc.1"));
    assert!(selects("digits@^1.9.0-rc.1", "1.9.0-rc.2"));
    assert!(!selects("digits@^1.9.0-rc.1", "1.10.0-rc.2"));
    assert!(selects("digits", "3.0.0"));
    assert!(!selects("digits", "3.0.0-alpha"));
    assert!(!selects("digits:production", "1.0.0"));
    assert!(!selects("./digits.briq", "1.0.0"));
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: proptest::test_runner::RngSeed::Fixed(3), ..ProptestConfig::default() })]

    #[test]
    fn printing_is_the_inverse_of_reading(text in "((localhost|[a-z]{1,5}\\.io|h:[0-9]{1,4})/)?[a-z]{1,5}(/[a-z]{1,5})?(@[\\^~=]?[0-9]\\.[0-9](\\.[0-9])?|:[a-z]{1,8}|@\\*)?") {
        let reference: Reference = text.parse().unwrap();
        prop_assert_eq!(reference.to_string().parse::<Reference>().unwrap(), reference);
    }

    #[test]
    fn no_text_panics(text in "[a-z@:/.\\[\\]^*0-9é]{0,30}") {
        if let Ok(reference) = text.parse::<Reference>() {
            prop_assert_eq!(reference.to_string().parse::<Reference>().unwrap(), reference);
        }
    }
}
