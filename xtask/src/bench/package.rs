//! `cargo xtask bench package`: packing, verifying and opening beside the programs that do the same to plain files.
//!
//! Each step is a process of its own and begins with its inputs in the page cache; what writes a file has it on the disk
//! when its time ends. Rounds of all contenders alternate, so that what else the machine does falls on all alike.

mod contender;
mod weights;

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use self::contender::{Contender, Measure};
use super::table::{Table, median, megabytes, ratio, span};
use crate::peers;
use crate::workspace::Workspace;

/// What `cargo xtask bench package` may be told.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Weights in MiB
    #[arg(long, default_value_t = 1024)]
    mebibytes: usize,
    /// Files that they are in
    #[arg(long, default_value_t = 4)]
    shards: usize,
    /// Rounds of each contender
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Where to work: the disk that is measured [default: the folder for temporary files]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Leave out what needs Python
    #[arg(long)]
    no_python: bool,
    /// Write what was measured, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Be one step of the measurement
    #[arg(long, hide = true, requires = "folder")]
    step: Option<contender::Step>,
}

/// What a contender did in one round after another.
struct Series {
    name: &'static str,
    measures: Vec<Measure>,
}

/// Measures and prints.
pub(super) fn run(_: &Workspace, arguments: &Arguments) -> Result<()> {
    if let (Some(step), Some(folder)) = (arguments.step, &arguments.folder) {
        println!("{}", step.run(folder)?.to_json());
        return Ok(());
    }
    ensure!(arguments.mebibytes > 0 && arguments.shards > 0, "there must be weights, in at least one file");
    let base = arguments.folder.clone().unwrap_or_else(std::env::temp_dir);
    let folder = tempfile::Builder::new().prefix("briq-bench-").tempdir_in(&base);
    let folder = folder.with_context(|| format!("make a folder in {}", base.display()))?;
    weights::write(folder.path(), arguments.mebibytes << 20, arguments.shards)?;
    let python = if arguments.no_python { None } else { peers::packaging()? };
    let mut measured = Vec::new();
    for (heading, contenders) in contender::groups(python.as_deref()) {
        let series = alternate(&contenders, folder.path(), arguments.rounds.max(1))?;
        println!("\n{heading}\n\n{}", table(&series));
        measured.push(json!({"what": heading, "series": series.iter().map(Series::to_json).collect::<Vec<_>>()}));
    }
    if let Some(file) = &arguments.json {
        std::fs::write(file, format!("{:#}\n", Value::Array(measured)))
            .with_context(|| format!("write {}", file.display()))?;
    }
    Ok(())
}

/// Ours first, then every peer that is there, and again.
fn alternate(contenders: &[Contender], folder: &std::path::Path, rounds: usize) -> Result<Vec<Series>> {
    let mut series: Vec<Series> =
        contenders.iter().map(|contender| Series { name: contender.name, measures: Vec::new() }).collect();
    for round in 1..=rounds {
        for (contender, series) in contenders.iter().zip(&mut series) {
            eprintln!("round {round} of {rounds}: {}", contender.name);
            series.measures.push(contender.measure(folder)?);
        }
    }
    Ok(series)
}

impl Series {
    fn seconds(&self) -> f64 {
        median(self.measures.iter().map(|measure| measure.seconds).collect())
    }

    /// The median over the rounds of this one's time by the other's.
    fn by(&self, other: &Self) -> f64 {
        let pairs = self.measures.iter().zip(&other.measures);
        median(pairs.map(|(own, other)| own.seconds / other.seconds).collect())
    }

    /// The most memory that it took in any round, beside the files that it mapped.
    fn memory(&self) -> Option<f64> {
        self.measures.iter().filter_map(|measure| measure.memory).reduce(f64::max)
    }

    fn to_json(&self) -> Value {
        let seconds: Vec<f64> = self.measures.iter().map(|measure| measure.seconds).collect();
        json!({"name": self.name, "seconds": seconds, "memory": self.memory()})
    }
}

/// The first one is ours.
fn table(series: &[Series]) -> Table {
    let heading = ["contender", "time", "by briq's", "memory"];
    let mut table = Table::new(heading.map(str::to_owned).to_vec());
    for one in series {
        let cells = [span(one.seconds()), ratio(one.by(&series[0])), megabytes(one.memory())];
        table.row([vec![one.name.to_owned()], cells.to_vec()].concat());
    }
    table
}
