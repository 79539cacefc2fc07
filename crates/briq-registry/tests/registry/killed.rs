//! A process that is killed while it pulls leaves whole versions, and beginnings that the next one continues.
//!
//! The pulling runs in child processes, which are killed `BRIQ_PULL_KILLS` times (40) at moments that a seed gives: every
//! other time after so many microseconds, else after so many bytes that the registry has sent.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::Response;
use briq_package::Package;
use briq_registry::{Client, Credentials, Progress, PushOptions};
use briq_spec::Sha256Digest;
use briq_store::{GcOptions, Repository, Store};
use futures::StreamExt as _;
use sha2::{Digest as _, Sha256};

use crate::deltas::{push_from, tuned, weights};
use crate::peers::{Between, Seen, own, own_with};
use crate::samples::digits;
use crate::updates::packed;

const HOST: &str = "BRIQ_TEST_KILLED_HOST";
const FOLDER: &str = "BRIQ_TEST_KILLED_STORE";

/// Not a test of its own: what the child processes below do, which is to pull all versions, lowest first.
#[test]
fn child() {
    let (Some(host), Some(folder)) = (std::env::var(HOST).ok(), std::env::var_os(FOLDER)) else { return };
    let store = Store::open(folder).unwrap();
    println!("pulling");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = Client::new(host.parse().unwrap(), Credentials::Anonymous).unwrap();
        for version in client.versions(&digits()).await.unwrap() {
            let remote = client.describe_version(&digits(), &version).await.unwrap();
            client.pull(&remote, &store, &Progress::none()).await.unwrap();
            println!("pulled {version};");
        }
    });
}

fn start(host: &str, folder: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["killed::child", "--exact", "--nocapture"]).env(HOST, host).env(FOLDER, folder);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let (mut seen, mut byte) = (Vec::new(), [0]);
    while !seen.ends_with(b"pulling") && child.stdout.as_mut().unwrap().read(&mut byte).unwrap() == 1 {
        seen.extend(byte);
    }
    child
}

/// The versions that a child said it had pulled, up to its end.
fn said(mut child: Child) -> BTreeSet<String> {
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    child.wait().unwrap();
    text.split("pulled ").skip(1).filter_map(|rest| Some(rest.split_once(';')?.0.to_owned())).collect()
}

/// Numbers that look random and are the same in every run.
fn numbers() -> impl Iterator<Item = u64> {
    let next =
        |state: &u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
    std::iter::successors(Some(1_u64), next).skip(1).map(|state| state >> 33)
}

/// When a child is killed.
#[derive(Debug)]
enum Moment {
    After(Duration),
    Sent(u64),
}

impl Moment {
    /// Kills the child when it is time, and says what it had said it had pulled.
    fn kill(&self, mut child: Child, sent: &AtomicU64) -> BTreeSet<String> {
        let (began, before) = (Instant::now(), sent.load(Ordering::Relaxed));
        let is_due = || match self {
            Self::After(time) => began.elapsed() >= *time,
            Self::Sent(count) => sent.load(Ordering::Relaxed) >= before + count,
        };
        while !is_due() && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        said(child)
    }
}

/// Answers come in small pieces, so that there are many moments to be killed at, and are counted.
fn slowly(sent: Arc<AtomicU64>) -> Between {
    Arc::new(move |request, next| {
        let sent = Arc::clone(&sent);
        Box::pin(async move {
            let (parts, body) = next.run(request).await.into_parts();
            let pieces = body.into_data_stream().flat_map(|whole| {
                let whole = whole.unwrap();
                let starts = (0..whole.len()).step_by(8 << 10);
                futures::stream::iter(
                    starts.map(|at| whole.slice(at..whole.len().min(at + (8 << 10)))).collect::<Vec<_>>(),
                )
            });
            let pieces = pieces.then(move |piece| {
                sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
                async {
                    tokio::task::yield_now().await;
                    Ok::<_, std::convert::Infallible>(piece)
                }
            });
            Response::from_parts(parts, Body::from_stream(pieces))
        })
    })
}

/// Everything that is visible is whole; the versions that are.
fn check(store: &Store, host: &str) -> BTreeSet<String> {
    for file in std::fs::read_dir(store.root().join("blobs/sha256")).unwrap() {
        let path = file.unwrap().path();
        let found = Sha256Digest::from_bytes(Sha256::digest(std::fs::read(&path).unwrap()).into());
        assert_eq!(path.file_name().unwrap().to_str(), Some(found.to_hex().as_str()));
    }
    let records = store.versions(Repository::remote(host, digits())).unwrap();
    let whole = records.into_iter().map(|record| {
        store.package(&record.digest).unwrap().verify().unwrap();
        record.version.to_string()
    });
    whole.collect()
}

