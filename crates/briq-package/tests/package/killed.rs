//! A process that is killed while it packs leaves the old package or the new one.
//!
//! The packing runs in child processes, which pack one of two packages over the other until they are killed: 200 times,
//! each after a number of microseconds that a seed gives.

#![cfg(unix)]

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use briq_package::{Draft, Package, example};

use super::kit::{self, SHARD, path};

const FOLDER: &str = "BRIQ_TEST_KILLED_FOLDER";
const KILLS: u64 = 200;

/// How long a child lives at most once it packs: about as long as ten packages take.
const LONGEST: u64 = 20_000;

/// One of the two packages; its shard comes from a file, so that reading and writing take turns.
fn draft(folder: &Path, which: u8) -> Draft {
    let mut draft = Draft::new(example::manifest());
    draft.add_bytes(path("model.onnx"), vec![which; 100]).unwrap();
    draft.add_file(path(SHARD), folder.join(format!("weights-{which}"))).unwrap();
    draft
}

/// Not a test of its own: what the child processes below do.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    println!("packing");
    for which in [0, 1].into_iter().cycle() {
        draft(folder, which).write(&folder.join("out/digits.briq")).unwrap();
    }
}

fn start(folder: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["killed::child", "--exact", "--nocapture"]).env(FOLDER, folder);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut seen = Vec::new();
    let output = child.stdout.as_mut().unwrap();
    let mut byte = [0];
    while !seen.ends_with(b"packing") && output.read(&mut byte).unwrap() == 1 {
        seen.extend(byte);
    }
    child
}

/// Numbers that look random and are the same in every run.
fn moments() -> impl Iterator<Item = Duration> {
    let next =
        |state: &u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
    let states = std::iter::successors(Some(1_u64), next).skip(1);
    states.map(|state| Duration::from_micros((state >> 33) % LONGEST))
}

#[test]
fn a_killed_process_leaves_one_package_or_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    fs::create_dir(&out).unwrap();
    let target = out.join("digits.briq");
    let whole = [0, 1].map(|which| {
        fs::write(folder.path().join(format!("weights-{which}")), vec![which; 700_000]).unwrap();
        draft(folder.path(), which).write(&target).unwrap();
        fs::read(&target).unwrap()
    });
    let mut abandoned = 0;
    for (number, moment) in (0..KILLS).zip(moments()) {
        let mut child = start(folder.path());
        let began = Instant::now();
        while began.elapsed() < moment {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(whole.contains(&fs::read(&target).unwrap()), "kill {number} after {moment:?}");
        let names = kit::names(&out);
        let others: Vec<_> = names.iter().filter(|name| *name != "digits.briq").collect();
        assert!(others.iter().all(|name| name.starts_with(".briq-") && name.ends_with(".tmp")), "{names:?}");
        assert!(others.len() <= 1, "the next one removes what a killed one left: {names:?}");
        abandoned += others.len();
    }
    assert!(abandoned > 0, "no child was killed while it packed");
    draft(folder.path(), 1).write(&target).unwrap();
    Package::open(&target).unwrap().verify().unwrap();
    assert_eq!(kit::names(&out), ["digits.briq"]);
}

/// A file that somebody is still filling is locked, and stays.
#[test]
fn what_another_process_is_writing_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (held, abandoned) = (folder.path().join(".briq-held.tmp"), folder.path().join(".briq-gone.tmp"));
    fs::write(&abandoned, "").unwrap();
    fs::write(&held, "").unwrap();
    let file = fs::File::open(&held).unwrap();
    file.lock().unwrap();
    kit::draft().write(&folder.path().join("digits.briq")).unwrap();
    assert_eq!(kit::names(folder.path()), [".briq-held.tmp", "digits.briq"]);
}
