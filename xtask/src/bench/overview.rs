//! `cargo xtask bench` by itself: what building, packaging and serving cost on this machine.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::load::Load;
use crate::story::Story;
use crate::workspace::{BUILD, Workspace};
use crate::{demo, process};

/// What `cargo xtask bench` by itself may be told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The crate whose build by itself is timed
    #[arg(long, default_value = "briq-package")]
    package: String,
    /// How long each load on the server lasts
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// A crate that is built alone, in a folder of its own.
struct Alone {
    crates: usize,
    seconds: f64,
}

/// Connections of the loads, one after the other.
const CONNECTIONS: [usize; 2] = [1, 16];

/// A figure: its name, its number, its unit.
type Figure = (String, f64, &'static str);

/// Measures and prints.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let began = Instant::now();
    let program = workspace.build_briq()?;
    let mut figures: Vec<Figure> = vec![
        ("build, from what was there".into(), began.elapsed().as_secs_f64(), "s"),
        ("size of briq".into(), std::fs::metadata(&program)?.len() as f64 / 1e6, "MB"),
        ("briq --version".into(), start_up(&program)? * 1e3, "ms"),
    ];
    figures.extend(serving(&program, arguments.seconds)?);
    let Alone { crates, seconds } = alone(workspace, &arguments.package)?;
    figures.push((format!("crates of {} alone", arguments.package), crates as f64, "crates"));
    figures.push((format!("build of {} alone, from nothing", arguments.package), seconds, "s"));
    print(&figures, arguments.json);
    Ok(())
}

fn print(figures: &[Figure], as_json: bool) {
    if as_json {
        let figures = figures.iter().map(|(name, value, unit)| json!({"name": name, "value": value, "unit": unit}));
        return println!("{:#}", Value::Array(figures.collect()));
    }
    let mut story = Story::new("Figures", "of this machine, now");
    for (name, value, unit) in figures {
        story.figure(name, format!("{value:.*} {unit}", if *value < 100.0 { 2 } else { 0 }));
    }
    story.close();
}

/// Answers each second and their times, over HTTP and JSON, for few and for many connections.
fn serving(program: &Path, seconds: f64) -> Result<Vec<Figure>> {
    let lasting = Duration::try_from_secs_f64(seconds).context("--seconds is no length of time")?;
    demo::with_server(program, |question| {
        let mut figures = Vec::new();
        for connections in CONNECTIONS {
            let load = Load::start(question, connections);
            std::thread::sleep(lasting);
            let tally = load.stop()?;
            ensure!(tally.failures.is_empty(), "a request failed: {}", tally.failures[0]);
            let name = |what: &str| format!("connections {connections}: {what}");
            figures.push((name("answers"), tally.rate(), "/s"));
            figures.push((name("half within"), tally.quantile(0.5).as_secs_f64() * 1e3, "ms"));
            figures.push((name("99 % within"), tally.quantile(0.99).as_secs_f64() * 1e3, "ms"));
        }
        Ok(figures)
    })
}

/// Builds one crate from nothing, with downloads already done.
fn alone(workspace: &Workspace, package: &str) -> Result<Alone> {
    process::run(workspace.cargo("fetch").arg("--quiet"))?;
    let folder = tempfile::tempdir()?;
    let began = Instant::now();
    let mut command = workspace.cargo("build");
    command.args([BUILD[0], "--package", package, "--message-format", "json"]);
    let messages = process::read(command.arg("--target-dir").arg(folder.path()))?;
    let seconds = began.elapsed().as_secs_f64();
    let built = cargo_metadata::Message::parse_stream(messages.as_bytes()).filter_map(|message| match message {
        Ok(cargo_metadata::Message::CompilerArtifact(artifact)) => Some(artifact.package_id.repr),
        _ => None,
    });
    Ok(Alone { crates: built.collect::<std::collections::BTreeSet<_>>().len(), seconds })
}

/// The quickest of ten starts.
fn start_up(program: &Path) -> Result<f64> {
    let mut best = f64::INFINITY;
    for _ in 0..10 {
        let began = Instant::now();
        process::read(std::process::Command::new(program).arg("--version")).context("start briq")?;
        best = best.min(began.elapsed().as_secs_f64());
    }
    Ok(best)
}
