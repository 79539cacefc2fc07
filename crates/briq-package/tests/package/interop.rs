//! Other people's programs read a package.

use std::path::Path;
use std::process::{Command, Output};

use briq_package::{Draft, Package, example};

use super::kit::{self, SHARD, path};

/// Runs a program; `None`, and a line that says so, when it is not installed.
fn run(program: &str, arguments: &[&str]) -> Option<Output> {
    let output = Command::new(program).args(arguments).output();
    if output.is_err() {
        println!("skipped: {program} is not installed");
    }
    output.ok()
}

pub(crate) fn succeeds(program: &str, arguments: &[&str]) -> Option<String> {
    let output = run(program, arguments)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{program}: {text}{}", String::from_utf8_lossy(&output.stderr));
    Some(text)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn unzip_tests_and_extracts_it() {
    let (folder, target) = kit::packed();
    let Some(report) = succeeds("unzip", &["-t", text(&target)]) else { return };
    assert!(report.contains("No errors detected"), "{report}");
    let out = folder.path().join("out");
    succeeds("unzip", &["-q", text(&target), "-d", text(&out)]);
    let unpacked = folder.path().join("unpacked");
    Package::open(&target).unwrap().unpack(&unpacked).unwrap();
    succeeds("diff", &["-r", text(&out), text(&unpacked)]);
}

const CHECK: &str = "
import sys, zipfile
z = zipfile.ZipFile(sys.argv[1])
assert z.testzip() is None
for i in z.infolist():
    assert i.compress_type == zipfile.ZIP_STORED and i.date_time == (1980, 1, 1, 0, 0, 0), i
    print(i.filename, i.file_size)
assert len(z.read(sys.argv[2])) == int(sys.argv[3])
";

#[test]
fn python_reads_it() {
    let (_folder, target) = kit::packed();
    let Some(listing) = succeeds("python3", &["-c", CHECK, text(&target), SHARD, "4000"]) else { return };
    let names: Vec<&str> = listing.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(names, ["briq.json", "assets/empty", "assets/labels.txt", "assets/names.txt", "model.onnx", SHARD]);
}

#[test]
fn python_reads_it_behind_a_program() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("digits");
    std::fs::write(&program, [vec![b'x'; 999], kit::bytes()].concat()).unwrap();
    succeeds("python3", &["-c", CHECK, text(&program), SHARD, "4000"]);
}

/// More entries than 16 bits count make it a Zip64.
#[test]
fn many_entries_make_a_zip64_that_all_read() {
    const COUNT: usize = 66_000;
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("many.briq");
    let mut draft = Draft::new(example::manifest());
    draft.add_bytes(path("model.onnx"), Vec::new()).unwrap();
    draft.add_bytes(path(SHARD), vec![7; 10]).unwrap();
    (0..COUNT).for_each(|n| draft.add_bytes(path(&format!("assets/{n:05}")), vec![n as u8]).unwrap());
    draft.write(&target).unwrap();
    let package = Package::open(&target).unwrap();
    assert_eq!(package.verify().unwrap().entries, COUNT + 2);
    assert_eq!(package.read(&path("assets/65999")).unwrap(), [65_999usize as u8]);
    let Some(listing) = succeeds("python3", &["-c", CHECK, text(&target), SHARD, "10"]) else { return };
    assert_eq!(listing.lines().count(), COUNT + 3);
}
