//! Deltas beside packages: pulled where they are shorter than what changed, and never believed.

use std::path::Path;
use std::sync::Arc;

use briq_package::Package;
use briq_registry::{DELTA_BASE, DELTA_TYPE, INDEX_TYPE, PushOptions, Pushed};
use briq_store::oci::IMAGE_MANIFEST;
use briq_store::{Repository, Store, attachment};

use crate::peers::{Peer, all, debian, own};
use crate::samples::{digits, noise, shard, store};
use crate::updates::{describe, packed, pull, referrers};

const TENSOR_BYTES: usize = 256 << 10;
const TENSORS: u64 = 8;
const WHOLE: u64 = TENSORS * TENSOR_BYTES as u64;

pub(crate) fn weights() -> Vec<u8> {
    shard("", &Vec::from_iter(0..TENSORS), TENSOR_BYTES)
}

/// Weights that differ a little everywhere, so that no chunk is as it was.
pub(crate) fn tuned(weights: &[u8], seed: u64) -> Vec<u8> {
    let header = 8 + u64::from_le_bytes(weights[..8].try_into().unwrap()) as usize;
    let steps = noise(seed, weights.len() - header);
    let step = |(at, (byte, step)): (usize, (&u8, &u8))| byte ^ if at.is_multiple_of(4) { step & 3 } else { 0 };
    let moved = weights[header..].iter().zip(&steps).enumerate().map(step);
    weights[..header].iter().copied().chain(moved).collect()
}

/// Two versions, the second of which is everywhere a little different from the first.
fn versions(folder: &Path) -> [Arc<Package>; 2] {
    let old = weights();
    [packed(folder, "1.0.0", old.clone()), packed(folder, "1.1.0", tuned(&old, 1))]
}

pub(crate) async fn push_from(peer: &Peer, package: &Arc<Package>, base: &Arc<Package>) -> Pushed {
    let options = PushOptions { delta_from: Some(Arc::clone(base)), ..PushOptions::default() };
    peer.client().push(package, &options).await.unwrap()
}

#[tokio::test]
async fn a_delta_is_pulled_where_its_base_is() {
    for (peer, _guard) in all().await {
        let (folder, store) = store();
        let [old, new] = versions(folder.path());
        peer.client().push(&old, &PushOptions::default()).await.unwrap();
        let size = push_from(&peer, &new, &old).await.delta.unwrap();
        assert!(size < WHOLE / 3, "{size}");
        assert_eq!(push_from(&peer, &new, &old).await.delta, Some(size), "it is there already");
        let mut types = referrers(&peer, &describe(&peer).await).await;
        types.sort();
        assert_eq!(types, [DELTA_TYPE, INDEX_TYPE]);

        pull(&peer, &old, &store).await;
        let told = pull(&peer, &new, &store).await;
        println!("{}: {} of {WHOLE} bytes moved", peer.host, told.last.bytes_moved);
        assert!(told.warnings.is_empty() && told.last.bytes_moved < size + 10_000, "{told:?}");
        let rebuilt = folder.path().join("rebuilt.briq");
        store.package(&new.digest()).unwrap().assemble(&rebuilt).unwrap();
        let original = format!("team-digits-1.1.0-{}.briq", weights().len());
        assert_eq!(std::fs::read(rebuilt).unwrap(), std::fs::read(folder.path().join(original)).unwrap());
        assert_eq!(std::fs::read_dir(store.root().join("ingest")).unwrap().count(), 0, "the delta is gone");

        let (_folder, bare) = crate::samples::store();
        let told = pull(&peer, &new, &bare).await;
        assert!(told.last.bytes_moved > WHOLE && told.warnings.is_empty(), "{told:?}");
    }
}

/// One tensor of many: the parts that changed are shorter than a delta from a version that is further away.
#[tokio::test]
async fn parts_are_pulled_where_they_are_shorter() {
    let ((folder, store), (_remote_folder, remote_store)) = (store(), crate::samples::store());
    let peer = own(&remote_store).await;
    let far = packed(folder.path(), "1.0.0", shard("", &[100, 101, 102, 103, 4, 5, 6, 7], TENSOR_BYTES));
    let near = packed(folder.path(), "1.1.0", tuned(&weights(), 1));
    let mut changed = tuned(&weights(), 1);
    let last = changed.len() - 1000;
    changed[last..].fill(7);
    let new = packed(folder.path(), "1.2.0", changed);
    let size = push_from(&peer, &new, &far).await.delta.unwrap();
    for package in [&far, &near] {
        store.publish(package).unwrap();
    }
    let told = pull(&peer, &new, &store).await;
    assert!(told.last.bytes_moved < WHOLE / 4 && WHOLE / 4 < size, "{told:?} {size}");
}

