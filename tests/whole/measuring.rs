//! `briq bench`: once, and in rounds; and the memory that servers share.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use briq_tests::{Briq, Serving};
use serde_json::Value;

use crate::life::wgpu_is_here;

/// A home with a package of one epoch.
fn packed() -> Briq {
    let briq = Briq::new();
    briq.run(["new", "mlp", "--template", "mlp"]).succeeds();
    let path = briq.folder().join("mlp/briq.toml");
    let recipe = std::fs::read_to_string(&path).expect("the project has a recipe");
    std::fs::write(path, recipe.replace("epochs = 30", "epochs = 1")).expect("it is ours");
    briq.run(["train", "mlp"]).succeeds();
    briq.run(["pack", "mlp", "-o", "mlp.briq"]).succeeds();
    briq
}

#[test]
fn a_package_is_measured() {
    let briq = packed();
    let bench = ["bench", "mlp.briq", "--backend", "flex", "--threads", "1", "--batch", "3", "--iterations", "7"];
    let report = briq.run(bench.iter().copied().chain(["--json"])).succeeds().json();
    assert_eq!([&report["batch"], &report["threads"], &report["latency"]["iterations"]], [3, 1, 7]);
    let seconds = ["min", "median", "p95"].map(|name| report["latency"][name].as_f64().expect("seconds"));
    assert!(seconds[0] > 0.0 && seconds.is_sorted(), "{report}");
    let parameters = 64 * 64 + 64 + 64 * 10 + 10;
    assert!(report["weights"].as_u64().is_some_and(|bytes| bytes >= 4 * parameters), "{report}");
    assert!(briq.run(bench).succeeds().stdout.contains("median of 7 predictions"));
    briq.run(["bench", "mlp.briq", "--range", "input=7..5"]).exits(2);
}

#[test]
fn rounds_are_answered_line_by_line() {
    let briq = packed();
    let mut command = briq.command(["bench", "mlp.briq", "--backend", "flex", "--rounds"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts");
    let mut input = child.stdin.take().expect("standard input was piped");
    let file = briq.folder().join("outputs");
    writeln!(input, "round 0.01\nmemory\noutputs {}", file.display()).expect("it listens");
    drop(input);
    let output = child.wait_with_output().expect("it ends with its input");
    assert!(output.status.success());
    let lines: Vec<Value> =
        output.stdout.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    let [loaded, round, memory, outputs] = &lines[..] else { panic!("four lines were expected: {lines:?}") };
    assert!(loaded["load"]["first"].as_f64().is_some_and(|seconds| seconds > 0.0), "{loaded}");
    assert!(round["median"].as_f64().is_some_and(|seconds| seconds > 0.0), "{round}");
    assert!(memory.get("resident").is_some(), "{memory}");
    assert_eq!(outputs["outputs"][0]["shape"], serde_json::json!([1, 10]));
    assert_eq!(std::fs::metadata(file).expect("the outputs were written").len(), 40);
}

/// The file in this folder that a process maps, once it does.
fn mapped(process: u32, folder: &Path) -> Option<String> {
    let folder = folder.to_str().expect("it is text");
    let look = |_| {
        std::thread::sleep(Duration::from_millis(50));
        let maps = std::fs::read_to_string(format!("/proc/{process}/maps")).ok()?;
        let line = maps.lines().find(|line| line.contains(folder))?;
        Some(line[line.find(folder)?..].to_owned())
    };
    (0..600).find_map(look)
}

#[test]
fn two_servers_of_a_package_hold_its_packed_weights_once() {
    let briq = Briq::new();
    briq.run(["new", "mlp", "--template", "mlp"]).succeeds();
    let path = briq.folder().join("mlp/briq.toml");
    let recipe = std::fs::read_to_string(&path).expect("the project has a recipe");
    let wide = recipe.replace("epochs = 30", "epochs = 1").replace("units = 64", "units = 8192");
    assert_ne!(recipe, wide);
    std::fs::write(path, wide).expect("it is ours");
    briq.run(["train", "mlp"]).succeeds();
    briq.run(["pack", "mlp", "-o", "mlp.briq"]).succeeds();
    briq.run(["publish", "mlp.briq"]).succeeds();
    let serve = ["serve", "mlp", "--backend", "flex", "--http", "127.0.0.1:0"];
    let servers = [Serving::start(&briq, &serve).0, Serving::start(&briq, &serve).0];
    let folder = briq.home().join("cache/weights");
    let files = servers.each_ref().map(|server| mapped(server.process(), &folder));
    assert!(files[0].is_some() && files[0] == files[1], "both map one file: {files:?}");
    let collected = || briq.run(["gc", "--json"]).succeeds().json()["weights"].as_u64();
    assert_eq!(collected(), Some(0), "they are in use");
    drop(servers);
    assert!(collected() > Some(4 * 64 * 8192), "nobody uses them any more");
    assert_eq!(collected(), Some(0));
}

#[test]
fn what_a_gpu_has_measured_is_kept_and_found_again() {
    let briq = packed();
    if !wgpu_is_here(&briq) {
        return;
    }
    let tuning = briq.home().join("cache/tuning");
    // Measurements are appended to the log of the database.
    let kept = || std::fs::metadata(tuning.join("default.db-wal")).map_or(0, |log| log.len());
    let bench = || {
        let outcome = briq.run(["bench", "mlp.briq", "--backend", "wgpu", "--iterations", "1"]).succeeds();
        assert!(!outcome.stderr.contains("WARN"), "{}", outcome.stderr);
        kept()
    };
    let measured = bench();
    assert!(measured > 0);
    assert_eq!(bench(), measured, "the second process measures nothing");
    std::fs::write(tuning.join("default.db"), "no database").expect("it is ours");
    assert!(bench() > 0, "a damaged one is made anew");
    let measured = kept();
    assert_eq!(bench(), measured);
    std::fs::remove_dir_all(&tuning).expect("it is ours");
    std::fs::write(&tuning, "no folder").expect("it is ours");
    assert_eq!(bench(), 0, "without a place for it, the network answers all the same");
}
