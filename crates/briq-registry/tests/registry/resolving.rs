//! References, lock files, and when the network is asked.

use std::sync::Arc;

use briq_package::Package;
use briq_registry::{Place, Progress, PushOptions, open, resolve, resolve_locked};
use briq_spec::lock::Lock;
use briq_spec::variant::{Device, Variant};
use briq_spec::{Machine, Reference, Selector};
use briq_store::Store;

use crate::peers::own;
use crate::samples::{Sample, digits, store, version};

fn reference(text: &str) -> Reference {
    text.parse().unwrap()
}

fn selector(reference: &Reference) -> Selector {
    match reference {
        Reference::Package { selector, .. } => selector.clone(),
        Reference::File(path) => panic!("{}", path.display()),
    }
}

#[tokio::test]
async fn asks_only_the_store_when_no_host_is_named() {
    let (folder, store) = store();
    let package = version(folder.path(), "1.2.0");
    let error = resolve(&reference("team/digits@^1"), &store, &|| Machine::ANY).await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
    store.publish(&package).unwrap();
    let resolved = resolve(&reference("team/digits@^1"), &store, &|| Machine::ANY).await.unwrap();
    assert_eq!((resolved.digest, resolved.registry.as_deref()), (package.digest(), None));
    assert!(matches!(resolved.place, Place::Store));
    open(&resolved, &store, &Progress::none()).await.unwrap().verify().unwrap();
}

#[tokio::test]
async fn takes_a_file_as_it_is() {
    let (folder, store) = store();
    let package = version(folder.path(), "1.2.0");
    let path = folder.path().join("team-digits-1.2.0-5000.briq");
    let resolved = resolve(&Reference::File(path), &store, &|| Machine::ANY).await.unwrap();
    assert_eq!(
        (resolved.name.clone(), resolved.version.to_string(), resolved.digest),
        (digits(), "1.2.0".into(), package.digest())
    );
    open(&resolved, &store, &Progress::none()).await.unwrap().verify().unwrap();
    assert!(store.repositories().unwrap().is_empty());
}

