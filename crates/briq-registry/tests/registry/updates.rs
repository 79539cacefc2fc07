//! Updates: only what changed is moved, whatever the registry can do and whatever the index says.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::Response;
use briq_package::Package;
use briq_package::chunks::Index;
use briq_registry::{INDEX_TYPE, Progress, PushOptions, Remote, Snapshot};
use briq_spec::{Machine, Selector, Sha256Digest};
use briq_store::oci::{Descriptor, IMAGE_MANIFEST};
use briq_store::{Ingest, Repository, Store};

use crate::peers::{Between, Peer, all, counted, own, own_with};
use crate::samples::{Sample, digits, noise, shard, store};

/// Tensors where bytes are counted, and where they are not.
const MANY: u64 = 64;
const FEW: u64 = 8;
const TENSOR_BYTES: usize = 256 << 10;
/// The tensor that an update changes.
const CHANGED: usize = 5;

/// Weights of equal tensors, one of which can be another one.
fn weights(tensors: u64, note: &str, changed: bool) -> Vec<u8> {
    let mut seeds: Vec<u64> = (0..tensors).collect();
    if changed {
        seeds[CHANGED] = 1000;
    }
    shard(note, &seeds, TENSOR_BYTES)
}

fn before() -> Vec<u8> {
    weights(FEW, "", false)
}

fn after() -> Vec<u8> {
    weights(FEW, "", true)
}

/// Whether no more was moved than one tensor and what belongs to it.
fn is_small(told: &Told) -> bool {
    told.last.bytes_moved < 3 * TENSOR_BYTES as u64 / 2
}

/// Whether all tensors were moved.
fn is_whole(told: &Told) -> bool {
    told.last.bytes_moved > FEW * TENSOR_BYTES as u64
}

pub(crate) fn packed(folder: &Path, version: &str, weights: Vec<u8>) -> Arc<Package> {
    Sample { version, weights, ..Sample::default() }.write(folder)
}

async fn push(peer: &Peer, package: &Arc<Package>) {
    assert!(peer.client().push(package, &PushOptions::default()).await.unwrap().indexed);
}

/// What a pull told.
pub(crate) struct Told {
    pub(crate) last: Snapshot,
    pub(crate) warnings: Vec<String>,
}

pub(crate) async fn pull(peer: &Peer, package: &Package, store: &Store) -> Told {
    let (last, warnings) = (Arc::new(Mutex::new(None)), Arc::new(Mutex::new(Vec::new())));
    let (snapshots, texts) = (Arc::clone(&last), Arc::clone(&warnings));
    let progress = Progress::new(move |now| *snapshots.lock().unwrap() = Some(now))
        .with_warnings(move |text| texts.lock().unwrap().push(text.to_owned()));
    let manifest = package.manifest();
    let remote = peer.client().describe_version(&manifest.name, &manifest.version).await.unwrap();
    peer.client().pull(&remote, store, &progress).await.unwrap();
    let pulled = store.package(&package.digest()).unwrap();
    pulled.verify().unwrap();
    let last = last.lock().unwrap().unwrap();
    assert_eq!((last.bytes_done, last.blobs_done), (last.bytes, last.blobs));
    let warnings = warnings.lock().unwrap().clone();
    Told { last, warnings }
}

#[tokio::test]
async fn an_update_moves_only_the_tensor_that_changed() {
    for (peer, _guard) in all().await {
        let (folder, store) = store();
        let old = packed(folder.path(), "1.0.0", weights(MANY, "", false));
        let new = packed(folder.path(), "1.1.0", weights(MANY, "", true));
        push(&peer, &old).await;
        push(&peer, &new).await;
        let (through, count) = counted(&peer).await;
        let whole = MANY * TENSOR_BYTES as u64;

        let told = pull(&through, &old, &store).await;
        assert_eq!((told.last.bytes_moved, told.last.bytes_reused), (told.last.bytes, 0));
        assert!(count.swap(0, Ordering::Relaxed) > whole);

        let told = pull(&through, &new, &store).await;
        let moved = count.load(Ordering::Relaxed);
        println!("{}: {moved} of {whole} bytes on the wire", peer.host);
        assert!(moved <= whole / MANY + whole / 100, "{moved} of {whole} bytes");
        assert_eq!(told.last.bytes_moved + told.last.bytes_reused, told.last.bytes);
        assert!(told.last.bytes_moved < moved && told.warnings.is_empty(), "{:?}", told.warnings);
        let rebuilt = folder.path().join("rebuilt.briq");
        store.package(&new.digest()).unwrap().assemble(&rebuilt).unwrap();
        let original = format!("team-digits-1.1.0-{}.briq", weights(MANY, "", false).len());
        assert_eq!(std::fs::read(rebuilt).unwrap(), std::fs::read(folder.path().join(original)).unwrap());
    }
}

