//! Garbage collection.

use std::collections::BTreeSet;
use std::time::Duration;

use briq_spec::{Selector, Sha256Digest};
use briq_store::attachment::INDEX_TYPE;
use briq_store::{Collected, GcOptions, Ingest, Repository, Store, StoreErrorKind};
use serde_json::json;

use crate::publish::name;
use crate::samples::{files, package, store};

const ALL: GcOptions = GcOptions { keep_younger_than: Duration::ZERO, dry_run: false, keep: BTreeSet::new() };

#[test]
fn removes_what_nothing_reaches() {
    let (folder, store) = store();
    let (one, two) = (package(folder.path(), "1.0.0", &[1; 4000]), package(folder.path(), "1.1.0", &[2; 4000]));
    store.publish(&one).unwrap();
    store.publish(&two).unwrap();
    store.set_alias(name(), &"old".parse().unwrap(), &"1.0.0".parse().unwrap()).unwrap();
    assert_eq!(store.gc(&ALL).unwrap(), Collected::default());

    store.remove(name(), &"1.0.0".parse().unwrap()).unwrap();
    assert!(store.aliases(name()).unwrap().is_empty());
    let counted = store.gc(&GcOptions { dry_run: true, ..ALL }).unwrap();
    // briq.json, the configuration, the OCI manifest, and the weights; structure and README are shared.
    assert_eq!(counted.blobs, 4);
    assert!(counted.bytes > 4000);
    assert_eq!(store.gc(&ALL).unwrap(), counted);
    store.package(&two.digest()).unwrap().verify().unwrap();
    assert!(store.package(&one.digest()).unwrap_err().is_not_found());
}

#[test]
fn keeps_what_is_young() {
    let (_folder, store) = store();
    store.session().unwrap().put_blob(b"uploaded, its manifest is on the way").unwrap();
    let hour = GcOptions { keep_younger_than: Duration::from_secs(3600), ..ALL };
    assert_eq!(store.gc(&hour).unwrap(), Collected::default());
    assert_eq!(store.gc(&ALL).unwrap().blobs, 1);
}

#[test]
fn removes_what_interrupted_writers_left() {
    let (_folder, store) = store();
    let session = store.session().unwrap();
    let digest = briq_spec::Sha256Digest::from_bytes([1; 32]);
    let Ingest::Wanted(mut writer) = session.ingest(&digest, 10).unwrap() else { panic!("an empty store") };
    writer.write(b"half").unwrap();
    drop((writer, session));
    assert_eq!(store.gc(&ALL).unwrap(), Collected { blobs: 0, partials: 1, bytes: 4 });
    assert_eq!(files(&store, "ingest"), [] as [&str; 0]);
}

#[test]
fn waits_for_nobody() {
    let (_folder, store) = store();
    let session = store.session().unwrap();
    let error = store.gc(&ALL).unwrap_err();
    assert!(error.is_busy());
    assert!(matches!(error.kind(), StoreErrorKind::Busy));
    drop(session);
    store.gc(&ALL).unwrap();
}

#[test]
fn leaves_open_packages_readable() {
    let (folder, store) = store();
    let one = package(folder.path(), "1.0.0", &[9; 100_000]);
    store.publish(&one).unwrap();
    let opened = store.package(&one.digest()).unwrap();
    let weights = "weights-00001-of-00001.safetensors".parse().unwrap();
    opened.map_unverified(&weights).unwrap();
    store.remove(name(), &"1.0.0".parse().unwrap()).unwrap();
    store.gc(&ALL).unwrap();
    assert_eq!(opened.read(&weights).unwrap(), [9; 100_000]);
}

#[test]
fn removes_nothing_when_a_manifest_is_damaged() {
    let (folder, store) = store();
    let published = store.publish(&package(folder.path(), "1.0.0", b"w")).unwrap();
    let path = store.blob_path(&published.record.manifest);
    std::fs::write(path, b"{}").unwrap();
    let before = files(&store, "blobs/sha256");
    assert!(store.gc(&ALL).unwrap_err().is_corrupt());
    assert_eq!(files(&store, "blobs/sha256"), before);
}

#[test]
fn keeps_what_a_lock_file_names() {
    let (folder, store) = store();
    let (one, two) = (package(folder.path(), "1.0.0", &[1; 4000]), package(folder.path(), "1.1.0", &[2; 4000]));
    let removed = store.publish(&one).unwrap().record;
    store.publish(&two).unwrap();
    store.remove(name(), &"1.0.0".parse().unwrap()).unwrap();
    let locked = GcOptions { keep: [(Repository::local(name()), one.digest())].into(), ..ALL };
    assert_eq!(store.gc(&GcOptions { dry_run: true, ..locked.clone() }).unwrap(), Collected::default());
    assert!(store.package(&one.digest()).unwrap_err().is_not_found(), "counting changes nothing");
    for _ in 0..2 {
        assert_eq!(store.gc(&locked).unwrap(), Collected::default());
        store.package(&one.digest()).unwrap().verify().unwrap();
        let found = store.resolve(name(), &Selector::Digest(one.digest())).unwrap();
        assert_eq!((found.version, found.manifest), (removed.version.clone(), removed.manifest));
    }
    // It is no version any more: requirements and lists do not show it, and its number stays free.
    assert_eq!(store.versions(name()).unwrap().len(), 1);
    assert_eq!(store.tags(name()).unwrap(), ["1.1.0"]);

    // What no lock names any more goes.
    assert_eq!(store.gc(&ALL).unwrap().blobs, 4);
    assert!(store.package(&one.digest()).unwrap_err().is_not_found());
    store.package(&two.digest()).unwrap().verify().unwrap();
}