#[tokio::test]
async fn pulls_once_and_does_without_the_network_for_what_cannot_change() {
    let (folder, store) = store();
    let (_remote_folder, remote_store) = crate::samples::store();
    let peer = own(&remote_store).await;
    let host = peer.host.clone();
    let package = version(folder.path(), "1.2.0");
    peer.client().push(&package, &PushOptions::default()).await.unwrap();

    let resolved = resolve(&reference(&format!("{host}/team/digits@^1")), &store, &|| Machine::ANY).await.unwrap();
    assert!(matches!(resolved.place, Place::Registry(_)));
    open(&resolved, &store, &Progress::none()).await.unwrap().verify().unwrap();
    let again = resolve(&reference(&format!("{host}/team/digits@^1")), &store, &|| Machine::ANY).await.unwrap();
    assert!(matches!(again.place, Place::Store));

    drop(peer);
    for exact in ["=1.2.0".to_owned(), package.digest().to_string()] {
        let offline =
            resolve(&reference(&format!("{host}/team/digits@{exact}")), &store, &|| Machine::ANY).await.unwrap();
        assert_eq!(offline.digest, package.digest());
        open(&offline, &store, &Progress::none()).await.unwrap();
    }
    assert!(
        resolve(&reference(&format!("{host}/team/digits@^1")), &store, &|| Machine::ANY)
            .await
            .unwrap_err()
            .is_transport()
    );
    // What was pulled does not answer to the bare name.
    assert!(resolve(&reference("team/digits@^1"), &store, &|| Machine::ANY).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_lock_pins_what_was_resolved() {
    let (folder, store) = store();
    let one = version(folder.path(), "1.0.0");
    store.publish(&one).unwrap();
    let wanted = reference("team/digits@^1");
    let mut lock = Lock::default();
    let first = resolve_locked(&lock, &wanted, &store, &|| Machine::ANY).await.unwrap();
    lock.upsert(first.locked(&selector(&wanted)).unwrap());
    let lock = Lock::parse(&lock.print()).unwrap();

    store.publish(&version(folder.path(), "1.5.0")).unwrap();
    store.yank(digits(), &"1.0.0".parse().unwrap(), true).unwrap();
    assert_eq!(resolve_locked(&lock, &wanted, &store, &|| Machine::ANY).await.unwrap().digest, one.digest());
    assert_eq!(resolve(&wanted, &store, &|| Machine::ANY).await.unwrap().version.to_string(), "1.5.0");
    let other = resolve_locked(&lock, &reference("team/digits@^1.5"), &store, &|| Machine::ANY).await.unwrap();
    assert_eq!(other.version.to_string(), "1.5.0");
}

#[tokio::test]
async fn a_lock_finds_a_registry_that_changed_its_mind() {
    let (folder, store) = store();
    let (_remote_folder, remote_store) = crate::samples::store();
    let peer = own(&remote_store).await;
    peer.client().push(&version(folder.path(), "1.0.0"), &PushOptions::default()).await.unwrap();
    peer.client().push(&version(folder.path(), "1.1.0"), &PushOptions::default()).await.unwrap();
    let wanted = reference(&format!("{}/team/digits@~1.0", peer.host));
    let mut lock = Lock::default();
    lock.upsert(resolve(&wanted, &store, &|| Machine::ANY).await.unwrap().locked(&selector(&wanted)).unwrap());
    let locked = resolve_locked(&lock, &wanted, &store, &|| Machine::ANY).await.unwrap();
    assert_eq!(locked.version.to_string(), "1.0.0");

    remote_store.remove(digits(), &"1.0.0".parse().unwrap()).unwrap();
    let replaced = Sample { weights: vec![6; 66], ..Sample::default() }.write(folder.path());
    peer.client().push(&replaced, &PushOptions::default()).await.unwrap();
    let error = resolve_locked(&lock, &wanted, &store, &|| Machine::ANY).await.unwrap_err();
    assert!(error.is_conflict());
    assert!(error.to_string().contains(&replaced.digest().to_string()), "{error}");
}

/// A machine with one device.
fn machine(backend: &str, memory: u64) -> Machine {
    Machine { devices: vec![Device { backend: backend.into(), memory: Some(memory) }] }
}

/// One version for every machine, and one for those that have a GPU.
fn variants(folder: &std::path::Path) -> [Arc<Package>; 2] {
    let weights = |seed: u8| vec![seed; 5000];
    let gpu = Some(Variant { backends: vec!["wgpu".into()], memory: Some(6000), ..Variant::default() });
    [
        Sample { version: "1.0.0", weights: weights(1), ..Sample::default() }.write(folder),
        Sample { version: "1.0.0+gpu", weights: weights(2), variant: gpu, ..Sample::default() }.write(folder),
    ]
}

async fn chosen(reference: &Reference, store: &Store, machine: &Machine) -> String {
    resolve(reference, store, &|| machine.clone()).await.unwrap().version.to_string()
}

#[tokio::test]
async fn the_machine_chooses_among_variants() {
    let (folder, store) = store();
    let (_remote_folder, remote_store) = crate::samples::store();
    let peer = own(&remote_store).await;
    for package in variants(folder.path()) {
        peer.client().push(&package, &PushOptions::default()).await.unwrap();
        store.publish(&package).unwrap();
    }
    let alias = "production".parse().unwrap();
    peer.client().set_alias(&digits(), &alias, &"1.0.0+gpu".parse().unwrap()).await.unwrap();
    store.set_alias(digits(), &alias, &"1.0.0+gpu".parse().unwrap()).unwrap();
    for place in [String::new(), format!("{}/", peer.host)] {
        for selector in ["", "@^1", "@=1.0.0", ":production"] {
            let wanted = reference(&format!("{place}team/digits{selector}"));
            assert_eq!(chosen(&wanted, &store, &machine("flex", 9000)).await, "1.0.0", "{wanted}");
            assert_eq!(chosen(&wanted, &store, &machine("wgpu", 9000)).await, "1.0.0+gpu", "{wanted}");
            assert_eq!(chosen(&wanted, &store, &machine("wgpu", 5500)).await, "1.0.0", "{wanted}");
            let error = resolve(&wanted, &store, &|| machine("flex", 4000)).await.unwrap_err();
            assert!(error.is_unfit() && error.hint().is_some(), "{error}");
        }
        let named = reference(&format!("{place}team/digits@1+gpu"));
        assert_eq!(chosen(&named, &store, &machine("flex", 1)).await, "1.0.0+gpu", "a name leaves no choice");
    }
}

#[tokio::test]
async fn what_was_pulled_for_one_machine_does_not_bind_another() {
    let (folder, store) = store();
    let (_remote_folder, remote_store) = crate::samples::store();
    let peer = own(&remote_store).await;
    for package in variants(folder.path()) {
        peer.client().push(&package, &PushOptions::default()).await.unwrap();
    }
    let exact = reference(&format!("{}/team/digits@=1.0.0", peer.host));
    let gpu = resolve(&exact, &store, &|| machine("wgpu", 9000)).await.unwrap();
    open(&gpu, &store, &Progress::none()).await.unwrap();
    assert_eq!(chosen(&exact, &store, &machine("flex", 9000)).await, "1.0.0");
}

#[tokio::test]
async fn a_lock_holds_every_variant() {
    let (folder, store) = store();
    let (_remote_folder, remote_store) = crate::samples::store();
    let peer = own(&remote_store).await;
    let [plain, gpu] = variants(folder.path());
    for package in [&plain, &gpu] {
        peer.client().push(package, &PushOptions::default()).await.unwrap();
        store.publish(package).unwrap();
    }
    let small = machine("flex", 9000);
    for place in [String::new(), format!("{}/", peer.host)] {
        let wanted = reference(&format!("{place}team/digits@^1"));
        let mut lock = Lock::default();
        lock.upsert(resolve(&wanted, &store, &|| small.clone()).await.unwrap().locked(&selector(&wanted)).unwrap());
        let lock = Lock::parse(&lock.print()).unwrap();
        assert_eq!(lock.packages[0].digests().collect::<Vec<_>>(), [plain.digest(), gpu.digest()]);
        let newer = Sample { version: "1.1.0", weights: vec![9; 900], ..Sample::default() }.write(folder.path());
        peer.client().push(&newer, &PushOptions::default()).await.unwrap();
        store.publish(&newer).unwrap();
        for (machine, package) in [(&small, &plain), (&machine("wgpu", 9000), &gpu)] {
            let locked = resolve_locked(&lock, &wanted, &store, &|| machine.clone()).await.unwrap();
            assert_eq!(locked.digest, package.digest());
            open(&locked, &store, &Progress::none()).await.unwrap().verify().unwrap();
        }
        remote_store.remove(digits(), &newer.manifest().version).unwrap();
        store.remove(digits(), &newer.manifest().version).unwrap();
    }
}