/// The blobs of which a beginning is there, by their hexadecimal digest, with its length.
fn begun(store: &Store) -> Vec<(String, u64)> {
    let files = std::fs::read_dir(store.root().join("ingest")).unwrap().map(Result::unwrap);
    let partials = files.filter_map(|file| {
        let name = file.file_name().into_string().unwrap();
        let digest = name.strip_prefix("sha256-")?.strip_suffix(".partial")?.to_owned();
        Some((digest, file.metadata().unwrap().len()))
    });
    partials.filter(|(_, length)| *length > 0).collect()
}

/// How many of the beginnings were gone on with; none of them was fetched again.
fn continued(begun: &[(String, u64)], seen: &[Seen]) -> usize {
    let first = |digest: &str| seen.iter().find(|seen| seen.method == "GET" && seen.path.contains(digest));
    let asked = begun.iter().filter_map(|(digest, length)| Some((length, first(digest)?)));
    let from = asked.map(|(length, seen)| {
        let range = seen.range.as_deref().unwrap_or("bytes=0-");
        let start: u64 = range.trim_start_matches("bytes=").split('-').next().unwrap().parse().unwrap();
        assert!(start >= *length, "{length} bytes were there: {seen:?}");
    });
    from.count()
}

/// Three versions: the first comes whole, the second in parts, and the third as a delta.
async fn fill(peer: &crate::peers::Peer, folder: &Path) -> Vec<Arc<Package>> {
    let mut changed = weights();
    let middle = changed.len() / 2;
    changed[middle..middle + 300_000].fill(3);
    let third = tuned(&changed, 1);
    let packages = [("1.0.0", weights()), ("1.1.0", changed), ("1.2.0", third)];
    let packages: Vec<_> = packages.into_iter().map(|(version, weights)| packed(folder, version, weights)).collect();
    for package in &packages[..2] {
        peer.client().push(package, &PushOptions::default()).await.unwrap();
    }
    assert!(push_from(peer, &packages[2], &packages[1]).await.delta.is_some());
    packages
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_pull_leaves_nothing_half_and_goes_on() {
    let kills = std::env::var("BRIQ_PULL_KILLS").map_or(40, |text| text.parse().unwrap());
    let (folder, remote_store) = crate::samples::store();
    let packages = fill(&own(&remote_store).await, folder.path()).await;
    let sent = Arc::new(AtomicU64::new(0));
    let (peer, log) = own_with(&remote_store, slowly(Arc::clone(&sent))).await;
    let host = peer.host.clone();
    let work = move || {
        let room = |round: usize| folder.path().join(format!("pulled-{round}"));
        let began = Instant::now();
        assert_eq!(said(start(&host, &room(0))).len(), packages.len());
        let (time, bytes) = (began.elapsed().as_micros() as u64, sent.load(Ordering::Relaxed));
        let (mut round, mut interrupted, mut resumed) = (1, 0, 0);
        let (mut promised, mut beginnings) = (BTreeSet::new(), Vec::new());
        for (number, random) in (0..kills).zip(numbers()) {
            let moment = match number % 2 {
                0 => Moment::After(Duration::from_micros(random % time)),
                _ => Moment::Sent(random % bytes),
            };
            let before = log.lock().unwrap().len();
            promised.extend(moment.kill(start(&host, &room(round)), &sent));
            let store = Store::open(room(round)).unwrap();
            let whole = check(&store, &host);
            assert!(promised.is_subset(&whole), "kill {number}, {moment:?}: {promised:?} {whole:?}");
            resumed += continued(&beginnings, &log.lock().unwrap()[before..]);
            beginnings = begun(&store);
            interrupted += beginnings.len().min(1);
            if whole.len() == packages.len() {
                (round, promised, beginnings) = (round + 1, BTreeSet::new(), Vec::new());
            }
        }
        // Whatever was left, the next pull makes it whole, and leaves nothing beside it.
        assert_eq!(said(start(&host, &room(round))).len(), packages.len());
        let store = Store::open(room(round)).unwrap();
        assert_eq!(check(&store, &host).len(), packages.len());
        store.gc(&GcOptions::default()).unwrap();
        assert_eq!(check(&store, &host).len(), packages.len());
        println!(
            "{kills} kills, {interrupted} left a beginning, {resumed} beginnings were gone on with, {round} rounds"
        );
        assert!(interrupted > 0, "children were killed while they pulled");
        assert!(resumed > 0, "a later one asked for the rest of what an earlier one had begun");
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}
