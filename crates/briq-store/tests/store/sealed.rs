//! Packages with seals: what is stored, and what becomes of one that is sealed later.

use std::path::Path;

use briq_package::seal::{self, PrivateKey, Trust};
use briq_package::{Package, example};
use briq_store::Repository;

use crate::samples::{package, store};

fn key() -> PrivateKey {
    PrivateKey::from_pem(example::PRIVATE_KEY, None).unwrap()
}

fn sealed(package: &Package, folder: &Path) -> Package {
    let target = folder.join("sealed.briq");
    package.assemble_sealed(&target, &[seal::seal(package, &key()).unwrap()]).unwrap();
    Package::open(&target).unwrap()
}

fn is_trusted(package: &Package) -> bool {
    seal::verify(package, &Trust::default().with_key(key().public_key())).is_ok()
}

#[test]
fn a_sealed_package_comes_back_with_its_seal() {
    let (folder, store) = store();
    let original = sealed(&package(folder.path(), "1.0.0", b"weights"), folder.path());
    store.publish(&original).unwrap();
    let opened = store.package(&original.digest()).unwrap();
    assert_eq!(opened.seals(), original.seals());
    assert!(is_trusted(&opened));
    let rebuilt = folder.path().join("rebuilt.briq");
    opened.assemble(&rebuilt).unwrap();
    assert_eq!(std::fs::read(rebuilt).unwrap(), std::fs::read(folder.path().join("sealed.briq")).unwrap());
    store.gc(&Default::default()).unwrap();
    assert!(is_trusted(&store.package(&original.digest()).unwrap()));
}

#[test]
fn sealing_later_keeps_the_version_with_its_aliases_and_marks() {
    let (folder, store) = store();
    let plain = package(folder.path(), "1.0.0", b"weights");
    let name = plain.manifest().name.clone();
    let first = store.publish(&plain).unwrap().record;
    store.set_alias(&name, &"production".parse().unwrap(), &first.version).unwrap();
    let before = store.publish(&plain).unwrap();
    assert!(before.already_there);

    let again = store.publish(&sealed(&plain, folder.path())).unwrap();
    assert!(!again.already_there);
    assert_eq!((again.record.digest, again.record.published), (first.digest, first.published));
    assert_ne!(again.record.manifest, first.manifest);
    assert!(is_trusted(&store.package(&first.digest).unwrap()));
    assert_eq!(store.aliases(&name).unwrap()["production"], first.version);
    assert_eq!(store.versions(Repository::local(name)).unwrap().len(), 1);

    // The unsealed one, published again, takes no seal away.
    let unsealed = store.publish(&plain).unwrap();
    assert!(unsealed.already_there);
    assert_eq!(unsealed.record.manifest, again.record.manifest);
    assert!(is_trusted(&store.package(&first.digest).unwrap()));
}

#[test]
fn rejects_a_damaged_seal() {
    let (folder, store) = store();
    let original = sealed(&package(folder.path(), "1.0.0", b"weights"), folder.path());
    store.publish(&original).unwrap();
    let text = String::from_utf8(original.seals()[0].bytes.clone()).unwrap();
    let blobs = std::fs::read_dir(store.root().join("blobs/sha256")).unwrap();
    let blob =
        blobs.map(|blob| blob.unwrap().path()).find(|blob| std::fs::read(blob).unwrap() == text.as_bytes()).unwrap();
    std::fs::write(blob, text.replace("mediaType", "mediatype")).unwrap();
    assert!(store.package(&original.digest()).unwrap_err().is_corrupt());
}