#[tokio::test]
async fn a_header_that_shifts_everything_moves_almost_nothing() {
    for (peer, _guard) in all().await {
        let (folder, store) = store();
        let old = packed(folder.path(), "1.0.0", weights(MANY, "", false));
        let new = packed(folder.path(), "1.0.1", weights(MANY, "now with a note of some length", false));
        push(&peer, &old).await;
        push(&peer, &new).await;
        let (through, count) = counted(&peer).await;
        pull(&through, &old, &store).await;
        let whole = count.swap(0, Ordering::Relaxed);
        pull(&through, &new, &store).await;
        let moved = count.load(Ordering::Relaxed);
        println!("{}: {moved} of {whole} bytes on the wire", peer.host);
        assert!(moved < whole / 500, "{moved} of {whole} bytes");
    }
}

/// Neither of the same name nor from the same place: what it was made from says where to look.
#[tokio::test]
async fn a_fine_tune_takes_from_its_base() {
    let (folder, store) = store();
    let (_remote_folder, remote_store) = crate::samples::store();
    let peer = own(&remote_store).await;
    let base = Sample { name: "base", weights: before(), ..Sample::default() }.write(folder.path());
    store.publish(&base).unwrap();
    let from = Some(format!("base@{}", base.digest()));
    let tuned = Sample { name: "tuned", weights: after(), base: from, ..Sample::default() };
    let tuned = tuned.write(folder.path());
    push(&peer, &tuned).await;
    let told = pull(&peer, &tuned, &store).await;
    assert!(is_small(&told), "{:?}", told.last);
}

/// What was published to a store has an index there, for pulls from a server over it and from where it is pushed on to.
#[tokio::test]
async fn a_store_serves_updates_of_what_was_published_to_it() {
    let ((folder, store), (_remote_folder, remote_store)) = (store(), crate::samples::store());
    let old = packed(folder.path(), "1.0.0", before());
    let new = packed(folder.path(), "1.1.0", after());
    for package in [&old, &new] {
        assert!(remote_store.publish(package).unwrap().indexed);
    }
    store.publish(&old).unwrap();
    let peer = own(&remote_store).await;
    let told = pull(&peer, &new, &store).await;
    assert!(is_small(&told) && told.warnings.is_empty(), "{told:?}");

    for (peer, _guard) in all().await {
        let (_folder, store) = crate::samples::store();
        store.publish(&old).unwrap();
        push(&peer, &Arc::new(remote_store.package(&new.digest()).unwrap())).await;
        assert!(is_small(&pull(&peer, &new, &store).await));
    }
}

/// A registry of ours with two versions, and a store that has the first one of them.
struct Ground {
    peer: Peer,
    new: Arc<Package>,
    store: Store,
    ranges: Arc<Mutex<Vec<Option<String>>>>,
    _folders: [tempfile::TempDir; 2],
}

async fn ground(between: Between) -> Ground {
    let ((folder, store), (remote_folder, remote_store)) = (store(), store());
    let old = packed(folder.path(), "1.0.0", before());
    let new = packed(folder.path(), "1.1.0", after());
    let calm = own(&remote_store).await;
    push(&calm, &old).await;
    push(&calm, &new).await;
    let ranges = Arc::new(Mutex::new(Vec::new()));
    let (sink, wanted) = (Arc::clone(&ranges), digest_of(&new).to_string());
    let noting: Between = Arc::new(move |request, next| {
        if request.uri().path().ends_with(&wanted) {
            let range = request.headers().get("range").map(|value| value.to_str().unwrap().to_owned());
            sink.lock().unwrap().push(range);
        }
        between(request, next)
    });
    let (peer, _) = own_with(&remote_store, noting).await;
    store.publish(&old).unwrap();
    Ground { peer, new, store, ranges, _folders: [folder, remote_folder] }
}

fn calmly() -> Between {
    Arc::new(|request, next| Box::pin(next.run(request)))
}

fn digest_of(package: &Package) -> Sha256Digest {
    package.entries().iter().find(|entry| entry.path.as_str().ends_with(".safetensors")).unwrap().sha256
}

