//! Stores with many versions: the catalog beside `index.json`, and what happens to it.

use std::fs;
use std::path::Path;

use briq_spec::{Alias, PackageName, Selector};
use briq_store::oci::Index;
use briq_store::{Repository, Store};
use proptest::prelude::*;
use serde_json::json;

use crate::publish::name;
use crate::samples::{package, store};

/// Enough for an index of more than a mebibyte, which has a catalog.
const MANY: u32 = 2500;

/// The entry that Briq writes for a version of a package that nobody has.
fn entry(name: &str, number: u32) -> serde_json::Value {
    let digest = format!("{number:064x}");
    let version = format!("{}.{}.0", number / 100, number % 100);
    json!({
        // Of a type that links to nothing, for garbage collection has nothing to follow here.
        "mediaType": "application/x",
        "digest": format!("sha256:{digest}"),
        "size": 2000,
        "artifactType": "application/vnd.cncf.model.manifest.v1+json",
        "annotations": {
            "org.opencontainers.image.ref.name": format!("{name}:{version}"),
            "org.opencontainers.image.version": version,
            "dev.briq.repository": name,
            "dev.briq.package.name": name,
            "dev.briq.package.digest": format!("blake3:{digest}"),
            "dev.briq.package.size": "5000",
            "dev.briq.published": "1700000000",
        },
    })
}

fn write(root: &Path, entries: &[serde_json::Value]) {
    fs::write(root.join("index.json"), json!({"schemaVersion": 2, "manifests": entries}).to_string()).unwrap();
}

/// A store whose index names many versions of `other`, and which knows its catalog.
pub(crate) fn large() -> (tempfile::TempDir, Store) {
    let (folder, store) = store();
    write(store.root(), &(0..MANY).map(|number| entry("other", number)).collect::<Vec<_>>());
    assert_eq!(store.versions(other()).unwrap().len(), MANY as usize);
    assert!(catalog(&store).exists());
    (folder, store)
}

fn other() -> PackageName {
    "other".parse().unwrap()
}

fn catalog(store: &Store) -> std::path::PathBuf {
    store.root().join("index.catalog")
}

fn index(store: &Store) -> Index {
    serde_json::from_slice(&fs::read(store.root().join("index.json")).unwrap()).unwrap()
}

fn highest(store: &Store, selector: &str) -> String {
    let reference: briq_spec::Reference = format!("other{selector}").parse().unwrap();
    let briq_spec::Reference::Package { selector, .. } = reference else { panic!("a reference to a package") };
    store.resolve(other(), &selector).unwrap().version.to_string()
}

#[test]
fn finds_versions_among_many() {
    let (_folder, store) = large();
    assert_eq!(highest(&store, ""), "24.99.0");
    assert_eq!(highest(&store, "@^7"), "7.99.0");
    assert_eq!(highest(&store, "@=3.14.0"), "3.14.0");
    assert_eq!(highest(&store, &format!("@blake3:{:064x}", 1234)), "12.34.0");
    let error = store.resolve(other(), &Selector::Requirement("^90".parse().unwrap())).unwrap_err();
    let hint = error.hint().unwrap();
    assert!(hint.starts_with("there are versions up to 24.80.0, ") && hint.ends_with("24.99.0"), "{hint}");
    let mut seen = Vec::new();
    let see = |record| {
        seen.push(record);
        Ok::<_, briq_store::StoreError>(())
    };
    store.visit_versions(other(), see).unwrap();
    assert_eq!(seen, store.versions(other()).unwrap());
    assert!(seen.is_sorted_by_key(|record| record.version.clone()));
}

#[test]
fn a_version_is_added_without_touching_the_others() {
    use std::os::unix::fs::MetadataExt as _;
    let (folder, store) = large();
    // The first change gives the index of another tool room; after it, entries go there.
    store.publish(&package(folder.path(), "1.0.0", b"one")).unwrap();
    store.versions(name()).unwrap();
    let before = fs::metadata(store.root().join("index.json")).unwrap();
    for number in 1..20 {
        store.publish(&package(folder.path(), &format!("1.{number}.0"), b"one")).unwrap();
        assert_eq!(store.versions(name()).unwrap().len(), number + 1);
        assert_eq!(index(&store).manifests.len(), MANY as usize + number + 1);
    }
    let after = fs::metadata(store.root().join("index.json")).unwrap();
    assert_eq!((before.ino(), before.len()), (after.ino(), after.len()));

    let alias: Alias = "production".parse().unwrap();
    assert_eq!(store.set_alias(name(), &alias, &"1.3.0".parse().unwrap()).unwrap(), None);
    assert_eq!(store.set_alias(name(), &alias, &"1.4.0".parse().unwrap()).unwrap(), Some("1.3.0".parse().unwrap()));
    store.yank(name(), &"1.19.0".parse().unwrap(), true).unwrap();
    assert_eq!(store.resolve(name(), &Selector::Any).unwrap().version.to_string(), "1.18.0");
    assert_eq!(store.resolve(name(), &Selector::Alias(alias)).unwrap().version.to_string(), "1.4.0");
    assert_eq!(store.repositories().unwrap(), [Repository::local(name()), Repository::local(other())]);
    assert!(store.publish(&package(folder.path(), "1.5.0", b"two")).unwrap_err().is_conflict());
    assert_eq!(index(&store).manifests.len(), MANY as usize + 21);
}

