//! Which version a selector means; aliases and yanks.

use briq_spec::{Alias, Reference, Selector};
use briq_store::Store;

use crate::publish::name;
use crate::samples::{package, store};

fn selector(text: &str) -> Selector {
    match format!("digits{text}").parse().unwrap() {
        Reference::Package { selector, .. } => selector,
        Reference::File(path) => panic!("{}", path.display()),
    }
}

fn resolved(store: &Store, text: &str) -> String {
    match store.resolve(name(), &selector(text)) {
        Ok(record) => record.version.to_string(),
        Err(error) => {
            assert!(error.is_not_found(), "{error}");
            "nothing".into()
        }
    }
}

fn filled() -> (tempfile::TempDir, Store) {
    let (folder, store) = store();
    for version in ["1.0.0", "1.2.0", "1.10.0", "2.0.0-rc.1", "2.0.0-rc.2", "0.3.1"] {
        store.publish(&package(folder.path(), version, version.as_bytes())).unwrap();
    }
    (folder, store)
}

#[test]
fn follows_cargos_rules() {
    let (_folder, store) = filled();
    let cases = [
        ("", "1.10.0"),
        ("@^1", "1.10.0"),
        ("@~1.2", "1.2.0"),
        ("@=1.0.0", "1.0.0"),
        ("@<1.2", "1.0.0"),
        ("@^0.3", "0.3.1"),
        ("@^2", "nothing"),
        ("@^2.0.0-rc.1", "2.0.0-rc.2"),
        ("@3", "nothing"),
    ];
    for (text, expected) in cases {
        assert_eq!(resolved(&store, text), expected, "{text}");
    }
}

#[test]
fn variants_of_a_version_stand_together() {
    let (folder, store) = filled();
    for version in ["1.10.0+f16", "1.10.0+gpu", "1.2.0+f16", "1.10.1-rc.1+f16"] {
        store.publish(&package(folder.path(), version, version.as_bytes())).unwrap();
    }
    let cases = [
        ("", "1.10.0+gpu"),
        ("@^1+f16", "1.10.0+f16"),
        ("@~1.2+f16", "1.2.0+f16"),
        ("@~1.2+gpu", "nothing"),
        ("@=1.10.0+f16", "1.10.0+f16"),
    ];
    for (text, expected) in cases {
        assert_eq!(resolved(&store, text), expected, "{text}");
    }
    let variants = |version: &str| -> Vec<String> {
        let records = store.variants(name(), &version.parse().unwrap()).unwrap();
        records.iter().map(|record| record.version.to_string()).collect()
    };
    assert_eq!(variants("1.10.0+f16"), ["1.10.0", "1.10.0+f16", "1.10.0+gpu"]);
    assert_eq!(variants("1.10.0"), variants("1.10.0+gpu"));
    assert_eq!(variants("1.0.0"), ["1.0.0"]);
    assert_eq!(variants("1.0.1"), [""; 0]);
    store.yank(name(), &"1.10.0+gpu".parse().unwrap(), true).unwrap();
    assert_eq!(variants("1.10.0"), ["1.10.0", "1.10.0+f16"]);
}

#[test]
fn says_what_there_is_instead() {
    let (_folder, store) = filled();
    store.yank(name(), &"1.2.0".parse().unwrap(), true).unwrap();
    let error = store.resolve(name(), &selector("@^3")).unwrap_err();
    assert_eq!(error.to_string(), "cannot resolve digits@^3: not found");
    let hint = error.hint().unwrap();
    assert_eq!(hint, "there are 0.3.1, 1.0.0, 1.2.0 (yanked), 1.10.0, 2.0.0-rc.1, 2.0.0-rc.2");
}

#[test]
fn passes_over_yanked_versions_but_not_their_digests() {
    let (_folder, store) = filled();
    let version = "1.10.0".parse().unwrap();
    let digest = store.resolve(name(), &Selector::Any).unwrap().digest;
    store.yank(name(), &version, true).unwrap();
    assert_eq!(resolved(&store, "@^1"), "1.2.0");
    assert_eq!(resolved(&store, "@=1.10.0"), "nothing");
    assert!(store.resolve(name(), &Selector::Digest(digest)).unwrap().yanked);
    store.yank(name(), &version, false).unwrap();
    assert_eq!(resolved(&store, "@^1"), "1.10.0");
    assert!(store.yank(name(), &"9.0.0".parse().unwrap(), true).unwrap_err().is_not_found());
}

#[test]
fn moves_aliases() {
    let (_folder, store) = filled();
    let production: Alias = "production".parse().unwrap();
    let [old, new] = ["1.0.0", "1.2.0"].map(|text| text.parse().unwrap());
    assert_eq!(resolved(&store, ":production"), "nothing");
    assert_eq!(store.set_alias(name(), &production, &old).unwrap(), None);
    assert_eq!(resolved(&store, ":production"), "1.0.0");
    assert_eq!(store.set_alias(name(), &production, &new).unwrap(), Some(old));
    assert_eq!(resolved(&store, ":production"), "1.2.0");
    let aliases: Vec<_> = store.aliases(name()).unwrap().into_iter().collect();
    assert_eq!(aliases, [("production".to_owned(), new)]);
    assert_eq!(store.versions(name()).unwrap().len(), 6);
    assert!(store.remove_alias(name(), &production).unwrap());
    assert!(!store.remove_alias(name(), &production).unwrap());
    assert_eq!(resolved(&store, ":production"), "nothing");
}

#[test]
fn refuses_an_alias_for_nothing() {
    let (_folder, store) = filled();
    let error = store.set_alias(name(), &"next".parse().unwrap(), &"9.0.0".parse().unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "cannot point digits:next at 9.0.0: not found");
}

#[test]
fn takes_build_metadata_into_the_tag() {
    let (folder, store) = store();
    store.publish(&package(folder.path(), "1.0.0+cuda.12", b"w")).unwrap();
    assert_eq!(store.tags(name()).unwrap(), ["1.0.0_cuda.12"]);
    assert_eq!(resolved(&store, "@^1"), "1.0.0+cuda.12");
}
