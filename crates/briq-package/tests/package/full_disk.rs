//! A disk that fills up while a package is written leaves what was there before.
//!
//! The packing runs in a child process, once under a limit on the size of files and once on a file system of 256 KiB.

#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::process::{Command, ExitStatus};

use super::kit::{self, SHARD, path};

const FOLDER: &str = "BRIQ_TEST_FOLDER";

/// Not a test of its own: what the child processes below do, which is to pack a mebibyte over an old file.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let target = Path::new(&folder).join("digits.briq");
    if std::env::var_os("BRIQ_TEST_SMALL").is_some() {
        return drop(kit::draft().write(&target).unwrap());
    }
    let mut draft = briq_package::Draft::new(briq_package::example::manifest());
    draft.add_bytes(path("model.onnx"), b"structure".to_vec()).unwrap();
    draft.add_bytes(path(SHARD), vec![1; 1 << 20]).unwrap();
    let error = draft.write(&target).unwrap_err();
    assert!(error.is_io(), "{error}");
    assert!(error.hint().unwrap().contains("make room"), "{error}");
    assert_eq!(fs::read(&target).unwrap(), b"old");
    assert_eq!(kit::names(Path::new(&folder)), ["digits.briq"]);
}

/// Runs a shell script whose `"$0" "$@"` is the child.
fn run(wrapper: &[&str], script: &str, folder: &Path) -> ExitStatus {
    let (program, arguments) = wrapper.split_first().unwrap();
    let mut command = Command::new(program);
    command.args(arguments).args(["sh", "-c", script]).arg(std::env::current_exe().unwrap());
    command.args(["full_disk::child", "--exact", "--nocapture"]);
    // Its output goes through pipes, which no limit on files concerns.
    let output = command.env(FOLDER, folder).output().unwrap();
    print!("{}", String::from_utf8_lossy(&output.stderr));
    output.status
}

fn folder_with_old() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("digits.briq"), "old").unwrap();
    folder
}

#[test]
fn a_file_that_may_not_grow_leaves_the_target() {
    let folder = folder_with_old();
    let status = run(&["env"], "trap '' XFSZ; ulimit -f 128; exec \"$0\" \"$@\"", folder.path());
    assert!(status.success(), "{status}");
    assert_eq!(fs::read(folder.path().join("digits.briq")).unwrap(), b"old");
}

/// Wherever in the file the disk is full: the limit grows by 512 bytes until the package fits.
#[test]
fn a_disk_that_is_full_at_any_write_leaves_the_target() {
    let folder = folder_with_old();
    let target = folder.path().join("digits.briq");
    let packed = kit::bytes();
    let mut refused = 0;
    for blocks in 0.. {
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let status = run(&["env", "BRIQ_TEST_SMALL=1"], &script, folder.path());
        assert_eq!(kit::names(folder.path()), ["digits.briq"]);
        if status.success() {
            assert_eq!(fs::read(&target).unwrap(), packed);
            assert!(blocks * 512 >= packed.len(), "{blocks}");
            break;
        }
        assert_eq!(fs::read(&target).unwrap(), b"old");
        refused += 1;
    }
    assert_eq!(refused, packed.len().div_ceil(512), "each limit below the length of the package was met");
}

#[test]
fn a_full_file_system_leaves_the_target() {
    let folder = tempfile::tempdir().unwrap();
    let mount = "mount -t tmpfs -o size=256k tmpfs \"$BRIQ_TEST_FOLDER\"";
    let private = ["unshare", "--map-root-user", "--mount"];
    let probe =
        Command::new(private[0]).args(&private[1..]).args(["sh", "-c", mount]).env(FOLDER, folder.path()).output();
    if !probe.is_ok_and(|output| output.status.success()) {
        println!("skipped: this process may not mount a small file system");
        return;
    }
    let script = format!("{mount} && printf old > \"$BRIQ_TEST_FOLDER/digits.briq\" && exec \"$0\" \"$@\"");
    let status = run(&private, &script, folder.path());
    assert!(status.success(), "{status}");
}

/// The limit's signal kills the child in the middle of a write.
#[test]
fn a_killed_process_leaves_the_target() {
    let folder = folder_with_old();
    let status = run(&["env"], "ulimit -c 0; ulimit -f 128; exec \"$0\" \"$@\"", folder.path());
    const SIGXFSZ: i32 = 25;
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(SIGXFSZ), "{status}");
    assert_eq!(fs::read(folder.path().join("digits.briq")).unwrap(), b"old");
    let leftover = kit::names(folder.path()).into_iter().filter(|name| name != "digits.briq");
    assert!(leftover.into_iter().all(|name| name.starts_with(".briq-")));
}
