//! `cargo xtask bench runtime`: Briq's runtime beside ONNX Runtime and tract.
//!
//! Each runtime is a process that stays alive and measures a round whenever it is told to, so that rounds of all of
//! them alternate: what else the machine does meanwhile falls on all alike. A ratio is a peer's time by ours, taken in
//! each round, and the median over the rounds is told: above 1, Briq is the faster one.

mod agreement;
mod cold;
mod contender;
mod latency;
mod stage;
mod subject;

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use self::stage::Stage;
use self::subject::{Dimension, Range, Subject};
use super::networks::{NETWORKS, Network};
use crate::workspace::Workspace;

/// What `cargo xtask bench runtime` may be told.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Networks, by name [default: all, or with --onnx none]
    #[arg(long, value_delimiter = ',')]
    networks: Vec<String>,
    /// A network of your own, in an ONNX file; may be repeated. Those built in are measured where --networks names them
    #[arg(long = "onnx", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The length of an open dimension of such a file, other than the first of an input; may be repeated
    #[arg(long = "dimension", value_name = "NAME=LENGTH", requires = "files")]
    dimensions: Vec<Dimension>,
    /// The integers that an input of such a file is drawn from, the last one excluded [default: 0..2]; may be repeated
    #[arg(long = "range", value_name = "INPUT=FIRST..END", requires = "files")]
    ranges: Vec<Range>,
    /// Threads of each runtime, one series after the other
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2])]
    threads: Vec<usize>,
    /// Examples in each prediction, one series after the other
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8])]
    batch: Vec<usize>,
    /// Rounds of each runtime
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long a round lasts
    #[arg(long, default_value_t = 0.5)]
    seconds: f64,
    /// Compare the least times instead of medians: fairer where others use the machine meanwhile
    #[arg(long)]
    least: bool,
    /// Peers to compare with; none to measure Briq alone
    #[arg(long, value_delimiter = ',', default_values_t = ["onnxruntime".to_owned(), "tract".to_owned()])]
    peers: Vec<String>,
    /// The backend that Briq computes on
    #[arg(long, default_value = "flex")]
    backend: String,
    /// Measure cold starts and memory instead: fresh processes, from a closed file to the first prediction
    #[arg(long)]
    cold: bool,
    /// Measure this program instead of building briq
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Write what was measured, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Name the networks and measure nothing
    #[arg(long)]
    list: bool,
}

/// Measures, prints tables, and fails where Briq does not run or does not agree with a peer.
pub(super) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    if arguments.list {
        NETWORKS.iter().for_each(|network| println!("{:20} {}", network.name, network.about));
        return Ok(());
    }
    let subjects = subjects(arguments)?;
    let stage = Stage::set(workspace, arguments)?;
    let mut failures = Vec::new();
    let measured = if arguments.cold {
        cold::measure(&stage, subjects, arguments, &mut failures)?
    } else {
        latency::measure(&stage, subjects, arguments, &mut failures)?
    };
    if let Some(file) = &arguments.json {
        write(file, &json!({"machine": machine(), "versions": stage.versions(), "measured": measured}))?;
    }
    ensure!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
    Ok(())
}

/// The networks that were asked for, then the files.
fn subjects(arguments: &Arguments) -> Result<Vec<Subject>> {
    let mut networks: Vec<_> = arguments.networks.iter().map(|name| chosen(name)).collect::<Result<_>>()?;
    if networks.is_empty() && arguments.files.is_empty() {
        networks.extend(&NETWORKS);
    }
    let ours = networks.into_iter().map(Subject::ours);
    let files = arguments.files.iter().map(|file| Subject::file(file, &arguments.dimensions, &arguments.ranges));
    let subjects: Vec<_> = ours.chain(files).collect::<Result<_>>()?;
    let mut names = BTreeSet::new();
    match subjects.iter().find(|subject| !names.insert(&subject.name)) {
        Some(subject) => bail!("two networks are called {}: rename a file", subject.name),
        None => Ok(subjects),
    }
}

fn chosen(name: &str) -> Result<&'static Network> {
    match NETWORKS.iter().find(|network| network.name == name) {
        Some(network) => Ok(network),
        None => bail!("no network is called {name}; --list names them"),
    }
}

fn machine() -> Value {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let flags = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let vectors: Vec<_> = ["avx2", "fma", "avx512f"].into_iter().filter(|flag| flags.contains(flag)).collect();
    json!({"processors": processors, "architecture": std::env::consts::ARCH, "features": vectors})
}

fn write(file: &std::path::Path, value: &Value) -> Result<()> {
    std::fs::write(file, format!("{value:#}\n")).with_context(|| format!("write {}", file.display()))
}
