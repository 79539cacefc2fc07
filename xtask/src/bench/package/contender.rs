//! Who is compared, and what each is told to do.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};
use briq_package::{Draft, Package, example};
use serde_json::{Value, json};

use super::weights;
use crate::process::{self, succeeds};

/// Saves the weights that it was given, as one file of safetensors or as a model of MLflow's.
const SCRIPT: &str = include_str!("save.py");

/// One step of ours, in a process of its own.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(super) enum Step {
    /// Packs the weights
    Pack,
    /// Checks everything that the package says
    Verify,
    /// Checks what its identity covers
    VerifyIdentity,
    /// Opens it and maps its weights
    Open,
}

/// One contender in one round.
pub(super) struct Measure {
    pub(super) seconds: f64,
    /// Bytes at the peak, beside mapped files.
    pub(super) memory: Option<f64>,
}

/// Something that is measured.
pub(super) struct Contender {
    pub(super) name: &'static str,
    action: Action,
}

enum Action {
    Ours(Step),
    /// A script for `sh -ec`; `$FOLDER/source` holds the weights, `$FOLDER/out` is for what it writes.
    Shell(&'static str),
    /// An interpreter, and what [`SCRIPT`] shall save.
    Python(String, &'static str),
}

/// What is compared under which heading; peers that are not there are left out.
pub(super) fn groups(python: Option<&Path>) -> Vec<(&'static str, Vec<Contender>)> {
    let ours = |name, step| Contender { name, action: Action::Ours(step) };
    let shell = |name, script| Contender { name, action: Action::Shell(script) };
    let mut packing = vec![
        ours("briq", Step::Pack),
        shell("cp, sync", "cp --reflink=never $FOLDER/source/* $FOLDER/out; sync $FOLDER/out/*"),
        shell("sha256sum alone", "sha256sum $FOLDER/source/*"),
        shell("tar, sync, sha256sum", "cd $FOLDER; tar -cf out/tar source; sync out/tar; sha256sum out/tar"),
    ];
    for (name, what) in [("safetensors.save_file, fsync", "safetensors"), ("mlflow.pyfunc.save_model", "mlflow")] {
        let python = python.map(|python| Action::Python(python.display().to_string(), what));
        packing.extend(python.map(|action| Contender { name, action }));
    }
    let mut verifying = vec![ours("briq", Step::VerifyIdentity), ours("briq --full", Step::Verify)];
    if succeeds("b3sum", &["--version"]) {
        verifying.push(shell("b3sum", "b3sum $FOLDER/package.briq"));
    }
    verifying.push(shell("sha256sum", "sha256sum $FOLDER/package.briq"));
    let opening = vec![ours("briq", Step::Open)];
    vec![("pack", packing), ("verify", verifying), ("open and map", opening)]
}

impl Contender {
    pub(super) fn measure(&self, folder: &Path) -> Result<Measure> {
        let out = folder.join("out");
        fs::create_dir(&out).context("make a folder for what is written")?;
        let measured = match &self.action {
            Action::Ours(step) => step.start(folder),
            Action::Shell(script) => shell(script, folder),
            Action::Python(python, what) => {
                let files = weights::files(folder)?;
                hear(Command::new(python).args(["-c", SCRIPT, what]).arg(&out).args(files))
            }
        };
        fs::remove_dir_all(&out)?;
        measured
    }
}

fn shell(script: &str, folder: &Path) -> Result<Measure> {
    let began = Instant::now();
    process::read(Command::new("sh").args(["-ec", script]).env("FOLDER", folder))?;
    Ok(Measure { seconds: began.elapsed().as_secs_f64(), memory: None })
}

/// Runs what prints a measure in its last line.
fn hear(command: &mut Command) -> Result<Measure> {
    let said = process::read(command)?;
    let value: Value = serde_json::from_str(said.lines().last().unwrap_or_default())?;
    let seconds = value["seconds"].as_f64().context("it does not say how long it took")?;
    Ok(Measure { seconds, memory: value["memory"].as_f64() })
}

impl Step {
    /// In a process of its own, so that its memory is its own.
    fn start(self, folder: &Path) -> Result<Measure> {
        let name = clap::ValueEnum::to_possible_value(&self).context("every step has a name")?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["bench", "package", "--step", name.get_name(), "--folder"]).arg(folder);
        hear(&mut command)
    }

    /// In this process.
    pub(super) fn run(self, folder: &Path) -> Result<Measure> {
        let package = folder.join("package.briq");
        // What is mapped counts as such only as long as it is: the package stays open until the memory was read.
        let (seconds, _open) = match self {
            Self::Pack => (pack(folder, &package)?, None),
            Self::Verify => kept(timed(|| open(&package, |package| Ok(package.verify().map(drop)?)))?),
            Self::VerifyIdentity => {
                kept(timed(|| open(&package, |package| Ok(package.verify_identity().map(drop)?)))?)
            }
            Self::Open => kept(timed(|| open(&package, look))?),
        };
        Ok(Measure { seconds, memory: memory() })
    }
}

impl Measure {
    pub(super) fn to_json(&self) -> Value {
        json!({"seconds": self.seconds, "memory": self.memory})
    }
}

fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<(f64, T)> {
    let began = Instant::now();
    let result = work()?;
    Ok((began.elapsed().as_secs_f64(), result))
}

fn kept((seconds, package): (f64, Package)) -> (f64, Option<Package>) {
    (seconds, Some(package))
}

fn pack(folder: &Path, package: &Path) -> Result<f64> {
    let mut manifest = example::manifest();
    let files = weights::files(folder)?;
    manifest.model.weights =
        (0..files.len()).map(|number| weights::name(number, files.len()).parse()).collect::<Result<_, _>>()?;
    let mut draft = Draft::new(manifest.clone());
    draft.add_bytes(manifest.model.structure.clone(), b"structure".to_vec())?;
    for (path, file) in manifest.model.weights.into_iter().zip(files) {
        draft.add_file(path, file)?;
    }
    // The blocks of the last round's package are not freed while this one is written.
    if package.exists() {
        fs::remove_file(package)?;
    }
    Ok(timed(|| Ok(draft.write(package)?))?.0)
}

fn open(package: &Path, work: impl FnOnce(&Package) -> Result<()>) -> Result<Package> {
    let package = Package::open(package)?;
    work(&package)?;
    Ok(package)
}

/// Maps every shard, and looks at its first byte and at its last.
fn look(package: &Package) -> Result<()> {
    for path in &package.manifest().model.weights {
        let bytes = package.map_unverified(path)?;
        std::hint::black_box([bytes.first(), bytes.last()]);
    }
    Ok(())
}

/// The most memory that this process had, less the files that are mapped: packages, and the program itself.
fn memory() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let kibibytes = |field: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(field))?;
        line.trim_start_matches(':').trim().trim_end_matches("kB").trim().parse::<f64>().ok()
    };
    Some((kibibytes("VmHWM")? - kibibytes("RssFile")?).max(0.0) * 1024.0)
}