fn about(store: &Store, subject: &Sha256Digest, tag: Option<&str>) -> Sha256Digest {
    let session = store.session().unwrap();
    let content = session.put_blob(format!("of {subject} {tag:?}").as_bytes()).unwrap();
    let link = |digest: &Sha256Digest| json!({"mediaType": "application/x", "digest": digest.to_string(), "size": 1});
    let mut layer = link(&content);
    layer["size"] = json!(std::fs::metadata(store.blob_path(&content)).unwrap().len());
    let manifest =
        json!({"schemaVersion": 2, "artifactType": "application/x", "layers": [layer], "subject": link(subject)});
    let media_type = briq_store::oci::IMAGE_MANIFEST;
    session.put_manifest(&Repository::local(name()), tag, media_type, manifest.to_string().as_bytes()).unwrap()
}

#[test]
fn referrers_live_as_long_as_their_subject() {
    let (folder, store) = store();
    let subject = store.publish(&package(folder.path(), "1.0.0", &[1; 4000])).unwrap().record.manifest;
    let first = about(&store, &subject, None);
    let second = about(&store, &first, None);
    let tagged = about(&store, &subject, Some("notes"));
    let found = store.referrers(name(), &subject).unwrap();
    let found: BTreeSet<_> = found.into_iter().map(|entry| entry.digest).collect();
    assert_eq!(found, [first, tagged].into());
    assert_eq!(store.gc(&ALL).unwrap(), Collected::default());

    store.remove(name(), &"1.0.0".parse().unwrap()).unwrap();
    let hour = GcOptions { keep_younger_than: Duration::from_secs(3600), ..ALL };
    assert_eq!(store.gc(&hour).unwrap(), Collected::default());
    assert!(store.manifest_of(name(), &first).unwrap().is_some(), "its subject may be on the way");
    // Six of the package, and two manifests with a blob each.
    assert_eq!(store.gc(&ALL).unwrap().blobs, 6 + 4);
    assert_eq!(store.manifest_of(name(), &first).unwrap(), None);
    assert_eq!(store.manifest_of(name(), &second).unwrap(), None);
    assert_eq!(store.manifest_of(name(), &tagged).unwrap().unwrap().digest, tagged);
}

/// A package large enough to have a chunk index.
fn published(store: &Store, folder: &std::path::Path, version: &str, byte: u8) -> Sha256Digest {
    let published = store.publish(&package(folder, version, &[byte; 100_000])).unwrap();
    assert!(published.indexed);
    let found = store.referrers(name(), &published.record.manifest).unwrap();
    assert_eq!(found.iter().map(|entry| entry.artifact_type.as_deref()).collect::<Vec<_>>(), [Some(INDEX_TYPE)]);
    published.record.manifest
}

/// Whatever the age of the index, and however the package is removed.
#[test]
fn an_index_goes_with_its_package() {
    let (folder, store) = store();
    let kept = published(&store, folder.path(), "1.0.0", 1);
    let hour = GcOptions { keep_younger_than: Duration::from_secs(3600), ..ALL };
    let remove: [fn(&Store, &Sha256Digest); 3] = [
        |store, _| store.remove(name(), &"1.1.0".parse().unwrap()).unwrap(),
        |store, manifest| assert!(store.remove_manifest(&Repository::local(name()), manifest).unwrap()),
        |store, _| assert!(store.untag(&Repository::local(name()), "1.1.0").unwrap()),
    ];
    for remove in remove {
        let gone = published(&store, folder.path(), "1.1.0", 2);
        let alias = "new".parse().unwrap();
        store.set_alias(name(), &alias, &"1.1.0".parse().unwrap()).unwrap();
        store.gc(&hour).unwrap();
        assert_eq!(store.referrers(name(), &gone).unwrap().len(), 1);
        remove(&store, &gone);
        // It keeps the manifest where the tag of the version alone was removed.
        let left = store.referrers(name(), &gone).unwrap().len();
        assert_eq!(store.remove_alias(name(), &alias).unwrap(), left > 0);
        assert_eq!(store.referrers(name(), &gone).unwrap(), []);
        // What is of the package alone, and of its index the manifest and the layer.
        assert_eq!(store.gc(&ALL).unwrap().blobs, 4 + 2);
        assert_eq!(store.referrers(name(), &kept).unwrap().len(), 1);
    }
}

#[test]
fn publishing_again_adds_a_missing_index() {
    let (folder, store) = store();
    let manifest = published(&store, folder.path(), "1.0.0", 1);
    let index = store.referrers(name(), &manifest).unwrap().remove(0);
    assert!(store.remove_manifest(&Repository::local(name()), &index.digest).unwrap());
    assert_eq!(published(&store, folder.path(), "1.0.0", 1), manifest);
    let small = store.publish(&package(folder.path(), "1.0.1", &[1; 100])).unwrap();
    assert!(!small.indexed, "a small package needs none");
}
