//! Bytes that are in a package file and in the store lie on the disk once, where the file system shares blocks.
//!
//! The checks run in child processes, each of which mounts a file system of its own that nobody else sees.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;

use briq_package::{Draft, Package};
use briq_spec::{EntryPath, Sha256Digest};
use briq_store::{Ingest, Store};
use rand::RngExt as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest as _, Sha256};

const FOLDER: &str = "BRIQ_TEST_SHARING_FOLDER";
/// No multiple of a block.
const WEIGHTS: usize = (64 << 20) + 1234;
/// What may be written for everything that is not weights: manifests, an index, the file system's own records.
const SLACK: u64 = 4 << 20;

/// Not a test of its own: what the child processes below do.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    let store = Store::open(folder.join("store")).unwrap();
    let weights = noise(1);
    let (shard, file) = (path("weights-00001-of-00001.safetensors"), folder.join("digits.briq"));
    let grown = grown(folder, || drop(draft(&weights).write(&file).unwrap()));
    assert!(grown > WEIGHTS as u64, "packing writes the weights: {grown} bytes");
    let package = Package::open(&file).unwrap();

    assert_once(folder, "publishing", || drop(store.publish(&package).unwrap()));
    let stored = store.package(&package.digest()).unwrap();
    stored.verify().unwrap();
    assert_once(folder, "assembling", || drop(stored.assemble(&folder.join("again.briq")).unwrap()));
    assert_eq!(std::fs::read(folder.join("again.briq")).unwrap(), std::fs::read(&file).unwrap());
    assert_once(folder, "unpacking", || stored.unpack(&folder.join("unpacked")).unwrap());
    assert_eq!(std::fs::read(folder.join("unpacked").join(shard.as_str())).unwrap(), weights);

    let changed = [&weights[..1000], b"another", &weights[1007..]].concat();
    assert_once(folder, "putting together", || update(&store, &stored, &shard, &changed));

    // Whoever writes into a file of his own changes that file alone.
    for own in ["digits.briq", "again.briq", "unpacked/weights-00001-of-00001.safetensors"] {
        let own = File::options().write(true).open(folder.join(own)).unwrap();
        own.write_all_at(&[0; 100_000], 8 << 20).unwrap();
        own.sync_all().unwrap();
    }
    let reopened = store.package(&package.digest()).unwrap();
    reopened.verify().unwrap();
    assert_eq!(reopened.read(&shard).unwrap(), weights);
}

/// Takes in a blob that differs from an entry in a few bytes, as an update does.
fn update(store: &Store, from: &Package, shard: &EntryPath, changed: &[u8]) {
    let digest = Sha256Digest::from_bytes(Sha256::digest(changed).into());
    let session = store.session().unwrap();
    let Ingest::Wanted(mut writer) = session.ingest(&digest, changed.len() as u64).unwrap() else {
        panic!("the store does not have it")
    };
    let (old, extent) = (from.read(shard).unwrap(), from.extent(shard).unwrap());
    writer.share(&old[..1000], &extent.part(0, 1000).unwrap()).unwrap();
    writer.write(b"another").unwrap();
    for (start, end) in [(1007, 40 << 20), (40 << 20, changed.len())] {
        writer.share(&old[start..end], &extent.part(start as u64, (end - start) as u64).unwrap()).unwrap();
    }
    writer.finish().unwrap();
    assert_eq!(std::fs::read(store.blob_path(&digest)).unwrap(), changed);
}

fn draft(weights: &[u8]) -> Draft {
    let mut draft = Draft::new(briq_package::example::manifest());
    draft.add_bytes(path("model.onnx"), b"the structure".to_vec()).unwrap();
    draft.add_bytes(path("weights-00001-of-00001.safetensors"), weights.to_vec()).unwrap();
    draft
}

fn path(text: &str) -> EntryPath {
    text.parse().unwrap()
}

/// Bytes that no file system makes smaller.
fn noise(seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; WEIGHTS];
    ChaCha8Rng::seed_from_u64(seed).fill(&mut bytes[..]);
    bytes
}

fn assert_once(folder: &Path, what: &str, work: impl FnOnce()) {
    let grown = grown(folder, work);
    println!("{what} takes {grown} bytes of the disk");
    assert!(grown < SLACK, "{what} takes {grown} bytes of the disk");
}

/// The bytes of the file system that some work takes.
fn grown(folder: &Path, work: impl FnOnce()) -> u64 {
    let before = free(folder);
    work();
    before.saturating_sub(free(folder))
}

fn free(folder: &Path) -> u64 {
    rustix::fs::syncfs(File::open(folder).unwrap()).unwrap();
    let state = rustix::fs::statvfs(folder).unwrap();
    state.f_bfree * state.f_frsize
}

/// Runs the child on a new file system that `mkfs` makes.
fn on(mkfs: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (image, mounted) = (folder.path().join("image"), folder.path().join("mounted"));
    std::fs::create_dir(&mounted).unwrap();
    File::create(&image).unwrap().set_len(1 << 30).unwrap();
    match Command::new(mkfs).arg("-q").arg(&image).output() {
        Ok(made) => assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr)),
        Err(_) => return println!("skipped: {mkfs} is not installed"),
    }
    // The mount is seen by the child alone, and ends with it.
    let run = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", &format!("mount -o loop \"$0\" \"$1\" {script}")]).arg(&image);
        let child = [std::env::current_exe().unwrap(), "sharing::child".into(), "--exact".into(), "--nocapture".into()];
        command.arg(&mounted).args(child).env(FOLDER, &mounted).output()
    };
    if !run("").is_ok_and(|output| output.status.success()) {
        return println!("skipped: this process may not mount a file system");
    }
    let output = run("&& shift && exec \"$@\"").unwrap();
    let said = [output.stdout, output.stderr].concat();
    println!("{mkfs}: {}", String::from_utf8_lossy(&said));
    assert!(output.status.success(), "{}", output.status);
}

#[test]
fn btrfs_has_weights_once() {
    on("mkfs.btrfs");
}

#[test]
fn xfs_has_weights_once() {
    on("mkfs.xfs");
}
