//! Several processes at once, and processes that are killed.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use briq_store::{GcOptions, Store};

use crate::publish::name;
use crate::samples::package;

const ROOT: &str = "BRIQ_STORE_TEST_ROOT";
const FIRST: &str = "BRIQ_STORE_TEST_FIRST";
const EACH: u32 = 12;

/// Not a test of its own: what the processes below run. Publishes versions and says so, line by line.
#[test]
fn publisher() {
    let (Some(root), Ok(first)) = (std::env::var_os(ROOT), std::env::var(FIRST)) else { return };
    let first: u32 = first.parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(root).unwrap();
    for number in first..first + EACH {
        println!("\npublishing {number}");
        let weights = vec![number as u8; 300_000 + number as usize];
        store.publish(&package(folder.path(), &format!("1.{number}.0"), &weights)).unwrap();
    }
}

fn start(root: &Path, first: u32) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "concurrency::publisher", "--nocapture"])
        .env(ROOT, root)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Every version that is visible must be whole.
fn check(store: &Store) -> usize {
    let versions = store.versions(name()).unwrap();
    for record in &versions {
        store.package(&record.digest).unwrap().verify().unwrap();
    }
    versions.len()
}

#[test]
fn processes_publish_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    // Two of the three publish the very same versions.
    let children = [0, 0, 100].map(|first| start(&root, first));
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    let store = Store::open(&root).unwrap();
    assert_eq!(check(&store), 2 * EACH as usize);
}

#[test]
fn a_killed_process_leaves_only_whole_versions() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    for kill_at in [1, 3, 6, 9] {
        let mut child = start(&root, 0);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let reached = lines.map_while(Result::ok).filter(|line| line.starts_with("publishing")).take(kill_at).count();
        assert_eq!(reached, kill_at);
        // SIGKILL, at whatever point of the publication the process is.
        child.kill().unwrap();
        child.wait().unwrap();
        let store = Store::open(&root).unwrap();
        assert!(check(&store) >= kill_at - 1);
    }
    assert!(start(&root, 0).wait_with_output().unwrap().status.success());
    let store = Store::open(&root).unwrap();
    assert_eq!(check(&store), EACH as usize);
    store.gc(&GcOptions::default()).unwrap();
    assert_eq!(check(&store), EACH as usize);
}
