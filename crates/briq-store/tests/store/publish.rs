//! Publishing, and what it refuses.

use briq_package::Package;
use briq_spec::{DataType, PackageName, TensorSpec};
use briq_store::{Repository, Store};

use crate::samples::{files, package, store, with_datatype, with_signature};

#[test]
fn publishes_and_opens_the_identical_package() {
    let (folder, store) = store();
    let original = package(folder.path(), "1.0.0", &[7; 10_000]);
    let published = store.publish(&original).unwrap();
    assert!(!published.already_there);
    assert_eq!(published.record.digest, original.digest());

    let opened = store.package(&original.digest()).unwrap();
    assert_eq!(opened.manifest(), original.manifest());
    opened.verify().unwrap();
    let rebuilt = folder.path().join("rebuilt.briq");
    opened.assemble(&rebuilt).unwrap();
    assert_eq!(std::fs::read(rebuilt).unwrap(), std::fs::read(folder.path().join("digits-1.0.0.briq")).unwrap());
}

#[test]
fn publishes_the_same_package_once() {
    let (folder, store) = store();
    let one = package(folder.path(), "1.0.0", b"weights");
    let first = store.publish(&one).unwrap();
    let blobs = files(&store, "blobs/sha256");
    let second = store.publish(&one).unwrap();
    assert!(second.already_there);
    assert_eq!(second.record, first.record);
    assert_eq!(files(&store, "blobs/sha256"), blobs);
    assert_eq!(files(&store, "ingest"), [] as [&str; 0]);
}

#[test]
fn shares_entries_between_versions() {
    let (folder, store) = store();
    store.publish(&package(folder.path(), "1.0.0", &[1; 5000])).unwrap();
    let before = files(&store, "blobs/sha256").len();
    store.publish(&package(folder.path(), "1.0.1", &[1; 5000])).unwrap();
    // New: briq.json, the configuration, the OCI manifest. Shared: structure, weights, README.
    assert_eq!(files(&store, "blobs/sha256").len(), before + 3);
}

#[test]
fn gives_the_same_manifest_everywhere() {
    let ((folder, here), (_other, there)) = (store(), store());
    let one = package(folder.path(), "1.0.0", b"weights");
    let digest = here.publish(&one).unwrap().record.manifest;
    let copy = here.package(&one.digest()).unwrap();
    assert_eq!(there.publish(&copy).unwrap().record.manifest, digest);
}

#[test]
fn refuses_other_bytes_under_the_same_version() {
    let (folder, store) = store();
    let first = store.publish(&package(folder.path(), "1.0.0", b"one")).unwrap();
    let error = store.publish(&package(folder.path(), "1.0.0", b"two")).unwrap_err();
    assert!(error.is_conflict());
    assert_eq!(error.to_string(), "cannot publish digits 1.0.0: the version exists with other bytes");
    assert_eq!(error.hint().unwrap(), "a published version never changes: raise the version");
    assert_eq!(store.versions(&first.repository).unwrap(), [first.record]);
}

#[test]
fn refuses_a_signature_that_breaks_a_compatible_version() {
    let (folder, store) = store();
    let publish = |version: &str, datatype| store.publish(&with_datatype(folder.path(), version, b"w", datatype));
    publish("1.2.0", DataType::Fp32).unwrap();
    for version in ["1.3.0", "1.1.0", "1.2.1"] {
        let error = publish(version, DataType::Int64).unwrap_err();
        assert!(error.is_incompatible(), "{version}: {error}");
        assert!(error.to_string().contains("would break callers of"), "{error}");
    }
    for version in ["2.0.0", "0.9.0", "1.3.0-rc.1"] {
        publish(version, DataType::Int64).unwrap();
    }
    publish("1.3.0", DataType::Fp32).unwrap();
    assert_eq!(store.versions(name()).unwrap().len(), 5);
}

#[test]
fn refuses_less_than_the_least_version_for_a_signature() {
    let (folder, store) = store();
    let publish = |version: &str, outputs: usize| {
        let package = with_signature(folder.path(), version, b"w", |signature| {
            let first = signature.outputs[0].clone();
            let named = |number| TensorSpec { name: format!("more_{number}"), ..first.clone() };
            signature.outputs.extend((1..outputs).map(named));
        });
        store.publish(&package)
    };
    publish("1.2.0", 1).unwrap();
    let error = publish("1.2.1", 2).unwrap_err();
    assert!(error.is_incompatible(), "{error}");
    assert!(error.to_string().contains("1.2.1 is no mere patch of 1.2.0: output more_1"), "{error}");
    assert!(error.to_string().ends_with("the least version for that is 1.3.0"), "{error}");
    publish("1.3.0", 2).unwrap();
    // A patch of the older line stays possible, and is held to both sides.
    publish("1.2.1", 1).unwrap();
    let error = publish("1.4.0", 1).unwrap_err();
    assert!(error.to_string().ends_with("the least version for that is 2.0.0"), "{error}");
    let error = publish("1.2.2", 3).unwrap_err();
    assert!(error.to_string().contains("1.2.2 is no mere patch of 1.2.1"), "{error}");
}

