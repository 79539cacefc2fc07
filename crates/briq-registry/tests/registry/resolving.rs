//! References, lock files, and when the network is asked.

use briq_registry::{Place, Progress, PushOptions, open, resolve, resolve_locked};
use briq_spec::Reference;
use briq_spec::lock::Lock;

use crate::peers::own;
use crate::samples::{Sample, digits, store, version};

fn reference(text: &str) -> Reference {
    text.parse().unwrap()
}

#[tokio::test]
async fn asks_only_the_store_when_no_host_is_named() {
    let (folder, store) = store();
    let package = version(folder.path(), "1.2.0");
    let error = resolve(&reference("team/digits@^1"), &store).await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
    store.publish(&package).unwrap();
    let resolved = resolve(&reference("team/digits@^1"), &store).await.unwrap();
    assert_eq!((resolved.digest, resolved.registry.as_deref()), (package.digest(), None));
    assert!(matches!(resolved.place, Place::Store));
    open(&resolved, &store, &Progress::none()).await.unwrap().verify().unwrap();
}

#[tokio::test]
async fn takes_a_file_as_it_is() {
    let (folder, store) = store();
    let package = version(folder.path(), "1.2.0");
    let path = folder.path().join("team-digits-1.2.0-5000.briq");
    let resolved = resolve(&Reference::File(path), &store).await.unwrap();
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

    let resolved = resolve(&reference(&format!("{host}/team/digits@^1")), &store).await.unwrap();
    assert!(matches!(resolved.place, Place::Registry(_)));
    open(&resolved, &store, &Progress::none()).await.unwrap().verify().unwrap();
    let again = resolve(&reference(&format!("{host}/team/digits@^1")), &store).await.unwrap();
    assert!(matches!(again.place, Place::Store));

    drop(peer);
    for exact in ["=1.2.0".to_owned(), package.digest().to_string()] {
        let offline = resolve(&reference(&format!("{host}/team/digits@{exact}")), &store).await.unwrap();
        assert_eq!(offline.digest, package.digest());
        open(&offline, &store, &Progress::none()).await.unwrap();
    }
    assert!(resolve(&reference(&format!("{host}/team/digits@^1")), &store).await.unwrap_err().is_transport());
    // What was pulled does not answer to the bare name.
    assert!(resolve(&reference("team/digits@^1"), &store).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_lock_pins_what_was_resolved() {
    let (folder, store) = store();
    let one = version(folder.path(), "1.0.0");
    store.publish(&one).unwrap();
    let wanted = reference("team/digits@^1");
    let mut lock = Lock::default();
    let first = resolve_locked(&lock, &wanted, &store).await.unwrap();
    lock.upsert(first.locked(&"^1".parse().unwrap()));
    let lock = Lock::parse(&lock.print()).unwrap();

    store.publish(&version(folder.path(), "1.5.0")).unwrap();
    store.yank(digits(), &"1.0.0".parse().unwrap(), true).unwrap();
    assert_eq!(resolve_locked(&lock, &wanted, &store).await.unwrap().digest, one.digest());
    assert_eq!(resolve(&wanted, &store).await.unwrap().version.to_string(), "1.5.0");
    let other = resolve_locked(&lock, &reference("team/digits@^1.5"), &store).await.unwrap();
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
    lock.upsert(resolve(&wanted, &store).await.unwrap().locked(&"~1.0".parse().unwrap()));
    let locked = resolve_locked(&lock, &wanted, &store).await.unwrap();
    assert_eq!(locked.version.to_string(), "1.0.0");

    remote_store.remove(digits(), &"1.0.0".parse().unwrap()).unwrap();
    let replaced = Sample { weights: vec![6; 66], ..Sample::default() }.write(folder.path());
    peer.client().push(&replaced, &PushOptions::default()).await.unwrap();
    let error = resolve_locked(&lock, &wanted, &store).await.unwrap_err();
    assert!(error.is_conflict());
    assert!(error.to_string().contains(&replaced.digest().to_string()), "{error}");
}
