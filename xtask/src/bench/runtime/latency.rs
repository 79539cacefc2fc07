//! Predictions in turns: a round of ours, a round of each peer, and again.

use anyhow::Result;
use serde_json::{Value, json};

use super::Arguments;
use super::agreement::{TOLERANCE, difference, outputs};
use super::contender::Contender;
use super::stage::{Prepared, Stage};
use super::subject::Subject;
use crate::bench::networks::{NODES, TRIVIAL};
use crate::bench::table::{Table, geometric_mean, median, ratio, span};

/// How one network fared in one setting.
struct Row {
    network: String,
    batch: usize,
    /// Seconds.
    ours: f64,
    peers: Vec<Beside>,
}

/// A peer beside ours; without figures where it could not run.
struct Beside {
    name: String,
    seconds: f64,
    ratio: f64,
    difference: f64,
}

/// One setting.
#[derive(Clone, Copy)]
struct Setting {
    threads: usize,
    batch: usize,
    rounds: usize,
    seconds: f64,
    least: bool,
}

/// Every network in every setting: a table for each number of threads, and all of it as JSON.
pub(super) fn measure(
    stage: &Stage,
    subjects: Vec<Subject>,
    arguments: &Arguments,
    failures: &mut Vec<String>,
) -> Result<Value> {
    let mut measured = Vec::new();
    let prepared = subjects.into_iter().map(|subject| stage.prepare(subject)).collect::<Result<Vec<_>>>()?;
    for &threads in &arguments.threads {
        let mut rows = Vec::new();
        for prepared in &prepared {
            for &batch in &arguments.batch {
                let setting = Setting::new(arguments, threads, batch);
                match row(stage, prepared, setting, failures) {
                    Ok(row) => rows.push(row),
                    Err(error) => failures.push(format!("{}, batch {batch}: {error:#}", prepared.subject.name)),
                }
            }
        }
        print(stage, threads, &rows);
        measured.extend(rows.iter().map(|row| row.json(threads)));
    }
    Ok(Value::Array(measured))
}

fn row(stage: &Stage, prepared: &Prepared, setting: Setting, failures: &mut Vec<String>) -> Result<Row> {
    let Setting { threads, batch, .. } = setting;
    let name = &prepared.subject.name;
    eprintln!("{name}, threads {threads}, batch {batch}");
    let mut contenders = vec![stage.ours(prepared, threads, batch)?];
    for peer in stage.peers() {
        match stage.peer(peer, prepared, threads, batch) {
            Ok(contender) => contenders.push(contender),
            Err(error) => eprintln!("  {peer} does not run {name}: {error:#}"),
        }
    }
    let differences = differences(&mut contenders, name, failures)?;
    let rounds = rounds(&mut contenders, setting)?;
    let beside = |position: usize| Beside {
        name: contenders[position].name.clone(),
        seconds: setting.time(&rounds, position),
        ratio: setting.ratio(&rounds, position),
        difference: differences[position],
    };
    let peers = (1..contenders.len()).map(beside).collect();
    Ok(Row { network: name.clone(), batch, ours: setting.time(&rounds, 0), peers })
}

impl Setting {
    fn new(arguments: &Arguments, threads: usize, batch: usize) -> Self {
        let Arguments { rounds, seconds, least, .. } = *arguments;
        Self { threads, batch, rounds: rounds.max(1), seconds, least }
    }

    /// What is read from each round.
    fn figure(self) -> &'static str {
        if self.least { "min" } else { "median" }
    }

    /// The time of one contender over all rounds.
    fn time(self, rounds: &[Vec<f64>], position: usize) -> f64 {
        let times = rounds.iter().map(|round| round[position]);
        if self.least { times.fold(f64::INFINITY, f64::min) } else { median(times.collect()) }
    }

    /// Its time by ours: round by round, unless the least times of all rounds are compared.
    fn ratio(self, rounds: &[Vec<f64>], position: usize) -> f64 {
        if self.least {
            return self.time(rounds, position) / self.time(rounds, 0);
        }
        median(rounds.iter().map(|round| round[position] / round[0]).collect())
    }
}