#[test]
fn many_added_versions_are_taken_into_the_catalog() {
    let (_folder, store) = large();
    let session = store.session().unwrap();
    // Long entries: few of them are more than is kept beside the catalog.
    let kind = "x".repeat(3500);
    let manifest = |number: u32| {
        json!({"schemaVersion": 2, "artifactType": kind, "annotations": {"number": number.to_string()}}).to_string()
    };
    for number in 0..100 {
        let tag = format!("tag-{number}");
        let media_type = "application/vnd.oci.image.manifest.v1+json";
        session.put_manifest(&other().into(), Some(&tag), media_type, manifest(number).as_bytes()).unwrap();
    }
    assert_eq!(store.tags(other()).unwrap().len(), MANY as usize + 100);
    assert_eq!(index(&store).manifests.len(), MANY as usize + 100);
    let found = store.tagged(other(), "tag-77").unwrap().unwrap();
    assert_eq!(store.manifest(&found.digest).unwrap(), manifest(77).as_bytes());
}

#[test]
fn follows_what_other_tools_write() {
    let (_folder, store) = large();
    let mut entries: Vec<_> = (0..MANY).map(|number| entry("other", number)).collect();
    entries.reverse();
    entries[0] = entry("other", 9999);
    write(store.root(), &entries);
    assert_eq!(highest(&store, ""), "99.99.0");
}

#[test]
fn loses_nothing_with_the_catalog() {
    let (folder, store) = large();
    store.publish(&package(folder.path(), "1.0.0", b"one")).unwrap();
    fs::remove_file(catalog(&store)).unwrap();
    store.publish(&package(folder.path(), "1.1.0", b"one")).unwrap();
    assert_eq!(store.versions(name()).unwrap().len(), 2);
    assert_eq!(highest(&store, ""), "24.99.0");
}

/// A store that cannot be written has no catalog, and is read all the same.
#[test]
fn reads_where_no_catalog_can_be_written() {
    let (_folder, store) = large();
    fs::remove_file(catalog(&store)).unwrap();
    fs::create_dir(catalog(&store)).unwrap();
    assert_eq!(highest(&store, ""), "24.99.0");
}

#[test]
fn rejects_a_catalog_that_is_cut_or_changed() {
    let (_folder, store) = large();
    let whole = fs::read(catalog(&store)).unwrap();
    let step = whole.len() / 8;
    for at in (0..whole.len()).step_by(step).chain((0..72).step_by(9)) {
        let mut changed = whole.clone();
        changed[at] ^= 0x10;
        fs::write(catalog(&store), &changed).unwrap();
        assert_eq!(highest(&store, "@^7"), "7.99.0", "byte {at}");
        assert_eq!(fs::read(catalog(&store)).unwrap(), whole, "byte {at}: it is made anew");
        fs::write(catalog(&store), &whole[..at]).unwrap();
        assert_eq!(highest(&store, "@^7"), "7.99.0", "cut at {at}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    /// The same answers from the catalog of a large index as from the small index alone.
    #[test]
    fn answers_as_a_small_index_does(
        versions in proptest::collection::btree_set((0_u32..4, 0_u32..4, prop_oneof![Just(""), Just("-rc.1"), Just("+b")]), 1..12),
        yanked in any::<u16>(),
        selector in prop_oneof![Just(""), Just("@^1"), Just("@~2.1"), Just("@>=1, <3"), Just("@=1.1.0-rc.1"), Just("@*")],
    ) {
        let entries: Vec<_> = versions.iter().enumerate().map(|(number, (major, minor, rest))| {
            let mut entry = entry("digits", 5000 + number as u32);
            let version = format!("{major}.{minor}.0{rest}");
            entry["annotations"]["org.opencontainers.image.version"] = json!(version);
            entry["annotations"]["org.opencontainers.image.ref.name"] = json!(format!("digits:{}", version.replace('+', "_")));
            if yanked >> number & 1 == 1 {
                entry["annotations"]["dev.briq.yanked"] = json!("true");
            }
            entry
        }).collect();
        let ((_one, small), (_two, large)) = (store(), store());
        write(small.root(), &entries);
        write(large.root(), &(0..MANY).map(|number| entry("other", number)).chain(entries).collect::<Vec<_>>());
        let briq_spec::Reference::Package { selector, .. } = format!("digits{selector}").parse().unwrap() else { unreachable!() };
        let answer = |store: &Store| store.resolve(name(), &selector).map_err(|error| (error.to_string(), error.hint()));
        prop_assert_eq!(answer(&small), answer(&large));
        prop_assert_eq!(small.versions(name()).unwrap(), large.versions(name()).unwrap());
        prop_assert_eq!(small.tags(name()).unwrap(), large.tags(name()).unwrap());
    }
}