/// Wherever the process was killed, what it left is the beginning of the blob, and the rest is put together.
#[tokio::test]
async fn goes_on_where_an_update_was_killed() {
    let all = after();
    let start = all.len() - (FEW as usize - CHANGED) * TENSOR_BYTES;
    for length in [0, 1, 1000, start - 1, start, start + 1, start + TENSOR_BYTES - 1, start + TENSOR_BYTES, all.len()] {
        let ground = ground(calmly()).await;
        let session = ground.store.session().unwrap();
        let Ingest::Wanted(mut writer) = session.ingest(&digest_of(&ground.new), all.len() as u64).unwrap() else {
            panic!("the store does not have it")
        };
        writer.write(&all[..length]).unwrap();
        drop((writer, session));
        let told = pull(&ground.peer, &ground.new, &ground.store).await;
        assert!(told.warnings.is_empty() && is_small(&told), "{length}");
        let (first, last) = (start.max(length), start + TENSOR_BYTES);
        let expected = (first < last).then(|| Some(format!("bytes={first}-{}", last - 1)));
        assert_eq!(*ground.ranges.lock().unwrap(), Vec::from_iter(expected), "{length}");
    }
}

#[tokio::test]
async fn a_damaged_beginning_is_noticed() {
    let ground = ground(calmly()).await;
    let session = ground.store.session().unwrap();
    let size = before().len() as u64;
    let Ingest::Wanted(mut writer) = session.ingest(&digest_of(&ground.new), size).unwrap() else {
        panic!("the store does not have it")
    };
    writer.write(&[0; 50_000]).unwrap();
    drop((writer, session));
    let told = pull(&ground.peer, &ground.new, &ground.store).await;
    assert_eq!(told.warnings.len(), 1);
}

#[tokio::test]
async fn asks_again_for_a_range_that_broke_off() {
    let broken = Arc::new(Mutex::new(0));
    let between: Between = Arc::new(move |request, next| {
        let ranged = request.headers().contains_key("range");
        let broken = Arc::clone(&broken);
        Box::pin(async move {
            let response = next.run(request).await;
            if !ranged || std::mem::replace(&mut *broken.lock().unwrap(), 1) > 0 {
                return response;
            }
            let (parts, _) = response.into_parts();
            let error = Err::<bytes::Bytes, _>(std::io::Error::other("the line is dead"));
            Response::from_parts(parts, Body::from_stream(futures::stream::iter([error])))
        })
    });
    let ground = ground(between).await;
    let told = pull(&ground.peer, &ground.new, &ground.store).await;
    assert_eq!(ground.ranges.lock().unwrap().len(), 2);
    assert!(told.warnings.is_empty() && is_small(&told));
}

#[tokio::test]
async fn fetches_whole_blobs_where_there_are_no_ranges() {
    let between: Between = Arc::new(|mut request, next| {
        request.headers_mut().remove("range");
        Box::pin(next.run(request))
    });
    let ground = ground(between).await;
    let told = pull(&ground.peer, &ground.new, &ground.store).await;
    assert!(is_whole(&told) && told.warnings.is_empty(), "{:?}", told.last);
}

/// A registry of ours that has a version with an index of these bytes, made from the two packages.
async fn lying(lie: impl Fn(&Package, &Package) -> Vec<u8>) -> Told {
    let ((folder, store), (_remote_folder, remote_store)) = (store(), store());
    let old = packed(folder.path(), "1.0.0", before());
    let new = packed(folder.path(), "1.1.0", after());
    let published = remote_store.publish(&new).unwrap();
    let truth = remote_store.referrers(digits(), &published.record.manifest).unwrap().remove(0);
    assert!(remote_store.remove_manifest(&Repository::local(digits()), &truth.digest).unwrap());
    let session = remote_store.session().unwrap();
    let (config, index) = (session.put_blob(b"{}").unwrap(), lie(&old, &new));
    let layer = session.put_blob(&index).unwrap();
    let manifest = serde_json::json!({
        "schemaVersion": 2, "mediaType": IMAGE_MANIFEST, "artifactType": INDEX_TYPE,
        "config": Descriptor::new("application/vnd.oci.empty.v1+json", config, 2),
        "layers": [Descriptor::new(INDEX_TYPE, layer, index.len() as u64)],
        "subject": Descriptor::new(IMAGE_MANIFEST, published.record.manifest, 1),
    });
    let bytes = serde_json::to_vec(&manifest).unwrap();
    session.put_manifest(&Repository::local(digits()), None, IMAGE_MANIFEST, &bytes).unwrap();
    drop(session);
    store.publish(&old).unwrap();
    pull(&own(&remote_store).await, &new, &store).await
}