/// The times of each round, in the order of the contenders.
fn rounds(contenders: &mut [Contender], setting: Setting) -> Result<Vec<Vec<f64>>> {
    let round = |_| contenders.iter_mut().map(|contender| contender.round(setting.seconds, setting.figure())).collect();
    (0..setting.rounds).map(round).collect()
}

/// How far each contender is from ours; too far is a failure.
fn differences(contenders: &mut [Contender], network: &str, failures: &mut Vec<String>) -> Result<Vec<f64>> {
    let folder = tempfile::tempdir()?;
    let all = contenders.iter_mut().map(|contender| outputs(contender, folder.path())).collect::<Result<Vec<_>>>()?;
    let differences = all.iter().map(|theirs| difference(&all[0], theirs)).collect::<Result<Vec<_>>>()?;
    for (contender, difference) in contenders.iter().zip(&differences) {
        if *difference > TOLERANCE {
            failures.push(format!("{network}: ours and {} differ by {difference:.1e}", contender.name));
        }
    }
    Ok(differences)
}

fn print(stage: &Stage, threads: usize, rows: &[Row]) {
    let mut heading = vec!["network".to_owned(), "batch".to_owned(), "briq".to_owned()];
    heading.extend(stage.peers().map(str::to_owned));
    heading.extend(stage.peers().map(|peer| format!("{peer} / briq")));
    heading.push("difference".to_owned());
    let mut table = Table::new(heading);
    for row in rows {
        let cells =
            |cell: fn(&Beside) -> String| stage.peers().map(move |peer| row.peer(peer).map_or("–".into(), cell));
        let largest = row.peers.iter().map(|beside| beside.difference).fold(0.0, f64::max);
        let mut line = vec![row.network.clone(), row.batch.to_string(), span(row.ours)];
        line.extend(cells(|beside| span(beside.seconds)));
        line.extend(cells(|beside| ratio(beside.ratio)));
        line.push(format!("{largest:.0e}"));
        table.row(line);
    }
    table.row(means(stage, rows));
    println!("\n{threads} {}\n\n{table}", if threads == 1 { "thread" } else { "threads" });
    per_node(rows);
}

/// The geometric means of the ratios, over networks; the trivial nodes are none.
fn means(stage: &Stage, rows: &[Row]) -> Vec<String> {
    let mut line = vec!["geometric mean".to_owned(), String::new(), String::new()];
    line.extend(stage.peers().map(|_| String::new()));
    line.extend(stage.peers().map(|peer| {
        let networks = rows.iter().filter(|row| row.network != TRIVIAL);
        let ratios: Vec<f64> = networks.filter_map(|row| Some(row.peer(peer)?.ratio)).collect();
        geometric_mean(&ratios).map_or("–".into(), ratio)
    }));
    line.push(String::new());
    line
}

/// What one trivial node costs.
fn per_node(rows: &[Row]) {
    let Some(row) = rows.iter().find(|row| row.network == TRIVIAL && row.batch == 1) else { return };
    let each = |name: &str, seconds: f64| format!("{name} {:.0} ns", seconds / NODES as f64 * 1e9);
    let peers = row.peers.iter().map(|beside| each(&beside.name, beside.seconds));
    let all: Vec<_> = std::iter::once(each("briq", row.ours)).chain(peers).collect();
    println!("each of {NODES} trivial nodes: {}", all.join(", "));
}

impl Row {
    fn peer(&self, name: &str) -> Option<&Beside> {
        self.peers.iter().find(|beside| beside.name == name)
    }

    fn json(&self, threads: usize) -> Value {
        let peer = |beside: &Beside| {
            let Beside { name, seconds, ratio, difference } = beside;
            json!({"name": name, "seconds": seconds, "ratio": ratio, "difference": difference})
        };
        let peers: Vec<_> = self.peers.iter().map(peer).collect();
        json!({"network": self.network, "threads": threads, "batch": self.batch, "seconds": self.ours, "peers": peers})
    }
}
