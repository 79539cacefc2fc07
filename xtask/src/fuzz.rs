//! `cargo xtask fuzz`: hands bytes at random to the readers of bytes from outside.
//!
//! It is no part of `cargo xtask ci`: cargo-fuzz passes flags to the compiler that only a nightly one takes, and two runs
//! never do the same. What runs have found worth keeping lies in `fuzz/seeds`, which the tests of `fuzz/` replay.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::process::{self, succeeds};
use crate::workspace::Workspace;

/// Samples of tests that are seeds as they are, by target.
const SAMPLES: [(&str, &str); 4] = [
    ("keras", "crates/briq-import/tests/import/samples"),
    ("keys", "crates/briq-package/tests/package/pem"),
    ("onnx", "crates/briq-graph/tests/graph/exports"),
    ("pytorch", "crates/briq-import/tests/import/samples"),
];

/// What is committed stays small: longer inputs are cut to this.
const LONGEST_KEPT: &str = "-max_len=1024";

/// What a reading may take. Leaks are not looked for: that takes longer than most readings.
const LIMITS: [&str; 4] = ["-timeout=20", "-rss_limit_mb=2048", "-malloc_limit_mb=512", "-detect_leaks=0"];

/// A stable compiler takes the flag of the sanitizer; what a failure prints has names of functions; and what a reader does
/// on other threads, it does on one.
const ENVIRONMENT: [(&str, &str); 4] = [
    ("RUSTC_BOOTSTRAP", "1"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only"),
    ("CARGO_PROFILE_RELEASE_STRIP", "none"),
    ("RAYON_NUM_THREADS", "1"),
];

/// What `cargo xtask fuzz` may be told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The target, a file of fuzz/fuzz_targets; all of them, one after the other, when it is left out
    target: Option<String>,
    /// For how long each target runs at most; a minute when neither this nor --runs is given
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// How often each target is executed at most
    #[arg(long, value_name = "N")]
    runs: Option<u64>,
    /// What watches over memory; `none` runs faster, and misses what only unsafe code and C can do wrong
    #[arg(long, default_value = "address", value_parser = ["address", "none"])]
    sanitizer: String,
    /// Then adds to fuzz/seeds what reaches more than the seeds do
    #[arg(long)]
    keep: bool,
}

impl Arguments {
    /// When a target has run enough.
    fn ends(&self) -> Vec<String> {
        let seconds = self.seconds.or(self.runs.is_none().then_some(60));
        let ends = [
            seconds.map(|seconds| format!("-max_total_time={seconds}")),
            self.runs.map(|runs| format!("-runs={runs}")),
        ];
        ends.into_iter().flatten().collect()
    }
}

/// Builds and runs the targets; fails at the first input that a target does not survive.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    check_tools()?;
    let known = targets(&workspace.root)?;
    let wanted = match &arguments.target {
        Some(target) if known.contains(target) => vec![target.clone()],
        Some(target) => bail!("there is no fuzz target `{target}`, but {}", known.join(", ")),
        None => known,
    };
    wanted.iter().try_for_each(|target| run_target(workspace, target, arguments))
}

/// Names what is missing, and where it comes from.
fn check_tools() -> Result<()> {
    ensure!(succeeds("cargo-fuzz", &["--version"]), "cargo-fuzz is missing: cargo install cargo-fuzz --locked");
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    ensure!(succeeds(&compiler, &["--version"]), "a C++ compiler is missing, for libFuzzer: install g++ or clang");
    Ok(())
}

/// The fuzz targets, in alphabetical order.
fn targets(root: &Path) -> Result<Vec<String>> {
    let folder = root.join("fuzz/fuzz_targets");
    let entries = std::fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))?;
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let mut names: Vec<_> =
        paths.iter().filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned())).collect();
    names.sort();
    Ok(names)
}

fn run_target(workspace: &Workspace, target: &str, arguments: &Arguments) -> Result<()> {
    println!("fuzz: {target}");
    let corpus = workspace.root.join("fuzz/corpus").join(target);
    std::fs::create_dir_all(&corpus).with_context(|| format!("make {}", corpus.display()))?;
    let folders = [corpus].into_iter().chain(seeds(&workspace.root, target));
    // Inputs that are read faster are changed more often.
    let mut how = vec![format!("-max_len={}", longest(target)), "-print_final_stats=1".to_owned()];
    how.push("-entropic_scale_per_exec_time=1".to_owned());
    how.extend(arguments.ends());
    fuzz(workspace, target, &arguments.sanitizer, folders, &how)?;
    if arguments.keep { keep(workspace, target, arguments) } else { Ok(()) }
}

/// Adds to the seeds a few short inputs that reach the code that the corpus does and they do not.
fn keep(workspace: &Workspace, target: &str, arguments: &Arguments) -> Result<()> {
    let folders = ["seeds", "corpus"].map(|folder| workspace.root.join("fuzz").join(folder).join(target));
    std::fs::create_dir_all(&folders[0]).with_context(|| format!("make {}", folders[0].display()))?;
    // Without counters a seed is for a place in the code, not also for how often it is passed.
    let how = ["-set_cover_merge=1", "-use_counters=0", LONGEST_KEPT].map(str::to_owned);
    fuzz(workspace, target, &arguments.sanitizer, folders, &how)
}

/// Has cargo-fuzz build a target, and libFuzzer run it over folders of inputs.
fn fuzz(
    workspace: &Workspace,
    target: &str,
    sanitizer: &str,
    folders: impl IntoIterator<Item = PathBuf>,
    how: &[String],
) -> Result<()> {
    let mut command = workspace.cargo("fuzz");
    command.envs(ENVIRONMENT).args(["run", "--features", "libfuzzer", "--sanitizer", sanitizer, target]);
    command.args(folders).arg("--").args(LIMITS).args(how);
    process::run(&mut command)
}

/// The longest input in bytes: most readers have said all they can say long before. Samples may be longer.
fn longest(target: &str) -> usize {
    if SAMPLES.iter().any(|(name, _)| *name == target) { 20_000 } else { 8192 }
}

/// Folders with inputs to begin with.
fn seeds(root: &Path, target: &str) -> Vec<PathBuf> {
    let samples = SAMPLES.iter().filter(|(name, _)| *name == target).map(|(_, folder)| root.join(folder));
    samples.chain([root.join("fuzz/seeds").join(target)]).filter(|folder| folder.is_dir()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_declared_replayed_and_has_seeds() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace");
        let manifest = std::fs::read_to_string(root.join("fuzz/Cargo.toml")).expect("it is there");
        let replayed = std::fs::read_to_string(root.join("fuzz/tests/replay.rs")).expect("it is there");
        let targets = targets(root).expect("the folder is there");
        assert!(!targets.is_empty());
        for target in targets {
            assert!(manifest.contains(&format!("fuzz_targets/{target}.rs")), "{target} is not declared");
            assert!(replayed.split_whitespace().any(|word| word == target), "{target} is not replayed");
            assert!(!seeds(root, &target).is_empty(), "{target} has no seeds");
        }
    }
}