#[test]
fn passes_over_yanked_neighbours() {
    let (folder, store) = store();
    let publish = |version: &str, datatype| store.publish(&with_datatype(folder.path(), version, b"w", datatype));
    publish("1.0.0", DataType::Fp32).unwrap();
    store.yank(name(), &"1.0.0".parse().unwrap(), true).unwrap();
    publish("1.1.0", DataType::Int64).unwrap();
}

#[test]
fn replaces_a_damaged_blob() {
    let (folder, store) = store();
    let one = package(folder.path(), "1.0.0", b"weights");
    store.publish(&one).unwrap();
    let entry = one.manifest().entries.iter().find(|entry| entry.path.as_str() == "model.onnx").unwrap();
    std::fs::write(store.blob_path(&entry.sha256), b"cut").unwrap();
    let error = store.package(&one.digest()).unwrap_err();
    assert!(error.is_corrupt(), "{error}");
    assert!(error.to_string().contains("model.onnx"), "{error}");

    assert!(store.publish(&one).unwrap().already_there);
    store.package(&one.digest()).unwrap().verify().unwrap();
}

#[test]
fn finds_a_flipped_byte_when_the_entry_is_read() {
    let (folder, store) = store();
    let one = package(folder.path(), "1.0.0", b"weights");
    store.publish(&one).unwrap();
    let entry = one.manifest().entries.iter().find(|entry| entry.path.as_str() == "model.onnx").unwrap();
    std::fs::write(store.blob_path(&entry.sha256), b"thE structure").unwrap();
    let opened = store.package(&one.digest()).unwrap();
    assert!(opened.structure().unwrap_err().is_corrupt());
}

#[test]
fn keeps_registries_apart() {
    let (folder, store) = store();
    let (own, theirs) =
        (package(folder.path(), "1.0.0", b"own"), Repository::remote("ghcr.io", "acme/digits".parse().unwrap()));
    store.publish(&own).unwrap();
    let manifest = store.manifest(&store.versions(name()).unwrap()[0].manifest).unwrap();
    let session = store.session().unwrap();
    let adopted = session.adopt(&theirs, &manifest).unwrap();
    assert!(!adopted.already_there);
    assert_eq!(store.names().unwrap(), [name()]);
    assert_eq!(store.repositories().unwrap(), [Repository::local(name()), theirs.clone()]);
    assert_eq!(store.versions(&theirs).unwrap().len(), 1);

    let other = Repository::remote("ghcr.io", "acme/letters".parse().unwrap());
    let error = session.adopt(&other, &manifest).unwrap_err();
    assert_eq!(error.to_string(), "cannot add a package to ghcr.io/acme/letters: the package is called digits");
}

#[test]
fn refuses_a_manifest_whose_blobs_are_missing() {
    let ((folder, here), (_other, there)) = (store(), store());
    let published = here.publish(&package(folder.path(), "1.0.0", b"weights")).unwrap();
    let manifest = here.manifest(&published.record.manifest).unwrap();
    let error = there.session().unwrap().adopt(&published.repository, &manifest).unwrap_err();
    assert!(error.is_corrupt(), "{error}");
    assert!(there.versions(name()).unwrap().is_empty());
    assert!(there.package(&published.record.digest).unwrap_err().is_not_found());
}

#[test]
fn refuses_a_layout_from_the_future() {
    let (_folder, store) = store();
    std::fs::write(store.root().join("oci-layout"), r#"{"imageLayoutVersion":"2.0.0"}"#).unwrap();
    let error = Store::open(store.root()).unwrap_err();
    assert!(error.to_string().contains("its layout version is Some(\"2.0.0\")"), "{error}");
}

#[test]
fn refuses_an_index_that_does_not_parse() {
    let (folder, store) = store();
    std::fs::write(store.root().join("index.json"), "{").unwrap();
    assert!(store.names().unwrap_err().is_corrupt());
    assert!(store.publish(&package(folder.path(), "1.0.0", b"w")).unwrap_err().is_corrupt());
    assert_eq!(std::fs::read(store.root().join("index.json")).unwrap(), b"{");
}

#[test]
fn copies_from_store_to_store() {
    let ((folder, here), (_other, there)) = (store(), store());
    let one: Package = package(folder.path(), "1.0.0", &[3; 70_000]);
    here.publish(&one).unwrap();
    there.publish(&here.package(&one.digest()).unwrap()).unwrap();
    there.package(&one.digest()).unwrap().verify().unwrap();
}

pub(crate) fn name() -> PackageName {
    "digits".parse().unwrap()
}
