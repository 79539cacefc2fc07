//! Many processes at one store, doing everything at once and killed at random moments: nothing is lost or torn.
//!
//! A few seconds in CI. `BRIQ_STRESS_KILLS=500 cargo test -p briq-store --release stress` runs as long as one likes, and
//! `BRIQ_STRESS_SEED` chooses another course of events.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use briq_spec::Blake3Digest;
use briq_store::{GcOptions, Store, StoreError};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use semver::Version;

use crate::publish::name;
use crate::samples::package;
use crate::scale;

const ROOT: &str = "BRIQ_STRESS_ROOT";
const WORKER: &str = "BRIQ_STRESS_WORKER";
const WORKERS: usize = 4;

fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Not a test of its own: what the processes below run until they are killed. A line says what is done, or what may
/// have been undone.
#[test]
fn worker() {
    let Some(root) = std::env::var_os(ROOT) else { return };
    let number = variable(WORKER, 0);
    let mut rng = ChaCha8Rng::seed_from_u64(number);
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(root).unwrap();
    let mut own = Vec::new();
    for step in 0_u64.. {
        match rng.random_range(0..12) {
            0..4 => publish(&store, folder.path(), &format!("1.{number}.{step}"), &mut own),
            4 => publish(&store, folder.path(), &format!("2.0.{}", rng.random_range(0..20)), &mut Vec::new()),
            5..8 => open(&store, &mut rng),
            8 => point(&store, &mut rng),
            9 => yank(&store, &mut rng),
            10 => remove(&store, &mut own),
            _ => collect(&store),
        }
    }
}

fn publish(store: &Store, folder: &Path, version: &str, own: &mut Vec<Version>) {
    let seed = version.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let weights: Vec<u8> = (0..20_000_u32).map(|at| (at.wrapping_mul(seed | 1) >> 8) as u8).collect();
    store.publish(&package(folder, version, &weights)).unwrap();
    println!("\npublished {version}");
    own.push(version.parse().unwrap());
}

/// Any version but a few that are gone by the time it is looked at.
fn some(store: &Store, rng: &mut ChaCha8Rng) -> Option<(Version, Blake3Digest)> {
    let mut versions = store.versions(name()).unwrap();
    let count = versions.len();
    (count > 0).then(|| versions.swap_remove(rng.random_range(0..count))).map(|r| (r.version, r.digest))
}

fn open(store: &Store, rng: &mut ChaCha8Rng) {
    let Some((version, digest)) = some(store, rng) else { return };
    let opened = store.package(&digest).map_err(|error| error.to_string());
    if let Err(error) = opened.and_then(|package| package.verify().map(drop).map_err(|error| error.to_string())) {
        // It may have been removed and collected meanwhile; what is still there must be whole.
        let there = store.versions(name()).unwrap().iter().any(|record| record.version == version);
        assert!(!there, "{version}: {error}");
    }
}

fn point(store: &Store, rng: &mut ChaCha8Rng) {
    let Some((version, _)) = some(store, rng) else { return };
    gone_or(store.set_alias(name(), &"production".parse().unwrap(), &version).map(drop));
    store.aliases(name()).unwrap();
}

fn yank(store: &Store, rng: &mut ChaCha8Rng) {
    let Some((version, _)) = some(store, rng) else { return };
    gone_or(store.yank(name(), &version, rng.random_range(0..2) == 0));
}

fn gone_or(result: Result<(), StoreError>) {
    if let Err(error) = result {
        assert!(error.is_not_found(), "{error}");
    }
}

fn remove(store: &Store, own: &mut Vec<Version>) {
    let Some(version) = own.pop() else { return };
    println!("\nremoving {version}");
    store.remove(name(), &version).unwrap();
}

fn collect(store: &Store) {
    if let Err(error) = store.gc(&GcOptions::default()) {
        assert!(error.is_busy(), "{error}: {:?}", std::error::Error::source(&error));
    }
}

struct Worker {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

/// What the workers said: versions that were published, and those that may be gone.
#[derive(Default)]
struct Said {
    published: BTreeSet<Version>,
    removed: BTreeSet<Version>,
}

impl Worker {
    fn start(root: &Path, number: u64) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "stress::worker", "--nocapture"])
            .env(ROOT, root)
            .env(WORKER, number.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Listens to some lines; fewer are there when the process has ended, which it must not by itself.
    fn listen(&mut self, count: usize, said: &mut Said) -> usize {
        let lines = self.lines.by_ref().map_while(Result::ok);
        let told = lines.filter(|line| line.starts_with("published ") || line.starts_with("removing "));
        told.take(count).inspect(|line| said.note(line)).count()
    }

    /// SIGKILL, at whatever point the process is; what it had said before counts.
    fn kill(mut self, said: &mut Said) {
        self.child.kill().unwrap();
        self.listen(usize::MAX, said);
        let status = self.child.wait().unwrap();
        assert!(status.code().is_none(), "a worker ended by itself: {status}");
    }
}

impl Said {
    fn note(&mut self, line: &str) {
        let (what, version) = line.split_once(' ').unwrap();
        let into = if what == "published" { &mut self.published } else { &mut self.removed };
        into.insert(version.parse().unwrap());
    }
}

/// Everything that is visible is whole, and nothing that was done is missing.
fn check(store: &Store, said: &Said) {
    let records = store.versions(name()).unwrap();
    for record in &records {
        store.package(&record.digest).unwrap().verify().unwrap();
    }
    let there: BTreeSet<_> = records.into_iter().map(|record| record.version).collect();
    let missing: Vec<_> = said.published.difference(&there).filter(|v| !said.removed.contains(v)).collect();
    assert!(missing.is_empty(), "reported as published and not there: {missing:?}");
    for (alias, version) in store.aliases(name()).unwrap() {
        assert!(there.contains(&version), "{alias} points at {version}");
    }
}

fn run(root: &Path) {
    let (kills, seed) = (variable("BRIQ_STRESS_KILLS", 6), variable("BRIQ_STRESS_SEED", 1));
    println!("{kills} kills, seed {seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut said = Said::default();
    let mut numbers = seed * 1_000_000..;
    let mut workers: Vec<_> = numbers.by_ref().take(WORKERS).map(|number| Worker::start(root, number)).collect();
    for number in numbers.take(kills as usize) {
        let at = rng.random_range(0..WORKERS);
        let mut chosen = std::mem::replace(&mut workers[at], Worker::start(root, number));
        let wanted = rng.random_range(0..8);
        assert_eq!(chosen.listen(wanted, &mut said), wanted, "a worker ended by itself");
        chosen.kill(&mut said);
    }
    workers.into_iter().for_each(|worker| worker.kill(&mut said));
    let store = Store::open(root).unwrap();
    println!("{} versions were published, {} removed", said.published.len(), said.removed.len());
    assert!(!said.published.is_empty());
    check(&store, &said);
    store.gc(&GcOptions::default()).unwrap();
    check(&store, &said);
    assert_eq!(std::fs::read_dir(store.root().join("ingest")).unwrap().count(), 0);
}

#[test]
fn killed_processes_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    run(&folder.path().join("store"));
}

/// The same where entries are added to the index in place.
#[test]
fn killed_processes_lose_nothing_of_a_large_index() {
    let (_folder, store) = scale::large();
    run(store.root());
}
