//! ONNX's backend tests on tract and on candle: `briq-peers PEER SUITE_FOLDER…`.
//!
//! Each case runs in a process of its own with a limit of time, because a peer may panic, abort or never end. The
//! answers are read and compared by the very code that judges Briq. For every case one line of JSON is printed:
//! `{"suite", "case", "reason"}`, without a reason where the case passes.

mod candle;
#[path = "../../../crates/briq-model/tests/conformance/compare.rs"]
mod compare;
mod tract;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use briq_graph::onnx::{self, Datum};
use briq_graph::{Graph, Value};

/// Runs a model file on the recorded inputs of one set.
type Peer = fn(&Path, &Graph, &[Datum]) -> Result<Vec<Datum>>;

const PEERS: [(&str, Peer); 2] = [("tract", tract::run), ("candle", candle::run)];

/// How long one case may take; the slowest that passes takes a second.
const LIMIT: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [peer, "--case", folder] => judge(peer, Path::new(folder)),
        [peer, folders @ ..] if !folders.is_empty() => {
            folders.iter().try_for_each(|folder| suite(peer, folder.as_ref()))
        }
        _ => Err(anyhow!("usage: briq-peers tract|candle SUITE_FOLDER…")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs every case of a suite, each in a process of its own.
fn suite(peer: &str, folder: &Path) -> Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?;
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<PathBuf>>>()?;
    let mut cases: Vec<PathBuf> = paths.into_iter().filter(|path| path.join("model.onnx").is_file()).collect();
    cases.sort();
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    for case in cases {
        let reason = attempt(peer, &case)?;
        println!("{}", serde_json::json!({"suite": name(folder), "case": name(&case), "reason": reason}));
    }
    Ok(())
}

/// Why the case does not pass.
fn attempt(peer: &str, case: &Path) -> Result<Option<String>> {
    let program = std::env::current_exe()?;
    let mut command = Command::new(program);
    command
        .args([peer, "--case"])
        .arg(case)
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command.spawn()?;
    if !ends_in_time(&mut child)? {
        child.kill()?;
        child.wait()?;
        return Ok(Some(format!("no answer within {} s", LIMIT.as_secs())));
    }
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let told = |line: &&str| !line.trim().is_empty() && !line.starts_with("note: ");
    let last = said.lines().rev().find(told).unwrap_or("ended by a signal");
    Ok((!output.status.success()).then(|| last.chars().take(160).collect()))
}

fn ends_in_time(child: &mut Child) -> Result<bool> {
    let began = Instant::now();
    while child.try_wait()?.is_none() {
        if began.elapsed() > LIMIT {
            return Ok(false);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(true)
}

/// Runs one case and compares every recorded set.
fn judge(peer: &str, case: &Path) -> Result<()> {
    let (_, run) = PEERS.iter().find(|(name, _)| *name == peer).ok_or_else(|| anyhow!("no peer is named {peer}"))?;
    let model = case.join("model.onnx");
    let graph = onnx::decode(&std::fs::read(&model)?).context("Briq itself cannot read the model")?;
    for set in 0.. {
        let folder = case.join(format!("test_data_set_{set}"));
        if !folder.is_dir() {
            break;
        }
        let found = run(&model, &graph, &recorded(&folder, "input", &graph.inputs)?)?;
        let expected = recorded(&folder, "output", &graph.outputs)?;
        ensure!(found.len() == expected.len(), "{} outputs instead of {}", found.len(), expected.len());
        for ((value, expected), found) in graph.outputs.iter().zip(&expected).zip(&found) {
            if let Err(reason) = compare::compare(expected, found) {
                bail!("output `{}`: {reason}", value.name);
            }
        }
    }
    Ok(())
}

fn recorded(folder: &Path, role: &str, values: &[Value]) -> Result<Vec<Datum>> {
    let read = |(index, value): (usize, &Value)| {
        let bytes = std::fs::read(folder.join(format!("{role}_{index}.pb")))?;
        Ok(Datum::decode(&bytes, value.form)?)
    };
    values.iter().enumerate().map(read).collect()
}