#[tokio::test]
async fn a_delta_that_would_save_nothing_is_not_pushed() {
    let ((folder, _), (_remote_folder, remote_store)) = (store(), store());
    let peer = own(&remote_store).await;
    let other = packed(folder.path(), "1.0.0", noise(50, 300_000));
    let new = packed(folder.path(), "1.1.0", noise(51, 300_000));
    let pushed = push_from(&peer, &new, &other).await;
    assert_eq!((pushed.indexed, pushed.delta), (true, None));
}

/// Hangs bytes on a package in a store as a delta from a base.
fn hang(store: &Store, package: &Package, base: &Package, bytes: &[u8]) {
    let subject = store.publish(package).unwrap().record.manifest;
    let session = store.session().unwrap();
    session.put_blob(attachment::EMPTY_CONFIG).unwrap();
    let layer = (session.put_blob(bytes).unwrap(), bytes.len() as u64);
    let told_from = format!("{}@{}", base.manifest().name, base.digest());
    let annotations = [(DELTA_BASE.to_owned(), told_from)].into();
    let document = attachment::document(DELTA_TYPE, (subject, 1), layer, annotations);
    let document = serde_json::to_vec(&document).unwrap();
    session.put_manifest(&Repository::local(digits()), None, IMAGE_MANIFEST, &document).unwrap();
}

#[tokio::test]
async fn a_delta_that_lies_costs_no_more_than_bytes() {
    type Lie = fn(Vec<u8>) -> Vec<u8>;
    let coded = |package: &Package, base: Option<&Package>| {
        let mut bytes = Vec::new();
        briq_package::parcel::encode(package, base, &mut bytes).unwrap();
        bytes
    };
    let lies: [(Lie, bool, &str); 3] = [
        (|_| b"nonsense".to_vec(), false, "it does not begin as a parcel does"),
        (|bytes| bytes, true, "it makes package blake3:"),
        (|bytes| bytes[..bytes.len() / 2].to_vec(), false, "its bytes do not match the digest at its end"),
    ];
    for (lie, exchanged, said) in lies {
        let ((folder, store), (_remote_folder, remote_store)) = (store(), crate::samples::store());
        let [old, new] = versions(folder.path());
        let told = if exchanged { coded(&old, Some(&old)) } else { coded(&new, Some(&old)) };
        hang(&remote_store, &new, &old, &lie(told));
        store.publish(&old).unwrap();
        let told = pull(&own(&remote_store).await, &new, &store).await;
        assert_eq!(told.warnings.len(), 1, "{told:?}");
        assert!(told.warnings[0].starts_with("the delta is of no use, so what is missing is fetched without it: "));
        assert!(told.warnings[0].contains(said), "{told:?}");
    }
}

/// A registry that keeps no list of referrers has a tag that each of the pushes replaces.
#[tokio::test(flavor = "multi_thread")]
async fn pushes_at_once_lose_nothing_of_the_list() {
    const PUSHES: u64 = 8;
    let Some(peer) = debian("") else { return };
    let folder = tempfile::tempdir().unwrap();
    let new = packed(folder.path(), "2.0.0", weights());
    peer.client().push(&new, &PushOptions::default()).await.unwrap();
    let bases = (0..PUSHES).map(|seed| packed(folder.path(), &format!("1.{seed}.0"), tuned(&weights(), seed)));
    let bases: Vec<_> = bases.collect();
    let pushed = futures::future::join_all(bases.iter().map(|base| push_from(&peer, &new, base))).await;
    assert!(pushed.iter().all(|pushed| pushed.delta.is_some()), "{pushed:?}");
    let listed = referrers(&peer, &describe(&peer).await).await;
    let deltas = listed.iter().filter(|kind| *kind == DELTA_TYPE).count();
    assert_eq!((listed.len(), deltas), (PUSHES as usize + 1, PUSHES as usize));
}
