//! `cargo xtask fuzz`: hands bytes at random to the readers of bytes from outside.
//!
//! It is no part of `cargo xtask ci`: cargo-fuzz passes flags to the compiler that only a nightly one takes, and two runs
//! never do the same.

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

/// The longest input in bytes; most readers have said all they can say long before.
const LONGEST: usize = 20_000;

/// What `cargo xtask fuzz` may be told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The target, a file of fuzz/fuzz_targets; all of them, one after the other, when it is left out
    target: Option<String>,
    /// For how long each target runs
    #[arg(long, default_value_t = 60, value_name = "N")]
    seconds: u32,
    /// What watches over memory; `none` needs no nightly flags and runs faster
    #[arg(long, default_value = "address", value_parser = ["address", "none"])]
    sanitizer: String,
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
    let mut command = workspace.cargo("fuzz");
    command.args(["run", "--sanitizer", &arguments.sanitizer, target]).arg(corpus).args(seeds(&workspace.root, target));
    // On a stable compiler this allows the flag of the sanitizer.
    command.env("RUSTC_BOOTSTRAP", "1").arg("--").arg(format!("-max_total_time={}", arguments.seconds));
    command.arg(format!("-max_len={LONGEST}"));
    process::run(command.args(["-timeout=20", "-rss_limit_mb=2048", "-malloc_limit_mb=512", "-print_final_stats=1"]))
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
    fn every_target_is_declared_and_has_seeds() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace");
        let manifest = std::fs::read_to_string(root.join("fuzz/Cargo.toml")).expect("it is there");
        let targets = targets(root).expect("the folder is there");
        assert!(!targets.is_empty());
        for target in targets {
            assert!(manifest.contains(&format!("fuzz_targets/{target}.rs")), "{target} is not declared");
            assert!(!seeds(root, &target).is_empty(), "{target} has no seeds");
        }
    }
}