/// The index of the old package under the digest of the new one: every chunk is here, and they make the wrong blob.
fn exchanged(old: &Package, new: &Package) -> Vec<u8> {
    let mut bytes = Index::of(old).unwrap().to_bytes();
    bytes[12..44].copy_from_slice(digest_of(new).as_bytes());
    bytes
}

#[tokio::test]
async fn an_index_that_lies_costs_no_more_than_bytes() {
    let told = lying(exchanged).await;
    assert!(is_whole(&told));
    assert_eq!(told.warnings.len(), 1);
    assert!(told.warnings[0].starts_with("the parts do not make the blob, so it is fetched whole: "), "{told:?}");

    let longer = |old: &Package, new: &Package| {
        let mut bytes = exchanged(old, new);
        bytes[48] ^= 1;
        bytes
    };
    let told = lying(longer).await;
    assert!(told.warnings[0].contains(": it lists "), "{told:?}");

    let told = lying(|_, _| b"nonsense, and more of it".to_vec()).await;
    assert!(told.warnings[0].contains(": cannot read chunk index: it does not begin as one"), "{told:?}");
    assert!(is_whole(&told));

    let told = lying(|_, _| noise(1, 2 << 20)).await;
    assert!(told.warnings.is_empty(), "an index that is too large to be worth it is not looked at: {told:?}");
}

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {:?}", self.last, self.warnings)
    }
}

/// The version is published all the same, the push says so, and the next one puts it right.
#[tokio::test]
async fn a_push_whose_index_is_refused_warns() {
    let (folder, remote_store) = store();
    let package = packed(folder.path(), "1.0.0", before());
    let between: Between = Arc::new(|request, next| {
        let refused = request.method() == "PUT" && request.uri().path().contains("/manifests/sha256:");
        Box::pin(async move {
            match refused {
                true => Response::builder().status(400).body(Body::empty()).unwrap(),
                false => next.run(request).await,
            }
        })
    });
    let (peer, _) = own_with(&remote_store, between).await;
    let warnings = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&warnings);
    let progress = Progress::none().with_warnings(move |text| sink.lock().unwrap().push(text.to_owned()));
    let options = PushOptions { progress, ..PushOptions::default() };
    let pushed = peer.client().push(&package, &options).await.unwrap();
    assert!(!pushed.indexed && !pushed.already_there);
    let warnings = warnings.lock().unwrap().clone();
    assert!(warnings[0].starts_with("the package is published without its chunk index"), "{warnings:?}");

    let calm = own(&remote_store).await;
    let again = calm.client().push(&package, &PushOptions::default()).await.unwrap();
    assert!(again.indexed && again.already_there);
    assert_eq!(referrers(&calm, &describe(&calm).await).await.len(), 1);
}

pub(crate) async fn describe(peer: &Peer) -> Remote {
    peer.client().resolve(&digits(), &Selector::Any, &Machine::ANY).await.unwrap()
}

/// The types of what refers to a package, as any client sees it.
pub(crate) async fn referrers(peer: &Peer, remote: &Remote) -> Vec<String> {
    let http = reqwest::Client::new();
    let get = async |path: String| {
        let accept = "application/vnd.oci.image.index.v1+json";
        let url = format!("http://{}/v2/team/digits/{path}", peer.host);
        http.get(url).header("accept", accept).send().await.unwrap()
    };
    let mut response = get(format!("referrers/{}", remote.manifest)).await;
    if response.status() == 404 {
        response = get(format!("manifests/sha256-{}", remote.manifest.to_hex())).await;
    }
    let list: serde_json::Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    let manifests = list["manifests"].as_array().unwrap().iter();
    manifests.map(|manifest| manifest["artifactType"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_index_is_a_referrer_that_others_find() {
    for (peer, _guard) in all().await {
        let folder = tempfile::tempdir().unwrap();
        let package = packed(folder.path(), "1.0.0", before());
        push(&peer, &package).await;
        push(&peer, &package).await;
        assert_eq!(referrers(&peer, &describe(&peer).await).await, [INDEX_TYPE]);
        assert_eq!(peer.client().versions(&digits()).await.unwrap().len(), 1);
    }
}
