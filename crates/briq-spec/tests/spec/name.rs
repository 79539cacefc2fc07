use briq_spec::{Alias, PackageName};
use proptest::prelude::*;

#[test]
fn accepts_oci_repository_paths() {
    for text in ["a", "digits", "vision/digits", "a/b/c", "a.b", "a_b", "a__b", "a---b", "0", "x9/8y"] {
        let name: PackageName = text.parse().unwrap();
        assert_eq!(name.to_string(), text);
    }
    assert_eq!("vision/digits".parse::<PackageName>().unwrap().short(), "digits");
}

#[test]
fn rejects_other_names() {
    for text in [
        "", "/", "a/", "/a", "a//b", "Digits", "a b", "-a", "a-", "a..b", "a___b", "a._b", "ä", "a:b", "a@b", "..",
        "a/../b",
    ] {
        assert!(text.parse::<PackageName>().is_err(), "{text:?}");
    }
    assert!("a".repeat(256).parse::<PackageName>().is_err());
    assert!("a".repeat(255).parse::<PackageName>().is_ok());
}

#[test]
fn a_name_that_only_differs_in_case_comes_with_a_hint() {
    let error = "My Digits".parse::<PackageName>().unwrap_err();
    assert_eq!(error.hint().as_deref(), Some("write `my-digits`"));
}

#[test]
fn an_alias_is_a_tag_that_reads_as_no_version() {
    for text in ["production", "_x", "Rc-1.b", "2024-prod"] {
        assert_eq!(text.parse::<Alias>().unwrap().as_str(), text);
    }
    for text in ["", "-x", ".x", "a/b", "a b", "ä", "1", "1.0", "1.0.0", "1.0.0-rc.1"] {
        assert!(text.parse::<Alias>().is_err(), "{text:?}");
    }
    assert!("a".repeat(129).parse::<Alias>().is_err());
    let error = "1.0.0".parse::<Alias>().unwrap_err();
    assert_eq!(error.hint().as_deref(), Some("write `@1.0.0` for a version"));
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: proptest::test_runner::RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(text in ".{0,40}") {
        let _ = text.parse::<PackageName>();
        let _ = text.parse::<Alias>();
    }

    #[test]
    fn what_the_pattern_of_the_schema_matches_is_accepted(
        text in r"[a-z0-9]{1,9}((\.|_|__|-{1,3})[a-z0-9]{1,5}){0,3}(/[a-z0-9]{1,4}((\.|_|__|-{1,3})[a-z0-9]{1,3}){0,2}){0,3}"
    ) {
        prop_assert!(text.parse::<PackageName>().is_ok());
    }
}
