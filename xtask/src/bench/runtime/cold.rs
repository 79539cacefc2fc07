//! Cold starts: fresh processes, each from a closed file in the page cache to its first prediction; and their memory.

use anyhow::Result;
use serde_json::{Value, json};

use super::Arguments;
use super::contender::Contender;
use super::stage::{OURS, Prepared, Stage};
use super::subject::Subject;
use crate::bench::table::{Table, geometric_mean, median, megabytes, ratio, span};

/// One runtime on one network.
struct Start {
    name: String,
    /// Seconds from the closed file to the first prediction.
    seconds: f64,
    /// Bytes resident after it.
    resident: Option<f64>,
    /// Of these, bytes that came after the process itself had started.
    added: Option<f64>,
    /// Bytes of two processes together, shared pages counted once.
    both: Option<f64>,
}

/// Every network by one thread count and batch size, the first of each that was asked for.
pub(super) fn measure(
    stage: &Stage,
    subjects: Vec<Subject>,
    arguments: &Arguments,
    failures: &mut Vec<String>,
) -> Result<Value> {
    let first = |numbers: &[usize]| numbers.first().copied().unwrap_or(1);
    let (threads, batch) = (first(&arguments.threads), first(&arguments.batch));
    let mut measured = Vec::new();
    let mut rows = Vec::new();
    for subject in subjects {
        let prepared = stage.prepare(subject)?;
        let name = &prepared.subject.name;
        eprintln!("{name}, threads {threads}, batch {batch}");
        match starts(stage, &prepared, [threads, batch], arguments.rounds.max(1)) {
            Ok((weights, starts)) => {
                measured.push(to_json(name, weights, &starts));
                rows.push((name.clone(), weights, starts));
            }
            Err(error) => failures.push(format!("{name}: {error:#}")),
        }
    }
    println!("\ncold start, {threads} threads, batch {batch}\n\n{}", times(stage, &rows));
    println!("memory after the first prediction\n\n{}", memory(&rows));
    Ok(Value::Array(measured))
}

type Row = (String, Option<f64>, Vec<Start>);

/// Ours first, then every peer that runs the network; and the bytes of its weights.
fn starts(
    stage: &Stage,
    prepared: &Prepared,
    [threads, batch]: [usize; 2],
    rounds: usize,
) -> Result<(Option<f64>, Vec<Start>)> {
    let mut names = vec![OURS];
    names.extend(stage.peers());
    let start = |name: &str| match name {
        OURS => stage.ours(prepared, threads, batch),
        peer => stage.peer(peer, prepared, threads, batch),
    };
    let weights = start(OURS)?.ready["weights"].as_f64();
    names.retain(|name| match start(name) {
        Ok(_) => true,
        Err(error) => {
            eprintln!("  {name} does not run {}: {error:#}", prepared.subject.name);
            false
        }
    });
    let mut seconds = vec![Vec::new(); names.len()];
    for _ in 0..rounds {
        for (name, seconds) in names.iter().zip(&mut seconds) {
            seconds.push(start(name)?.start_up()?);
        }
    }
    let both = |(name, seconds): (&&str, Vec<f64>)| Start::of(name, median(seconds), start(name)?, start(name)?);
    Ok((weights, names.iter().zip(seconds).map(both).collect::<Result<_>>()?))
}

impl Start {
    /// Asks two living processes for their memory.
    fn of(name: &str, seconds: f64, mut one: Contender, mut other: Contender) -> Result<Self> {
        let memories = [one.ask("memory")?, other.ask("memory")?];
        let field = |memory: &Value, field: &str| memory[field].as_f64();
        let resident = field(&memories[0], "resident");
        let base = field(&memories[0], "base");
        let [first, second] = memories.each_ref().map(|memory| field(memory, "proportional"));
        let added = resident.zip(base).map(|(resident, base)| resident - base);
        let both = first.zip(second).map(|(first, second)| first + second);
        Ok(Self { name: name.to_owned(), seconds, resident, added, both })
    }
}

fn times(stage: &Stage, rows: &[Row]) -> Table {
    let mut heading = vec!["network".to_owned(), "weights".to_owned(), OURS.to_owned()];
    heading.extend(stage.peers().map(str::to_owned));
    heading.extend(stage.peers().map(|peer| format!("{peer} / {OURS}")));
    let mut table = Table::new(heading);
    let find = |starts: &[Start], peer: &str| starts.iter().find(|start| start.name == peer).map(|start| start.seconds);
    let mut ratios = vec![Vec::new(); stage.peers().count()];
    for (network, weights, starts) in rows {
        let ours = starts[0].seconds;
        let mut line = vec![network.clone(), megabytes(*weights), span(ours)];
        line.extend(stage.peers().map(|peer| find(starts, peer).map_or("–".into(), span)));
        for (peer, ratios) in stage.peers().zip(&mut ratios) {
            let by_ours = find(starts, peer).map(|seconds| seconds / ours);
            ratios.extend(by_ours);
            line.push(by_ours.map_or("–".into(), ratio));
        }
        table.row(line);
    }
    let mut means = vec![String::new(); 3 + ratios.len()];
    "geometric mean".clone_into(&mut means[0]);
    means.extend(ratios.iter().map(|ratios| geometric_mean(ratios).map_or("–".into(), ratio)));
    table.row(means);
    table
}

fn memory(rows: &[Row]) -> Table {
    let heading = ["network", "runtime", "resident", "of these by loading", "two processes"];
    let mut table = Table::new(heading.map(str::to_owned).to_vec());
    for (network, _, starts) in rows {
        for start in starts {
            let figures = [start.resident, start.added, start.both].map(megabytes);
            table.row([vec![network.clone(), start.name.clone()], figures.to_vec()].concat());
        }
    }
    table
}

fn to_json(network: &str, weights: Option<f64>, starts: &[Start]) -> Value {
    let start = |start: &Start| {
        let Start { name, seconds, resident, added, both } = start;
        json!({"name": name, "seconds": seconds, "resident": resident, "added": added, "two-processes": both})
    };
    json!({"network": network, "weights": weights, "starts": starts.iter().map(start).collect::<Vec<_>>()})
}
